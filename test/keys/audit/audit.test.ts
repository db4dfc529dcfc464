import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { InfraError } from '../../../src/errors.js';
import { audited, auditSettings, errorClass, openAuditLog, silentAudit } from '../../../src/keys/audit/audit.js';
import { verifyAuditLog } from '../../../src/keys/audit/verify.js';
import { auditKey, folder, lines, object, open, operations, path, saved, verify, useFreshFolder } from './fresh-log.js';

useFreshFolder();

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

/** A file system of 64 KiB in memory; undefined where this user may not mount one. */
async function withTinyDisk(folder: string): Promise<{ mounted: string; unmount: () => Promise<unknown> } | undefined> {
  const mounted = join(folder, 'tiny');
  await mkdir(mounted, { mode: 0o700 });
  const run = (...argv: [string, ...string[]]) => new Promise<number | null>((resolve) => spawn(argv[0], argv.slice(1), { stdio: 'ignore' }).on('close', resolve).on('error', () => { resolve(null); }));
  if ((await run('mount', '-t', 'tmpfs', '-o', 'size=64k,mode=0700', 'tmpfs', mounted)) !== 0) return undefined;
  return { mounted, unmount: () => run('umount', mounted) };
}
