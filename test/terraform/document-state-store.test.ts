import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { decodeHead } from '../../src/keys/envelope/envelope-format.js';
import { Conflict } from '../../src/state/backends/backend.js';
import { StateStoreTerraformState } from '../../src/terraform/document-state-store.js';
import { renewSpoolKey } from '../../src/terraform/spool-file.js';
import { folderState } from '../fixtures/store.js';
import { lockOf, stateBytes } from '../fixtures/memory-terraform-state.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-tf-'));
  vi.stubEnv('XDG_STATE_HOME', join(home, 'state'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

const spoolFile = () => join(home, 'data', 'unstored-state.sealed');
const open = (name = 'main') => Promise.resolve(new StateStoreTerraformState(folderState(join(home, 'state'), name), name, spoolFile()));

/** Whether a text stands in any file below the directory, as it is or in base64. */
async function lies(text: string): Promise<boolean> {
  const entries = await readdir(home, { recursive: true, withFileTypes: true });
  const files = await Promise.all(entries.filter((entry) => entry.isFile()).map((entry) => readFile(join(entry.parentPath, entry.name), 'latin1')));
  return files.some((content) => content.includes(text) || content.includes(Buffer.from(text).toString('base64').slice(2, -4)));
}

describe("Terraform's state in the encrypted state", () => {
  it('comes back byte for byte, from another process, and lies there encrypted', async () => {
    const bytes = stateBytes({ mark: 'planted-secret-é' });
    expect(await (await open()).read()).toBeUndefined();
    const revision = await (await open()).write(bytes, undefined);
    expect(await (await open()).read()).toEqual({ bytes, revision });
    expect(await lies('planted-secret')).toBe(false);
  });

  it('is replaced only by who has read the newest', async () => {
    const store = await open();
    const first = await store.write(stateBytes({ serial: 1 }), undefined);
    await expect(store.write(stateBytes({ serial: 9 }), undefined)).rejects.toThrow(Conflict);
    await store.write(stateBytes({ serial: 2 }), first);
    await expect(store.write(stateBytes({ serial: 9 }), first)).rejects.toThrow(Conflict);
    expect((await store.read())?.bytes).toEqual(stateBytes({ serial: 2 }));
  });

  it('may be large, but not larger than what can be read again', async () => {
    const store = await open();
    const large = stateBytes({ mark: 'x'.repeat(20 * 1024 * 1024) });
    const revision = await store.write(large, undefined);
    expect((await store.read())?.bytes.equals(large)).toBe(true);
    const noise = randomBytes(12 * 1024 * 1024).toString('base64');
    await expect(store.write(stateBytes({ mark: noise }), revision)).rejects.toThrow('too large');
    expect((await store.read())?.revision).toBe(revision);
  });

  it('has one lock, idempotent for its owner', async () => {
    const store = await open();
    const holder = { host: 'h', pid: 7, started: 'b:1' };
    expect(await store.lock({ ...lockOf('one'), holder })).toBe('taken');
    expect(await store.lock(lockOf('one'))).toBe('taken');
    expect(await store.lock(lockOf('two'))).toEqual({ ...lockOf('one'), holder });
    expect(await (await open()).readLock()).toEqual({ ...lockOf('one'), holder });
    expect(await store.unlock('two')).toMatchObject({ ID: 'one' });
    expect(await store.unlock('one')).toBe('released');
    expect(await store.unlock('one')).toBe('released');
    expect(await store.lock(lockOf('two'))).toBe('taken');
  });
});

describe('the spool', () => {
  const kept = { bytes: stateBytes({ mark: 'planted-secret' }), over: ['none'] };

  it('keeps a state encrypted, for this user only, until it is cleared', async () => {
    const { spool } = await open();
    expect(await spool.kept()).toBeUndefined();
    await spool.clear();
    await spool.prepare();
    await spool.keep({ ...kept, over: ['x'] });
    await spool.keep(kept);
    expect((await stat(spoolFile())).mode & 0o777).toBe(0o600);
    expect(await lies('planted-secret')).toBe(false);
    expect(await (await open()).spool.kept()).toEqual(kept);
    spool.close();
    await expect(spool.keep(kept)).rejects.toThrow('not prepared');
    await spool.clear();
    expect(await spool.kept()).toBeUndefined();
    expect(await readdir(dirname(spoolFile()))).toEqual([]);
  });

  it('gets another key when its key is renewed: what is kept here is encrypted anew, what another computer keeps stays readable', async () => {
    const { spool } = await open();
    await spool.prepare();
    await spool.keep(kept);
    spool.close();
    const before = await readFile(spoolFile());
    const since = Date.now() + 1;
    await sleep(5);
    await renewSpoolKey(folderState(join(home, 'state'), 'main'), (await open()).spool, since);
    const after = await readFile(spoolFile());
    expect(await (await open()).spool.kept()).toEqual(kept);
    const idOf = (envelope: Buffer) => decodeHead(envelope)?.key.wrapped.toString('hex');
    expect(idOf(after)).not.toBe(idOf(before));
    await renewSpoolKey(folderState(join(home, 'state'), 'main'), (await open()).spool, since);
    expect(idOf(await readFile(spoolFile()))).toBe(idOf(after));
    await writeFile(spoolFile(), before);
    expect(await (await open()).spool.kept()).toEqual(kept);
  });

  it('has no key to renew before the first run', async () => {
    await renewSpoolKey(folderState(join(home, 'state'), 'main'), (await open()).spool, Date.now());
    expect(await folderState(join(home, 'state'), 'main').names()).toEqual([]);
  });

  it('needs nothing of the store once it is prepared', async () => {
    const { spool } = await open();
    await spool.prepare();
    await rm(join(home, 'state'), { recursive: true });
    await spool.keep(kept);
    expect(await lies('planted-secret')).toBe(false);
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['changed', (bytes) => Buffer.concat([bytes.subarray(0, -20), Buffer.of((bytes.at(-20) ?? 0) ^ 1), bytes.subarray(-19)])],
    ['cut', (bytes) => bytes.subarray(0, -5)],
    ['emptied', () => Buffer.alloc(0)],
    ['replaced by something else', () => Buffer.from('planted-secret '.repeat(50))],
  ])('says so when it was %s, and how to go on without it', async (_, damage) => {
    const { spool } = await open();
    await spool.prepare();
    await spool.keep(kept);
    await writeFile(spoolFile(), damage(await readFile(spoolFile())));
    const failure = spool.kept();
    await expect(failure).rejects.toMatchObject({ hints: expect.arrayContaining([expect.stringContaining(`mv ${spoolFile()}`)]) as string[] });
    await expect(failure).rejects.not.toThrow('planted');
  });

  it('is not that of another installation', async () => {
    const { spool } = await open('other');
    await spool.prepare();
    await spool.keep(kept);
    await expect((await open()).spool.kept()).rejects.toThrow('cannot be read');
  });

  it('is not followed through a link', async () => {
    const { spool } = await open();
    await mkdir(join(home, 'data'), { recursive: true });
    await symlink('/etc/hostname', spoolFile());
    await expect(spool.kept()).rejects.toThrow('symbolic link');
  });
});
