import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { keyFile, passphrase, WrongKey } from '../../src/keys/key-source.js';
import { Secret } from '../../src/secret.js';
import { listInstallations, openInstallation, removeInstallation, stateRoot } from '../../src/state/installations.js';
import { secretText } from '../../src/state/schema.js';

const schema = z.object({ name: z.string(), password: secretText });
const document = { name: 'x', password: new Secret('planted-secret-7f3a') };
let home: string;
let key: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-state-'));
  vi.stubEnv('XDG_STATE_HOME', join(home, 'state'));
  key = join(home, 'config', 'state.key');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

const open = (name = 'main') => openInstallation(name, keyFile(key));

describe('documents', () => {
  it('come back, with their secrets, from another process', async () => {
    await (await open()).put('stack', document);
    const read = await (await open()).get('stack', schema);
    expect(read?.password.reveal()).toBe('planted-secret-7f3a');
    expect(read?.name).toBe('x');
  });

  it('keep secrets wherever they stand in the value', async () => {
    const store = await open();
    await store.put('deep', { list: [{ one: new Secret('s1') }, new Secret('s2')] });
    await store.put('bare', new Secret('s3'));
    expect(await store.get('deep', z.unknown())).toEqual({ list: [{ one: 's1' }, 's2'] });
    expect(await store.get('bare', z.unknown())).toBe('s3');
  });

  it('are undefined before they exist and after they were removed', async () => {
    const store = await open();
    expect(await store.get('stack', schema)).toBeUndefined();
    await store.put('stack', document);
    await store.put('other-1', document);
    expect(await store.names()).toEqual(['other-1', 'stack']);
    await store.remove('stack');
    await store.remove('stack');
    expect(await store.get('stack', schema)).toBeUndefined();
    expect(await store.names()).toEqual(['other-1']);
  });

  it('lie there encrypted, readable by the owner only, with nothing left beside them', async () => {
    const store = await open();
    await store.put('stack', document);
    const files = await readdir(store.directory);
    expect(files.sort()).toEqual(['header.json', 'stack.sealed']);
    for (const file of files) {
      expect((await stat(join(store.directory, file))).mode & 0o777).toBe(0o600);
      expect((await readFile(join(store.directory, file))).includes('planted-secret')).toBe(false);
    }
    expect((await stat(store.directory)).mode & 0o777).toBe(0o700);
    expect((await stat(stateRoot())).mode & 0o777).toBe(0o700);
  });

  it('are found damaged at every flipped bit and every length', async () => {
    const store = await open();
    await store.put('stack', document);
    const file = join(store.directory, 'stack.sealed');
    const good = await readFile(file);
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ (1 << at % 8);
      await writeFile(file, bad);
      await expect(store.get('stack', schema)).rejects.toThrow(/"stack" of installation main cannot be used/);
      await writeFile(file, good.subarray(0, at));
      await expect(store.get('stack', schema)).rejects.toThrow(/"stack"/);
    }
    await writeFile(file, good);
    expect(await store.get('stack', schema)).toBeDefined();
  });

  it('are found exchanged: for another document, or for one of another installation', async () => {
    const [store, other] = [await open('main'), await open('second')];
    await store.put('one', document);
    await other.put('one', document);
    await copyFile(join(store.directory, 'one.sealed'), join(store.directory, 'two.sealed'));
    await expect(store.get('two', schema)).rejects.toThrow(/tag does not match/);
    await copyFile(join(other.directory, 'one.sealed'), join(store.directory, 'one.sealed'));
    await expect(store.get('one', schema)).rejects.toThrow(/tag does not match/);
  });

  it('of another shape are refused without quoting their content', async () => {
    const store = await open();
    await store.put('stack', { name: 'secret-name-1', password: 5 });
    const error: unknown = await store.get('stack', schema).catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/password: invalid_union/);
    await expect(store.get('stack', z.object({ name: z.enum(['a']) }))).rejects.not.toThrow(/secret-name-1/);
  });

  it('have names that cannot leave the directory', async () => {
    const store = await open();
    for (const name of ['../x', 'a/b', '', 'A', 'a.b', '.x', '1a', 'a\n']) {
      await expect(store.put(name, {})).rejects.toThrow(TypeError);
      await expect(store.get(name, schema)).rejects.toThrow(TypeError);
    }
  });

  it('are not read through a symbolic link', async () => {
    const store = await open();
    await store.put('stack', document);
    await symlink(join(store.directory, 'stack.sealed'), join(store.directory, 'link.sealed'));
    await expect(store.get('link', schema)).rejects.toThrow(/symbolic link/);
  });
});

describe('installations', () => {
  it('are listed, opened and removed by name', async () => {
    expect(await listInstallations()).toEqual([]);
    await open('b');
    await open('a-1');
    await writeFile(join(stateRoot(), 'file'), '');
    await mkdir(join(stateRoot(), 'Not-A-Name'));
    expect(await listInstallations()).toEqual(['a-1', 'b']);
    await removeInstallation('b');
    await removeInstallation('b');
    expect(await listInstallations()).toEqual(['a-1']);
  });

  it('have strict names', async () => {
    for (const name of ['', 'A', '1a', '-a', 'a/b', '..', 'a.b', 'a;reboot', '$(id)', 'a\n', 'a'.repeat(33)]) {
      await expect(open(name)).rejects.toThrow(/not an installation name/);
      await expect(removeInstallation(name)).rejects.toThrow(/not an installation name/);
    }
    await expect(open('a'.repeat(32))).resolves.toBeDefined();
  });

  it('are refused when others can reach their directory', async () => {
    const { directory } = await open();
    for (const mode of [0o750, 0o701, 0o770]) {
      await chmod(directory, mode);
      await expect(open()).rejects.toThrow(/others can reach .* \(mode 07/);
      await expect(removeInstallation('main')).rejects.toThrow(/others can reach/);
    }
    await chmod(directory, 0o700);
    await chmod(stateRoot(), 0o755);
    await expect(open()).rejects.toMatchObject({ hints: [`chmod 700 ${stateRoot()}`] });
  });

  it.runIf(process.getuid?.() === 0)('are refused when their directory is of another user (as root)', async () => {
    const { directory } = await open();
    const { chown } = await import('node:fs/promises');
    await chown(directory, 65534, 65534);
    await expect(open()).rejects.toThrow(/belongs to another user \(uid 65534, this is uid 0\)/);
  });

  it('are refused when their directory is a symbolic link', async () => {
    await open();
    await symlink(join(stateRoot(), 'main'), join(stateRoot(), 'linked'));
    await expect(open('linked')).rejects.toThrow(/symbolic link/);
  });

  it('tell a wrong key from damage', async () => {
    await (await open()).put('stack', document);
    await expect(openInstallation('main', keyFile(join(home, 'elsewhere.key')))).rejects.toThrow(/elsewhere.key is missing/);
    await open('other');
    await openInstallation('third', keyFile(join(home, 'elsewhere.key')));
    await expect(openInstallation('main', keyFile(join(home, 'elsewhere.key')))).rejects.toThrow(WrongKey);
    await expect(openInstallation('main', passphrase(new Secret('x'.repeat(20))))).rejects.toThrow(/not by a passphrase/);
  });

  it('do not get a new header over documents that an old one opens', async () => {
    const store = await open();
    await store.put('stack', document);
    const header = join(store.directory, 'header.json');
    const good = await readFile(header);
    await rm(header);
    await expect(open()).rejects.toThrow(/header of installation main is missing/);
    for (const bad of ['', '{', '{}', '[]', 'null', good.toString().replace('"format": 1', '"format": 2')]) {
      await writeFile(header, bad);
      await expect(open()).rejects.toThrow(/header of installation main .* is damaged/);
    }
    await writeFile(header, good);
    expect(await (await open()).get('stack', schema)).toBeDefined();
  });

  it('opened for the first time by many at once share one header', async () => {
    const stores = await Promise.all(Array.from({ length: 8 }, () => open()));
    await stores[0]?.put('stack', document);
    for (const store of stores) expect(await store.get('stack', schema)).toBeDefined();
  });

  it('lose the temporary files of killed writers, but not those of living ones', async () => {
    const { directory } = await open();
    const [old, young] = [join(directory, '.stack.sealed.aa.tmp'), join(directory, '.stack.sealed.bb.tmp')];
    await writeFile(old, '');
    await writeFile(young, '');
    await utimes(old, new Date(0), new Date(0));
    await open();
    expect(await readdir(directory)).toEqual(['.stack.sealed.bb.tmp', 'header.json']);
  });
});
