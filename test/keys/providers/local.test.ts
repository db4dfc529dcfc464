import { randomBytes } from 'node:crypto';
import { chmod, copyFile, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnknownKeyVersion, WrongKey } from '../../../src/keys/provider.js';
import { LocalKeys } from '../../../src/keys/providers/local.js';
import { Secret } from '../../../src/secret.js';
import { keyMemory } from '../../fixtures/store.js';
import { keyProviderContract } from '../../contract/key-provider.js';

const BINDING = { installation: 'main', kind: 'document', name: 'x' };
const PASSPHRASE = 'planted passphrase of the keys';
let home: string;
let path: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-keys-'));
  path = join(home, 'new', 'keys.json');
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const open = (options: { passphrase?: string; mayCreate?: boolean; path?: string; fips?: boolean; patience?: number } = {}) =>
  new LocalKeys({
    path: options.path ?? path,
    passphrase: () => Promise.resolve(options.passphrase === undefined ? undefined : new Secret(options.passphrase)),
    mayCreate: options.mayCreate ?? true,
    fips: options.fips ?? false,
    memory: keyMemory,
    ...(options.patience === undefined ? {} : { patience: options.patience }),
  });

describe('a key file without a passphrase', () => {
  keyProviderContract({ open: () => Promise.resolve(open({ path: join(home, randomBytes(4).toString('hex'), 'keys.json') })) });

  it('is made once, for its owner only', async () => {
    const wrapped = await open().wrap(randomBytes(32), BINDING);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await stat(join(home, 'new'))).mode & 0o777).toBe(0o700);
    await expect(open().unwrap(wrapped, BINDING)).resolves.toHaveLength(32);
    expect(await open().protection()).toBeUndefined();
  });

  it('is not made when something was encrypted already', async () => {
    await expect(open({ mayCreate: false }).versions()).rejects.toMatchObject({ message: `the key file ${path} is missing`, exitCode: 2 });
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });
});

describe('a key file that another command changes meanwhile', () => {
  it('is not written over: no version is lost', async () => {
    const [mine, yours] = [open(), open()];
    await mine.versions();
    await yours.versions();
    await yours.rotate();
    const wrapped = await yours.wrap(randomBytes(32), BINDING);
    for (const change of [() => mine.rotate(), () => mine.protect(new Secret(PASSPHRASE))]) {
      await expect(change()).rejects.toMatchObject({ exitCode: 6, hints: ['type the same command again'] });
    }
    await expect(open().unwrap(wrapped, BINDING)).resolves.toHaveLength(32);
    await open().rotate();
    expect(await open().versions()).toHaveLength(3);
  });

  it('at the same moment, is changed by one of them and left by the others: no version is lost', async () => {
    await open().versions();
    for (let round = 0; round < 10; round++) {
      const all = Array.from({ length: 8 }, () => open());
      await Promise.all(all.map((keys) => keys.versions()));
      const results = await Promise.allSettled(all.map((keys) => keys.rotate()));
      expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of results) if (result.status === 'rejected') expect(result.reason).toMatchObject({ exitCode: 6, hints: ['type the same command again'] });
    }
    expect((await open().versions()).map(({ version }) => version)).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
    expect(await readdir(join(home, 'new'))).toEqual(['keys.json']);
  });

  it('while somebody on another computer holds its lock, is left, and the way on is said', async () => {
    const keys = open({ patience: 50 });
    await keys.versions();
    await symlink(JSON.stringify({ token: '0'.repeat(16), pid: 1, boot: '', space: '', tick: '', host: 'elsewhere' }), `${path}.lock`);
    await expect(keys.rotate()).rejects.toMatchObject({ exitCode: 6, message: `the key file ${path} is being changed by process 1 on elsewhere`, hints: ['type the same command again', `when that process has ended: rm ${path}.lock`] });
    expect(await open().versions()).toHaveLength(1);
  });

  it('while its passphrase is typed, is taken as it is then: nothing is encrypted under a retired key', async () => {
    await open({ passphrase: PASSPHRASE }).versions();
    const slow = new LocalKeys({
      path,
      passphrase: async () => {
        const other = open({ passphrase: PASSPHRASE });
        const [first] = await other.versions();
        await other.rotate();
        await other.retire(first?.keyId ?? '');
        return new Secret(PASSPHRASE);
      },
      mayCreate: false,
      fips: false,
      memory: keyMemory,
    });
    const wrapped = await slow.wrap(randomBytes(32), BINDING);
    await expect(open({ passphrase: PASSPHRASE }).unwrap(wrapped, BINDING)).resolves.toHaveLength(32);
  });

  it('leaves no copy that a killed process wrote, once it is old enough to be nobody’s', async () => {
    const keys = open();
    await keys.versions();
    const [dead, young] = [join(home, 'new', '.keys.json.0123456789ab.tmp'), join(home, 'new', '.keys.json.ba9876543210.tmp')];
    await writeFile(dead, 'keys');
    await utimes(dead, new Date(0), new Date(0));
    await writeFile(young, 'keys');
    await keys.rotate();
    expect((await readdir(join(home, 'new'))).sort()).toEqual(['.keys.json.ba9876543210.tmp', 'keys.json']);
  });
});

describe('a key file under a passphrase', () => {
  keyProviderContract({ open: () => Promise.resolve(open({ path: join(home, randomBytes(4).toString('hex'), 'keys.json'), passphrase: PASSPHRASE })) });

  it('does not hold its keys in clear, and opens with the passphrase only', async () => {
    const wrapped = await open({ passphrase: PASSPHRASE }).wrap(randomBytes(32), BINDING);
    expect(await open({ passphrase: PASSPHRASE }).protection()).toBe('argon2id');
    await expect(open({ passphrase: PASSPHRASE }).unwrap(wrapped, BINDING)).resolves.toHaveLength(32);
    await expect(open({ passphrase: `${PASSPHRASE}x` }).unwrap(wrapped, BINDING)).rejects.toThrow(/passphrase .* is wrong/);
    await expect(open().unwrap(wrapped, BINDING)).rejects.toThrow(/protected by a passphrase, and none was given/);
    const file = JSON.parse(await readFile(path, 'utf8')) as { keys: { key: string }[] };
    expect(Buffer.from(file.keys[0]?.key ?? '', 'base64')).toHaveLength(60);
  });

  it('needs a long one', async () => {
    await expect(open({ passphrase: 'x'.repeat(19) }).versions()).rejects.toThrow(/shorter than 20 characters/);
    await expect(stat(path)).rejects.toThrow(/ENOENT/);
  });

  it('is put under another one, or none, with all its versions and not one of them changed', async () => {
    const keys = open({ passphrase: PASSPHRASE });
    const old = await keys.wrap(randomBytes(32), BINDING);
    await keys.rotate();
    await keys.protect(new Secret('another passphrase of the keys'));
    await expect(open({ passphrase: PASSPHRASE }).versions()).rejects.toThrow(WrongKey);
    await expect(open({ passphrase: 'another passphrase of the keys' }).unwrap(old, BINDING)).resolves.toHaveLength(32);
    await expect(keys.unwrap(old, BINDING)).resolves.toHaveLength(32);
    await keys.protect(undefined);
    await expect(open().unwrap(old, BINDING)).resolves.toHaveLength(32);
    await expect(keys.protect(new Secret('short'))).rejects.toThrow(/shorter than 20/);
    expect(await open().versions()).toHaveLength(2);
  });

  it('goes through PBKDF2 in FIPS mode', async () => {
    const wrapped = await open({ passphrase: PASSPHRASE, fips: true }).wrap(randomBytes(32), BINDING);
    const keys = open({ passphrase: PASSPHRASE });
    expect(await keys.protection()).toBe('pbkdf2-hmac-sha512');
    await expect(keys.unwrap(wrapped, BINDING)).resolves.toHaveLength(32);
  });

  it('keeps new versions under it', async () => {
    const keys = open({ passphrase: PASSPHRASE });
    await keys.rotate();
    const wrapped = await keys.wrap(randomBytes(32), BINDING);
    expect(wrapped.keyId).toMatch(/^local:[0-9a-f]{16}:2$/);
    await expect(open({ passphrase: PASSPHRASE }).unwrap(wrapped, BINDING)).resolves.toHaveLength(32);
  });
});

describe('a key file that is not the right one', () => {
  it('is told: another file, a copy from before a rotation, one from which the version was retired', async () => {
    const wrapped = await open().wrap(randomBytes(32), BINDING);
    await expect(open({ path: join(home, 'other.json') }).unwrap(wrapped, BINDING)).rejects.toThrow(/holds other keys/);
    await copyFile(path, join(home, 'old.json'));
    const keys = open();
    const second = await keys.rotate();
    const newer = await keys.wrap(randomBytes(32), BINDING);
    expect(newer.keyId).toBe(second);
    await expect(open({ path: join(home, 'old.json') }).unwrap(newer, BINDING)).rejects.toThrow(/does not hold yet/);
    await keys.retire(wrapped.keyId);
    await expect(open().unwrap(wrapped, BINDING)).rejects.toThrow(UnknownKeyVersion);
    await expect(open().unwrap(newer, BINDING)).resolves.toHaveLength(32);
    expect((await open().versions()).map(({ version }) => version)).toEqual([2]);
  });

  it('is refused when it is damaged, newer, a link, or open to others; and its content is not shown', async () => {
    await open().versions();
    const good = await readFile(path, 'utf8');
    const secret = (JSON.parse(good) as { keys: { key: string }[] }).keys[0]?.key ?? '';
    const damaged = [good.slice(0, -10), good.replace('"by": "nothing"', '"by": "magic"'), good.replace(secret, secret.slice(4)), '', '[]', 'null', '{}', good.replace('"version": 1', '"version": 2')];
    for (const content of damaged) {
      await writeFile(path, content);
      const error: unknown = await open().versions().catch((thrown: unknown) => thrown);
      expect(String(error)).toMatch(/cannot be used/);
      expect(String(error)).not.toContain(secret.slice(0, 12));
    }
    await expect(open().versions()).rejects.toThrow(/newer version of koprogo-infra/);
    await writeFile(path, good);
    await chmod(path, 0o640);
    await expect(open().versions()).rejects.toMatchObject({ hints: [`chmod 600 ${path}`] });
    await chmod(path, 0o600);
    await symlink(path, join(home, 'link.json'));
    await expect(open({ path: join(home, 'link.json') }).versions()).rejects.toThrow(/symbolic link/);
    await expect(open().versions()).resolves.toHaveLength(1);
  });
});
