import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InfraError } from '../../src/errors.js';
import { openAuditLog } from '../../src/keys/audit/audit.js';
import { verifyAuditLog } from '../../src/keys/audit/verify.js';
import { UnknownKeyVersion } from '../../src/keys/provider.js';
import { MemoryBackend } from '../../src/state/backends/memory.js';
import type { Store } from '../../src/state/installations.js';
import { storeOn } from '../../src/state/open-store.js';
import { type Seen, SeenInMemory } from '../../src/state/seen.js';
import { keyMemory, masterKeys, SETTINGS } from '../fixtures/store.js';

let folder: string;
let path: string;
let backend: MemoryBackend;
let keys = masterKeys();
let seen: Seen;
let problems: InfraError[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-audit-end-'));
  path = join(folder, 'audit.log');
  backend = new MemoryBackend();
  keys = masterKeys();
  seen = new SeenInMemory();
  problems = [];
});
afterEach(async () => {
  // A log that is still open writes a moment later, into the folder that is being removed.
  for (const store of opened.splice(0)) await store.audit.close();
  await rm(folder, { recursive: true, force: true });
});

const opened: Store[] = [];

async function open({ maxBytes = 1e6, log = path } = {}): Promise<Store> {
  const audit = (auditKey: Uint8Array) => openAuditLog({ enabled: true, path: log, auditKey, maxBytes });
  const store = await storeOn(backend, keys, SETTINGS, { seen: () => seen, audit, memory: keyMemory, onAuditProblem: (problem) => problems.push(problem) });
  opened.push(store);
  return store;
}

/** Every command opens the store, does something and closes it. */
async function command(work: (store: Store) => Promise<unknown> = save, options = {}): Promise<void> {
  const store = await open(options);
  try {
    await work(store);
  } finally {
    await store.close();
  }
}

const save = (store: Store) => store.documents('tilleuls').put('answers', { at: Math.random() });

async function verify() {
  const store = await open();
  const anchor = await store.auditEnd.remembered(path);
  return verifyAuditLog(path, { auditKeys: [store.auditKey], ...(anchor && { anchor }) });
}

const textOf = (file = path) => readFileSync(file, 'utf8').trimEnd().split('\n');
const cut = (count: number) => {
  writeFileSync(path, `${textOf().slice(0, -count).join('\n')}\n`);
};

describe('an end that is remembered', () => {
  it('is a line of the log, followed only by those that remembering leaves', async () => {
    await command();
    await command();
    const result = await verify();
    expect(result).toMatchObject({ verdict: 'intact', anchored: true });
    const lines = textOf().map((line) => JSON.parse(line) as { operation: string; object?: { kind: string } });
    expect(lines.map(({ operation, object }) => `${operation} ${object?.kind ?? ''}`)).toEqual([
      'begin ',
      'encrypt document',
      'encrypt audit-anchor',
      'encrypt document',
      'decrypt audit-anchor',
      'encrypt audit-anchor',
    ]);
    expect(problems).toEqual([]);
  });

  it('is left where it is by a command that did nothing but look at it', async () => {
    await command();
    const before = textOf();
    await command(() => Promise.resolve());
    expect(textOf()).toEqual(before);
    await command((store) => store.auditEnd.remembered(path));
    expect(textOf()).toHaveLength(before.length + 1);
  });

  it('shows that the last lines were cut off, also when the program went on after it', async () => {
    for (let count = 0; count < 3; count++) await command();
    cut(5);
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'end-missing' }] });
    for (let count = 0; count < 4; count++) await command();
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'rewritten' }] });
    expect(problems[0]).toMatchObject({ name: 'AuditEndMissing', hints: ['look into it: koprogo-infra audit verify', expect.stringContaining('state accept audit-log')] });
    expect(problems).toHaveLength(4);
  });

  it('shows that the log is gone, and that a new one was begun', async () => {
    await command();
    rmSync(path);
    expect((await verify()).findings).toEqual([{ kind: 'end-missing', file: path, line: 0, what: 'the log is gone: it had 2 lines' }]);
    for (let count = 0; count < 3; count++) await command();
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'rewritten' }] });
  });

  it("shows that yesterday's copy was put back", async () => {
    await command();
    copyFileSync(path, `${path}-yesterday`);
    await command();
    copyFileSync(`${path}-yesterday`, path);
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'end-missing' }] });
  });

  it('shows that whole files were removed at the end', async () => {
    for (let count = 0; count < 6; count++) await command(save, { maxBytes: 1500 });
    const files = readdirSync(folder).sort();
    expect(files).toContain('audit.log.3');
    expect(await verify()).toMatchObject({ verdict: 'intact', anchored: true });
    rmSync(path);
    rmSync(join(folder, files.at(-1) ?? ''));
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'end-missing' }] });
  });

  it('moves on after a line that a power cut left half', async () => {
    await command();
    await command();
    writeFileSync(path, readFileSync(path).subarray(0, -30));
    await command();
    expect(problems).toEqual([]);
    expect(await verify()).toMatchObject({ verdict: 'cut', anchored: true, findings: [] });
  });

  it('is one for each log, and says nothing of it to the place of the state', async () => {
    await command();
    const other = join(folder, 'other.log');
    await command(save, { log: other });
    const store = await open();
    expect((await store.auditEnd.remembered(other))?.seq).toBe(2);
    expect((await store.auditEnd.remembered(join(folder, 'third.log')))).toBeUndefined();
    const stored = await Promise.all((await backend.ids()).map(async (id) => `${id} ${(await backend.read(id))?.bytes.toString('latin1') ?? ''}`));
    for (const text of ['audit', folder]) expect(stored.join()).not.toContain(text);
    await store.removeInstallation('store');
    expect(await store.auditEnd.remembered(path)).toBeDefined();
  });

  it('can be set anew by the operator', async () => {
    await command();
    rmSync(path);
    await command();
    expect(await verify()).toMatchObject({ verdict: 'tampered' });
    problems = [];
    await command((store) => store.auditEnd.accept());
    await command();
    expect(problems).toEqual([]);
    expect(await verify()).toMatchObject({ verdict: 'intact', anchored: true });
    expect(textOf().some((line) => line.includes('"operation":"accept"'))).toBe(true);
  });
});

describe('remembering', () => {
  it('goes forward only, whoever comes last', async () => {
    const stores = await Promise.all(Array.from({ length: 6 }, () => open()));
    for (let round = 0; round < 3; round++) {
      for (const [at, store] of stores.entries()) await store.documents(`installation-${at}`).put('answers', round);
    }
    await Promise.all(stores.map((store) => store.auditEnd.remember()));
    // All that was recorded before the first began: later lines are those of remembering itself.
    expect((await (await open()).auditEnd.remembered(path))?.seq).toBeGreaterThanOrEqual(19);
    for (const store of stores) await store.close();
    expect(problems).toEqual([]);
    expect(await verify()).toMatchObject({ verdict: 'intact', anchored: true });
  });

  it('is no reason for a command to fail when the state is gone', async () => {
    await command();
    const store = await open();
    await save(store);
    const gone = new InfraError('the place of the state does not answer');
    backend.read = () => Promise.reject(gone);
    await store.close();
    expect(problems).toEqual([gone]);
  });

  it('waits for a place that does not answer only so long', { timeout: 20_000 }, async () => {
    const store = await open();
    await save(store);
    backend.read = () => new Promise(() => undefined);
    const since = Date.now();
    await store.close();
    expect(Date.now() - since).toBeGreaterThan(9000);
    expect(problems[0]?.message).toMatch(/did not take the end of the audit log within 10 s/);
  });

  it('leaves it to others when the keys are newer than this process knows', async () => {
    await command();
    const store = await open();
    await save(store);
    const before = await backend.ids();
    store.keys.flush();
    store.keys.provider.unwrap = () => Promise.reject(new UnknownKeyVersion('not there yet'));
    await store.close();
    expect(problems).toEqual([]);
    expect(await backend.ids()).toEqual(before);
  });

  it('does not rely on an older end that was put back, or one that is damaged', async () => {
    await command();
    const id = await anchorId();
    const older = await backend.read(id);
    await command();
    const put = async (bytes: Buffer) => backend.write(id, bytes, { revision: (await backend.read(id))?.revision ?? '' });
    const damaged = (bytes: Buffer) => Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]);
    const newest = (await backend.read(id))?.bytes ?? Buffer.alloc(0);
    for (const [bytes, why] of [[older?.bytes ?? newest, /older than what was seen/], [damaged(newest), /damaged/], [Buffer.from('rubbish'), /damaged/]] as const) {
      await put(bytes);
      await expect((await open()).auditEnd.remembered(path)).rejects.toMatchObject({ message: expect.stringMatching(why) as string });
      problems = [];
      await command();
      expect(problems).toMatchObject([{ message: expect.stringMatching(why) as string }]);
      await command((store) => store.auditEnd.accept());
      expect(await verify()).toMatchObject({ verdict: 'intact', anchored: true });
    }
  });
});

async function anchorId(): Promise<string> {
  const store = await open();
  for (const id of (await backend.ids()).filter((one) => one !== 'root')) {
    const stored = await backend.read(id);
    if (!stored) continue;
    await backend.remove(id, { revision: stored.revision });
    const isAnchor = (await store.auditEnd.remembered(path)) === undefined;
    await backend.write(id, stored.bytes, 'absent');
    if (isAnchor) return id;
  }
  throw new Error('no end is remembered');
}
