import { readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { auditShow, auditVerify, verifyWith } from '../../src/commands/audit.js';
import { EXIT } from '../../src/errors.js';
import { openAuditLog } from '../../src/keys/audit/audit.js';
import { lineHash } from '../../src/keys/audit/format.js';

const auditKey = Buffer.alloc(32, 5);
let folder: string;
let path: string;
let said: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-audit-command-'));
  path = join(folder, 'audit.log');
  vi.stubEnv('SECURITY_AUDIT_LOG', path);
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

const verify = (options: object = {}, trust = {}) => verifyWith({ arguments: [], options: { ...options } }, trust);
async function show(options: object = {}): Promise<string> {
  said = '';
  await auditShow({ arguments: [], options: { ...options } });
  return said;
}

async function writeSome(): Promise<void> {
  const log = openAuditLog({ enabled: true, path, auditKey });
  const object = { installation: 'tilleuls', kind: 'document', name: 'answers', serial: 1 };
  await log.record({ operation: 'encrypt', keyId: 'local:1', object, result: 'ok' });
  await log.record({ operation: 'decrypt', keyId: 'local:1', object: { ...object, name: 'a\n\u001b[31mb' }, result: 'EnvelopeDamaged' });
  await log.record({ operation: 'rotate', keyId: 'local:2', result: 'begun' });
  await log.record({ operation: 'rotate', keyId: 'local:2', result: 'ok' });
  await log.close();
}

it('says that there is no log, that it is intact, and what that rests on', async () => {
  expect(await verify()).toBe(EXIT.ok);
  expect(said).toContain(`There is no audit log yet: ${path}`);
  await writeSome();
  said = '';
  expect(await verify({}, { auditKeys: [auditKey] })).toBe(EXIT.ok);
  expect(said).toBe(
    'Intact: 5 lines, each as it was written, none missing between them.\n\n' +
      '5 lines were checked with the key; 0 were written without one.\n' +
      'No end is remembered: lines removed at the end of the log would not be noticed.\n',
  );
  expect(await verify()).toBe(EXIT.degraded);
  expect(said).toContain('5 of 5 lines are sealed by a key that is not at hand');
});

it('names every line that was tampered with', async () => {
  await writeSome();
  writeFileSync(path, readFileSync(path, 'utf8').replace('"result":"EnvelopeDamaged"', '"result":"ok"'));
  expect(await verify({}, { auditKeys: [auditKey] })).toBe(EXIT.failed);
  expect(said).toContain(`TAMPERED WITH: 1 finding in 5 lines.\n\n${path}:3  line 3 was altered: its seal does not fit\n`);
  said = '';
  expect(await verify({ json: true }, { auditKeys: [auditKey], anchor: { seq: 9, hash: 'a'.repeat(64) } })).toBe(EXIT.failed);
  expect(JSON.parse(said)).toMatchObject({ verdict: 'tampered', anchored: true, findings: [{ kind: 'altered', line: 3 }, { kind: 'end-missing' }] });
});

it('says where lines were cut off', async () => {
  await writeSome();
  writeFileSync(path, readFileSync(path).subarray(0, -10));
  expect(await verify({}, { auditKeys: [auditKey] })).toBe(EXIT.ok);
  expect(said).toMatch(/^Intact, but for one line that was cut off while being written \(a power cut, or a kill\)\.\n\n.*audit\.log:5 {2}cut off after \d+ bytes\n/);
});

it('compares the end with the one that was given, and says how many lines follow it', async () => {
  await writeSome();
  const anchor = { seq: 3, hash: lineHash(readFileSync(path, 'utf8').split('\n')[2] ?? '') };
  expect(await verify({}, { auditKeys: [auditKey], anchor })).toBe(EXIT.ok);
  expect(said).toContain('The end was compared with line 3, which the encrypted state remembers; 2 lines were written after it.\n');
});

it('works without a state, and says that the end was not checked', async () => {
  await writeSome();
  vi.stubEnv('KOPROGO_STATE', 'postgres://nobody@127.0.0.1:1/koprogo');
  vi.stubEnv('XDG_CONFIG_HOME', join(folder, 'config'));
  const call = (options: object) => auditVerify({ arguments: [], options: { ...options } });
  expect(await call({ file: path })).toBe(EXIT.degraded);
  expect(said).toMatch(/Checked without a key[^]*The end was not checked: the encrypted state cannot be opened \(.+\)\.\nLines removed at the end/);
  said = '';
  expect(await call({ json: true, file: join(folder, 'none.log') })).toBe(EXIT.degraded);
  expect(JSON.parse(said)).toMatchObject({ verdict: 'empty', anchored: false, endUnchecked: expect.stringContaining('cannot be opened') as string });
});

it('shows entries, filtered in every way, and steers no terminal', async () => {
  expect(await show()).toBe('No entries.\n');
  await writeSome();
  const all = await show();
  expect(all.split('\n').slice(0, 3)).toEqual([
    expect.stringMatching(/^TIME \(UTC\) +OPERATION +RESULT +OBJECT +KEY +BY$/),
    expect.stringMatching(/^20\d\d-\d\d-\d\d \d\d:\d\d:\d\d +begin +ok +- +- +\S+@/),
    expect.stringMatching(/ encrypt +ok +tilleuls\/document\/answers#1 +local:1 /),
  ]);
  expect(all).toContain('a\uFFFD\uFFFD[31mb');
  expect(all.trim().split('\n')).toHaveLength(6);
  const count = async (options: object) => (JSON.parse(await show({ json: true, ...options })) as { entries: unknown[] }).entries.length;
  expect(await count({ operation: ['rotate'] })).toBe(2);
  expect(await count({ operation: ['rotate', 'encrypt'] })).toBe(3);
  expect(await count({ object: 'DOCUMENT/answers' })).toBe(1);
  expect(await count({ key: 'local:2' })).toBe(2);
  expect(await count({ result: 'failed' })).toBe(1);
  expect(await count({ result: 'begun' })).toBe(1);
  expect(await count({ since: '2100-01-01' })).toBe(0);
  expect(await count({ until: '2100-01-01T00:00:00+01:00' })).toBe(5);
  expect(await count({ last: '2' })).toBe(2);
  expect(await show({ last: '2' })).toContain('2 of 5 entries; --last 5 shows all.');
});

it('refuses options that mean nothing, all at once', async () => {
  const wrong = { operation: ['steal'], since: 'yesterday', until: '2026-02-31x', last: '0' };
  await expect(show(wrong)).rejects.toMatchObject({ exitCode: EXIT.usage, message: expect.stringMatching(/steal[^]*--since[^]*--until[^]*--last/) as string });
});
