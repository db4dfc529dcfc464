import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { closeAll } from '../../src/closing.js';
import { eachOf, fleetText, list, type Look, statusAll, worst } from '../../src/commands/fleet.js';
import { ANSWERS_DOCUMENT, DRAFT_DOCUMENT, withState } from '../../src/commands/open.js';
import type { Summary } from '../../src/commands/summary.js';
import { RESTORE_TEST_DOCUMENT } from '../../src/backup/restore-test.js';
import { EXIT } from '../../src/errors.js';
import { speak } from '../../src/words.js';

const summary = (changes: Partial<Summary> = {}): Summary => ({
  installation: 'tilleuls',
  target: 'host',
  server: { host: '192.0.2.7', port: 22, user: 'debian' },
  site: { http: 'http://192.0.2.7:80', domain: 'tilleuls.example.org', health: { ok: true, answers: [] } },
  services: [{ service: 'postgres', state: 'running', health: 'healthy', ok: true, image: 'postgres', imagesLabel: 'registry' }] as unknown as Summary['services'],
  volumes: { overall: 'healthy', volumes: [] } as unknown as Summary['volumes'],
  backup: { id: '20261122T020000Z-1a2b3c', storedBytes: 1, ratio: 1, tables: 1 },
  restoreTest: undefined,
  recoveryCopy: null,
  ...changes,
});
const NOW = new Date('2026-11-22T14:30:00Z');
const unreachable: Look = { installation: 'erables', problem: 'nobody answers at 192.0.2.9', hints: ['koprogo-infra doctor'], exitCode: EXIT.failed };
const locked = summary({ volumes: { overall: 'locked', volumes: [] } as unknown as Summary['volumes'], backup: undefined });

afterEach(() => {
  speak('en');
});

describe('a fleet', () => {
  it('is shown a line each, with what could not be asked below', () => {
    expect(fleetText([{ installation: 'tilleuls', summary: summary() }, unreachable, { installation: 'chenes', summary: locked }], NOW).split('\n')).toEqual([
      expect.stringMatching(/^Name {6}Site .*Services {4}Volumes {2}Newest backup$/),
      expect.stringMatching(/^tilleuls {2}tilleuls\.example\.org answers {2}1 of 1 run {2}open {5}12 h 30 min ago$/),
      expect.stringMatching(/^erables {3}NOT KNOWN, see below$/),
      expect.stringMatching(/^chenes .*LOCKED +never$/),
      '',
      'erables: nobody answers at 192.0.2.9',
      '  → koprogo-infra doctor',
    ]);
  });

  it('says how old an old backup is in days, also in French', () => {
    speak('fr');
    expect(fleetText([{ installation: 'tilleuls', summary: summary() }], new Date('2026-12-02T14:30:00Z'))).toMatch(/1 sur 1 tournent {2}ouverts {2}il y a 10 jours$/);
  });

  it('ends with the worst of all', () => {
    const fine: Look = { installation: 'a', summary: summary() };
    const poor: Look = { installation: 'b', summary: summary({ site: { ...summary().site, health: { ok: false, answers: [] } } }) };
    const shut: Look = { installation: 'c', summary: locked };
    expect([worst([fine]), worst([fine, poor]), worst([poor, shut]), worst([shut, poor, unreachable]), worst([])]).toEqual([EXIT.ok, EXIT.degraded, EXIT.locked, EXIT.failed, EXIT.ok]);
  });
});

it('does at most so many things at a time, and keeps their order', async () => {
  let [running, most] = [0, 0];
  const results = await eachOf([30, 5, 20, 1, 10], 2, async (ms) => {
    running += 1;
    most = Math.max(most, running);
    await pause(ms);
    running -= 1;
    return ms;
  });
  expect([results, most]).toEqual([[30, 5, 20, 1, 10], 2]);
  await expect(eachOf([1, 2], 2, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
});

describe('the commands', () => {
  let home: string;
  let output = '';
  beforeEach(() => {
    home = mkdtempSync(join(tmpdir(), 'koprogo-fleet-'));
    for (const folder of ['STATE', 'CONFIG', 'DATA', 'CACHE']) vi.stubEnv(`XDG_${folder}_HOME`, join(home, folder.toLowerCase()));
    vi.stubEnv('KOPROGO_STATE', `sqlite:${join(home, 'state.db')}`);
    output = '';
    vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
  });
  afterEach(async () => {
    await closeAll();
    vi.restoreAllMocks();
    vi.unstubAllEnvs();
    rmSync(home, { recursive: true, force: true });
  });
  const call = (options: Record<string, unknown> = {}) => ({ arguments: [], options });

  it('list what one store holds, of everybody, without asking a server', async () => {
    expect(await list(call())).toBe(EXIT.ok);
    expect(output).toBe('There is no installation yet: koprogo-infra setup\n');
    await withState('tilleuls', 'test', async (state) => {
      await state.put(ANSWERS_DOCUMENT, { target: 'host', domain: 'tilleuls.example.org' });
      await state.put(RESTORE_TEST_DOCUMENT, { version: 1, backupId: 'x', result: 'passed', at: '2026-11-20T03:00:00Z', tables: 1, rows: 1 });
    });
    await withState('chenes', 'test', (state) => state.put(DRAFT_DOCUMENT, { target: 'host' }));
    output = '';
    await list(call());
    expect(output.split('\n').slice(1, 3)).toEqual([expect.stringMatching(/^chenes {4}questions not finished/), expect.stringMatching(/^tilleuls {2}host .*tilleuls\.example\.org {2}2026-11-20$/)]);
    output = '';
    await list(call({ json: true }));
    expect(JSON.parse(output)).toEqual({
      installations: [
        { installation: 'chenes', target: null, domain: null, restoreTested: null },
        { installation: 'tilleuls', target: 'host', domain: 'tilleuls.example.org', restoreTested: '2026-11-20T03:00:00Z' },
      ],
    });
  });

  it('ask all of them, and go on where one cannot be asked', async () => {
    for (const name of ['chenes', 'erables']) await withState(name, 'test', (state) => state.put(DRAFT_DOCUMENT, { target: 'host' }));
    expect(await statusAll(call())).toBe(EXIT.usage);
    expect(output).toMatch(/^chenes {3}NOT KNOWN, see below$/m);
    expect(output).toMatch(/^erables: set-up of "erables" has not got past the questions yet\n {2}→ koprogo-infra setup$/m);
    await expect(statusAll(call({ installation: 'chenes' }))).rejects.toThrow('--all looks at every installation');
  });
});
