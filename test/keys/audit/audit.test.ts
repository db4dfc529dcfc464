import { spawn } from 'node:child_process';
import { appendFileSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT, InfraError } from '../../../src/errors.js';
import { audited, auditSettings, errorClass, openAuditLog, silentAudit } from '../../../src/keys/audit/audit.js';
import { verifyAuditLog } from '../../../src/keys/audit/audit-verify.js';
import { bundleProgram } from '../../fixtures/bundle.js';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-audit-'));
  path = join(folder, 'audit.log');
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const auditKey = Buffer.alloc(32, 7);
const object = { installation: 'tilleuls', kind: 'document', name: 'answers', serial: 3 };
const saved = { operation: 'encrypt', keyId: 'local:1', object, result: 'ok' } as const;
const open = (over: object = {}) => openAuditLog({ enabled: true, path, auditKey, ...over });
const lines = () => readFileSync(path, 'utf8').trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>);
const operations = () => lines().map(({ operation }) => operation);
const verify = (over: object = {}) => verifyAuditLog(path, { auditKeys: [auditKey], ...over });

it('says of each operation what, with which key, on what, by whom, and how it ended', async () => {
  const log = open();
  await log.record(saved);
  await log.record({ operation: 'rotate', keyId: 'local:2', result: 'ok' });
  const [begin, first, second] = lines();
  expect(begin).toMatchObject({ seq: 1, operation: 'begin', format: 'koprogo-audit', version: 1, prev: '0'.repeat(64) });
  expect(first).toMatchObject({
    seq: 2,
    time: expect.stringMatching(/^20.*Z$/) as string,
    operation: 'encrypt',
    key: 'local:1',
    object,
    by: { user: expect.any(String) as string, uid: process.getuid?.(), host: hostname(), pid: process.pid, version: expect.stringMatching(/^\d/) as string },
    result: 'ok',
  });
  expect(second).toMatchObject({ seq: 3, operation: 'rotate', key: 'local:2' });
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  await log.close();
  expect(await verify()).toMatchObject({ verdict: 'intact', lines: 3, sealedByKey: 3, head: { seq: 3 } });
});

it('writes ordinary operations a moment later, together, and when it is closed', async () => {
  const log = open();
  await log.record(saved);
  expect(await readdir(folder)).toEqual([]);
  await vi.waitFor(() => {
    expect(operations()).toEqual(['begin', 'encrypt']);
  });
  for (let count = 0; count < 1000; count++) await log.record(saved);
  await log.close();
  expect(lines()).toHaveLength(1002);
});

it('is silent when it is switched off, and knows its settings', async () => {
  expect(auditSettings({})).toEqual({ enabled: true, path: expect.stringMatching(/\/koprogo-infra\/audit\.log$/) as string });
  expect(auditSettings({ ENABLE_CRYPTO_AUDIT: 'false', SECURITY_AUDIT_LOG: '/var/log/k.log' })).toEqual({ enabled: false, path: '/var/log/k.log' });
  expect(() => auditSettings({ ENABLE_CRYPTO_AUDIT: 'maybe' })).toThrow(/neither true nor false/);
  expect(openAuditLog({ enabled: false, path })).toBe(silentAudit);
  await silentAudit.record(saved);
  expect(await silentAudit.head()).toBeUndefined();
  await silentAudit.close();
});

it('names the end of the chain, whoever wrote it, and none where there is none', async () => {
  const [mine, theirs] = [open(), open()];
  expect(await mine.head()).toBeUndefined();
  expect(await readdir(folder)).toEqual([]);
  await mine.record(saved);
  expect(await mine.head()).toMatchObject({ seq: 2 });
  await theirs.record({ operation: 'export', result: 'ok' });
  const head = await mine.head();
  expect(head).toEqual((await verify()).head);
  expect(head).toMatchObject({ seq: 3 });
});

it('holds no key, no value and no error text, and keeps names within bounds', async () => {
  const log = open();
  const planted = 'PLANTED-in-an-error';
  await expect(audited(log, { operation: 'decrypt', object }, () => Promise.reject(new InfraError(planted)))).rejects.toThrow(planted);
  await expect(audited(log, { operation: 'unlock' }, () => Promise.reject(Object.assign(new Error('x'), { name: `${planted} ` })))).rejects.toThrow();
  await log.record({ operation: 'wrap', result: `${planted}:` });
  await log.record({ operation: 'wrap', object: { installation: 'a', kind: 'b', name: `${'\u0000'.repeat(5000)}"\n` }, keyId: 'k'.repeat(5000), result: 'ok' });
  await log.close();
  const text = await readFile(path, 'latin1');
  expect(text).not.toContain(planted);
  expect(text).not.toContain(auditKey.toString('latin1'));
  expect(text).not.toContain(auditKey.toString('hex'));
  expect(lines().map(({ result }) => result)).toEqual(['ok', 'InfraError', 'Error', 'Error', 'ok']);
  expect(await verify()).toMatchObject({ verdict: 'intact' });
  expect(errorClass('thrown text')).toBe('Error');
  expect(errorClass(Object.assign(new Error('x'), { name: 'ok' }))).toBe('Error');
});

describe('a critical operation', () => {
  it('leaves a line before it begins, and one that says how it ended', async () => {
    const log = open();
    expect(await audited(log, { operation: 'rotate' }, async () => operations().at(-1))).toBe('rotate');
    await expect(audited(log, { operation: 'retire' }, () => Promise.reject(new TypeError()))).rejects.toThrow(TypeError);
    expect(lines().map(({ operation, result }) => [operation, result])).toEqual([
      ['begin', 'ok'],
      ['rotate', 'begun'],
      ['rotate', 'ok'],
      ['retire', 'begun'],
      ['retire', 'TypeError'],
    ]);
  });

  it('is written in its order, also when the next comes at the same moment', async () => {
    const log = open();
    await log.record(saved);
    await Promise.all([log.record({ operation: 'rotate', result: 'ok' }), log.record({ operation: 'retire', result: 'ok' }), log.record(saved)]);
    await log.close();
    expect(operations()).toEqual(['begin', 'encrypt', 'rotate', 'retire', 'encrypt']);
  });

  it('does not begin when it cannot be recorded, while ordinary ones go on with one warning', async () => {
    await mkdir(path);
    const onProblem = vi.fn();
    const log = open({ onProblem });
    const rotate = vi.fn(async () => 'rotated');
    await expect(audited(log, { operation: 'rotate' }, rotate)).rejects.toMatchObject({ message: expect.stringMatching(/audit log .* cannot be written|not a regular file/) as string });
    expect(rotate).not.toHaveBeenCalled();
    expect(await audited(log, { operation: 'decrypt' }, async () => 'read')).toBe('read');
    await log.record(saved);
    await log.close();
    expect(onProblem).toHaveBeenCalledOnce();
  });

  it('counts what was lost meanwhile, once it can write again', async () => {
    await mkdir(path);
    const log = open({ onProblem: () => undefined });
    for (let count = 0; count < 3; count++) await log.record(saved);
    await expect(log.head()).rejects.toThrow();
    await rm(path, { recursive: true });
    await log.record({ operation: 'export', result: 'ok' });
    expect(operations()).toEqual(['begin', 'lost', 'export']);
    expect(await verify()).toMatchObject({ verdict: 'intact', lost: 3 });
  });

  it('finds a full disk, and takes back the line that was begun', async ({ skip }) => {
    const full = await withTinyDisk(folder);
    if (!full) return skip('a file system in memory cannot be mounted here');
    try {
      const tiny = { path: join(full.mounted, 'audit.log'), onProblem: () => undefined };
      const log = open(tiny);
      await log.record({ operation: 'rotate', result: 'ok' });
      const filler = join(full.mounted, 'filler');
      await writeFile(filler, Buffer.alloc(1024 * 1024)).catch(() => undefined);
      // One page is left for the lock, so that it is a line that does not fit.
      await truncate(filler, (await stat(filler)).size - 4096);
      let problem: unknown;
      for (let count = 0; count < 64 && !problem; count++) await log.record({ operation: 'rotate', result: 'ok' }).catch((error: unknown) => (problem = error));
      expect(problem).toMatchObject({ message: expect.stringContaining('the disk is full') as string, hints: expect.arrayContaining([`df -h ${full.mounted}`]) as string[] });
      expect(await verifyAuditLog(tiny.path, { auditKeys: [auditKey] })).toMatchObject({ verdict: 'intact' });
      await rm(filler);
      await log.record({ operation: 'retire', result: 'ok' });
      expect(await verifyAuditLog(tiny.path, { auditKeys: [auditKey] })).toMatchObject({ verdict: 'intact', lost: 1 });
    } finally {
      await full.unmount();
    }
  });
});

describe('a line that was cut', () => {
  it('is marked by the next operation, the chain goes on, and it is not taken for tampering', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    const sound = await readFile(path);
    for (const keep of [1, 5, 9, 100]) {
      await writeFile(path, sound);
      await log.record({ operation: 'export', result: 'ok' });
      const more = await readFile(path);
      await writeFile(path, more.subarray(0, sound.length + keep));
      expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 3, bytes: keep }], findings: [] });
      await log.record({ operation: 'retire', result: 'ok' });
      expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 3, bytes: keep }], findings: [], head: { seq: 4 } });
    }
  });

  it('may be zeros, or the first of the file', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    const sound = await readFile(path);
    appendFileSync(path, Buffer.alloc(4096));
    await log.record({ operation: 'retire', result: 'ok' });
    expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 3, bytes: 4096 }] });
    await writeFile(path, sound.subarray(0, 40));
    expect(await verify()).toMatchObject({ verdict: 'cut' });
    await log.record({ operation: 'retire', result: 'ok' });
    expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 1, bytes: 40 }], head: { seq: 2 } });
  });

  it('that could not have been written there is tampering, also when the program went on after it', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    for (const strange of ['{"seq":9,"time', 'rubbish', '{"seq":3,"time"\n']) {
      appendFileSync(path, strange);
      expect(await verify()).toMatchObject({ verdict: 'tampered' });
      await log.record({ operation: 'retire', result: 'ok' });
      expect(await verify()).toMatchObject({ verdict: 'tampered' });
      await rm(path);
      await log.record({ operation: 'rotate', result: 'ok' });
    }
  });

  it('is missed when its remains are removed afterwards', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    appendFileSync(path, '{"seq":3');
    await log.record({ operation: 'retire', result: 'ok' });
    await writeFile(path, (await readFile(path, 'utf8')).replace('{"seq":3\n', ''));
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'missing', line: 3 }] });
  });

  it('far from being a log is left alone', async () => {
    await writeFile(path, Buffer.alloc(200_000, 'x'), { mode: 0o600 });
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toMatchObject({ hints: expect.arrayContaining(['koprogo-infra audit verify']) as string[] });
    expect((await stat(path)).size).toBe(200_000);
  });
});

describe('a file', () => {
  it('that has grown large gets a number, and the chain goes on in a new one', async () => {
    const log = open({ maxBytes: 2000 });
    for (let count = 0; count < 20; count++) await log.record({ operation: 'export', result: 'ok' });
    const names = (await readdir(folder)).sort();
    expect(names.length).toBeGreaterThan(3);
    expect(names).toContain('audit.log.2');
    const whole = await verify();
    expect(whole).toMatchObject({ verdict: 'intact', head: { seq: 20 + names.length } });
    expect(whole.files.map((file) => file.slice(folder.length + 1)).sort()).toEqual(names);
    await rm(`${path}.2`);
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'missing', file: `${path}.3`, line: 1 }] });
  });

  it('that is not there goes on from the last one with a number', async () => {
    const log = open({ maxBytes: 500 });
    for (let count = 0; count < 3; count++) await log.record({ operation: 'export', result: 'ok' });
    const before = await verify();
    await rm(path);
    const after = await log.head();
    expect(after?.seq).toBeLessThan(before.head?.seq ?? 0);
    await log.record({ operation: 'export', result: 'ok' });
    expect(await verify()).toMatchObject({ verdict: 'intact' });
    expect(await verify({ anchor: before.head })).toMatchObject({ verdict: 'tampered' });
  });

  it('of others, for others, or behind a link is refused', async () => {
    await writeFile(path, '', { mode: 0o600 });
    await chmod(path, 0o640);
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toMatchObject({ hints: [`chmod 600 ${path}`] });
    await rm(path);
    await symlink(join(folder, 'elsewhere'), path);
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toThrow(/symbolic link/);
    await rm(path);
    await chmod(folder, 0o777);
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toThrow(/everybody can write/);
  });
});

describe('the lock', () => {
  const owner = (over: object = {}) =>
    JSON.stringify({ token: 'a'.repeat(16), pid: 999_999_999, boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), space: '', tick: '1', host: hostname(), ...over });

  it('of the dead is taken over, also when they died while taking over', async () => {
    const space = await import('node:fs').then(({ readlinkSync }) => readlinkSync('/proc/self/ns/pid'));
    symlinkSync(owner({ space }), `${path}.lock`);
    symlinkSync(owner({ space, token: 'b'.repeat(16), pid: process.pid }), `${path}.lock.${'a'.repeat(16)}`);
    await open().record({ operation: 'rotate', result: 'ok' });
    symlinkSync(owner({ boot: 'before the power cut', space: 'another' }), `${path}.lock`);
    await open().record({ operation: 'rotate', result: 'ok' });
    expect(await readdir(folder)).toEqual(['audit.log']);
  });

  it('of another computer or container stays: the wait ends, and says whose it is', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      for (const elsewhere of [{ host: 'elsewhere' }, { space: 'pid:[1]' }]) {
        symlinkSync(owner(elsewhere), `${path}.lock`);
        const wait = open().record({ operation: 'rotate', result: 'ok' });
        vi.setSystemTime(Date.now() + 6000);
        await expect(wait).rejects.toMatchObject({ exitCode: EXIT.busy, hints: expect.arrayContaining([expect.stringContaining(`rm ${path}.lock`)]) as string[] });
        await rm(`${path}.lock`);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it('that is something else is named', async () => {
    writeFileSync(`${path}.lock`, '');
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toThrow(/not made by this program/);
  });
});

describe('several processes', { timeout: 120_000 }, () => {
  const writer = (code: string) =>
    bundleProgram(folder, 'writer', `import { openAuditLog } from './src/keys/audit/audit.js';\nconst log = openAuditLog({ enabled: true, path: ${JSON.stringify(path)}, auditKey: Buffer.alloc(32, 7), maxBytes: 20000 });\n${code}`);
  const start = (file: string) => spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = (child: ReturnType<typeof start>) => new Promise<number | null>((resolve) => child.on('exit', resolve));

  it('append eight times a hundred lines into one chain', async () => {
    const file = await writer(`for (let n = 1; n <= 100; n++) {
      await log.record({ operation: n % 10 ? 'encrypt' : 'export', object: { installation: 'i', kind: String(process.pid), name: 'n', serial: n }, result: 'ok' });
      if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, n % 3));
    }`);
    const children = Array.from({ length: 8 }, () => start(file));
    expect(await Promise.all(children.map(ended))).toEqual(Array(8).fill(0));
    expect(await verify()).toMatchObject({ verdict: 'intact' });
    const names = (await readdir(folder)).filter((name) => name.startsWith('audit.log'));
    const all = (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).flatMap((text) => text.trim().split('\n')).map((line) => JSON.parse(line) as { operation: string; seq: number; object?: { kind: string; serial: number } });
    const written = all.filter(({ operation }) => operation !== 'begin').sort((a, b) => a.seq - b.seq);
    expect(written).toHaveLength(800);
    for (const { pid } of children) {
      expect(written.filter(({ object }) => object?.kind === String(pid)).map(({ object }) => object?.serial)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    }
    expect(names).not.toContain('audit.log.lock');
  });

  it('are killed anywhere, and leave a chain that goes on', async () => {
    const file = await writer(`process.stdout.write('ready');\nfor (let n = 1; ; n++) {
      await log.record({ operation: n % 5 ? 'encrypt' : 'export', object: { installation: 'i', kind: 'k', name: 'x'.repeat(200), serial: n }, result: 'ok' });
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }`);
    let anchor;
    for (let round = 0; round < 6; round++) {
      const children = [start(file), start(file)];
      await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));
      await delay(20 + Math.random() * 60);
      const ends = children.map(ended);
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ends);
      const log = open({ maxBytes: 1e6 });
      await log.record({ operation: 'retire', result: 'ok' });
      const result = await verify({ anchor });
      expect(result.findings).toEqual([]);
      expect(['intact', 'cut']).toContain(result.verdict);
      anchor = await log.head();
    }
  });

  it('take the lock from the dead one at a time', async () => {
    const diary = join(folder, 'diary');
    // Half of the time the lock is not given back, but left as somebody's who has died meanwhile.
    const file = await bundleProgram(folder, 'locker', `import { appendFileSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
      import { tryLock, unlock } from './src/keys/audit/audit-lock.js';
      const lock = ${JSON.stringify(path)};
      const sleeper = new Int32Array(new SharedArrayBuffer(4));
      const note = (word) => appendFileSync(${JSON.stringify(diary)}, word + ' ' + process.pid + '\\n');
      for (let held = 1; held <= 100; ) {
        if (tryLock(lock)) { Atomics.wait(sleeper, 0, 0, Math.random()); continue; }
        note('enter');
        const mine = JSON.parse(readlinkSync(lock));
        const grave = lock + '.grave.' + process.pid;
        note('leave');
        if (held++ % 2) { unlock(lock); continue; }
        symlinkSync(JSON.stringify({ ...mine, tick: '1', token: (process.pid * 1000 + held).toString(16).padStart(16, '0') }), grave);
        renameSync(grave, lock);
      }`);
    await Promise.all(Array.from({ length: 6 }, () => ended(start(file))));
    const notes = readFileSync(diary, 'utf8').trim().split('\n');
    expect(notes).toHaveLength(6 * 100 * 2);
    expect((await readdir(folder)).filter((name) => /lock\.[0-9a-f]{16}$/.test(name))).toEqual([]);
    for (let at = 0; at < notes.length; at += 2) expect([notes[at], notes[at + 1]]).toEqual([notes[at], notes[at]?.replace('enter', 'leave')]);
  });

  it('write what waits when they exit', async () => {
    const file = await writer(`await log.record({ operation: 'encrypt', result: 'ok' });\nprocess.exit(0);`);
    await ended(start(file));
    expect(operations()).toEqual(['begin', 'encrypt']);
  });
});

/** A file system of 64 KiB in memory; undefined where this user may not mount one. */
async function withTinyDisk(folder: string): Promise<{ mounted: string; unmount: () => Promise<unknown> } | undefined> {
  const mounted = join(folder, 'tiny');
  await mkdir(mounted, { mode: 0o700 });
  const run = (...argv: [string, ...string[]]) => new Promise<number | null>((resolve) => spawn(argv[0], argv.slice(1), { stdio: 'ignore' }).on('close', resolve).on('error', () => { resolve(null); }));
  if ((await run('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', mounted)) !== 0) return undefined;
  return { mounted, unmount: () => run('umount', mounted) };
}
