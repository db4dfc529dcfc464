import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { hashRaw } from '@node-rs/argon2';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createKeyFile, keyFile, keyHeaderSchema, keySourceFromEnvironment, passphrase, WrongKey } from '../../src/keys/key-source.js';
import { generatePassphrase } from '../../src/keys/passphrase.js';
import { seal, sealingKey, unseal } from '../../src/keys/seal.js';
import { Secret } from '../../src/secret.js';

let home: string;
let path: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-key-'));
  path = join(home, 'new', 'state.key');
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

const QUICK = { memoryKiB: 19 * 1024, passes: 2, lanes: 1 };

describe('a key file', () => {
  it('is made once, owner only, 32 bytes in base64', async () => {
    const made = await keyFile(path).create();
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    const text = await readFile(path, 'utf8');
    expect(Buffer.from(text, 'base64')).toHaveLength(32);
    const again = await keyFile(path).create();
    expect(again.key.equals(made.key)).toBe(true);
    expect(await readFile(path, 'utf8')).toBe(text);
    expect((await keyFile(path).open(made.header)).equals(made.key)).toBe(true);
  });

  it('made by two at once is one key', async () => {
    const keys = await Promise.all(Array.from({ length: 6 }, () => createKeyFile(path)));
    expect(keys.every((key) => keys[0]?.equals(key))).toBe(true);
  });

  it('that is not right is said to be so, and why, and its content is not', async () => {
    const { header } = await keyFile(path).create();
    const bad = async (content: string) => {
      await writeFile(path, content);
      return keyFile(path).open(header);
    };
    await expect(bad(`${Buffer.alloc(31, 7).toString('base64')}\n`)).rejects.toThrow(/holds 31 bytes and not 32/);
    await expect(bad(Buffer.alloc(33, 7).toString('base64'))).rejects.toThrow(/holds 33 bytes/);
    await expect(bad('not base64 at all!')).rejects.toThrow(/is not base64/);
    await expect(bad('')).rejects.toThrow(/holds 0 bytes/);
    await expect(bad(Buffer.alloc(32, 7).toString('base64'))).rejects.toThrow(WrongKey);
    await chmod(path, 0o640);
    await expect(keyFile(path).open(header)).rejects.toMatchObject({ message: expect.stringMatching(/mode 0640/) as string, hints: [`chmod 600 ${path}`] });
    await rm(path);
    await expect(keyFile(path).open(header)).rejects.toThrow(/is missing/);
  });
});

describe('a passphrase', () => {
  it('gives the same key again, and a wrong one is told', async () => {
    const { key, header } = await passphrase(new Secret('correct horse battery staple')).create();
    expect(header).toMatchObject({ kdf: 'argon2id', memoryKiB: 65536, passes: 3, lanes: 1 });
    const stored = keyHeaderSchema.parse(JSON.parse(JSON.stringify(header)));
    expect((await passphrase(new Secret('correct horse battery staple')).open(stored)).equals(key)).toBe(true);
    await expect(passphrase(new Secret('correct horse battery stapl')).open(stored)).rejects.toThrow(/passphrase of the state is wrong/);
    await expect(keyFile(path).open(stored)).rejects.toThrow(/protected by a passphrase/);
  });

  it('is the same however its accents were typed', async () => {
    const { key, header } = await passphrase(new Secret('copropri\u00e9t\u00e9 de la rue haute'), QUICK).create();
    expect((await passphrase(new Secret('coproprie\u0301te\u0301 de la rue haute')).open(header)).equals(key)).toBe(true);
  });

  it('goes through Argon2id with the parameters of the header', async () => {
    const published = await hashRaw('password', { memoryCost: 65536, timeCost: 2, parallelism: 1, outputLen: 32, salt: Buffer.from('somesalt') });
    // From the test suite of Argon2's reference implementation (argon2id, version 19).
    expect(published.toString('hex')).toBe('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7');
    const { key, header } = await passphrase(new Secret('twenty characters it'), QUICK).create();
    if (header.source !== 'passphrase') throw new Error('not a passphrase header');
    const salt = Buffer.from(header.salt, 'base64');
    const expected = await hashRaw('twenty characters it', { memoryCost: QUICK.memoryKiB, timeCost: QUICK.passes, parallelism: QUICK.lanes, outputLen: 32, salt });
    expect(key.export().equals(expected)).toBe(true);
  });

  it('must be long, and its header within limits', async () => {
    await expect(passphrase(new Secret('nineteen characters')).create()).rejects.toThrow(/shorter than 20/);
    const { header } = await passphrase(new Secret('twenty characters it'), QUICK).create();
    for (const wrong of [{ memoryKiB: 8 }, { memoryKiB: 2 ** 30 }, { passes: 1 }, { salt: 'AAAA' }, { kdf: 'argon2i' }, { more: 1 }]) {
      expect(keyHeaderSchema.safeParse({ ...header, ...wrong }).success).toBe(false);
    }
  });
});

describe('the environment', () => {
  it('names a passphrase file, a key file, or nothing, but not both', async () => {
    await writeFile(join(home, 'pass'), 'correct horse battery staple\n');
    const both = { KOPROGO_STATE_PASSPHRASE_FILE: join(home, 'pass'), KOPROGO_STATE_KEY_FILE: path };
    await expect(keySourceFromEnvironment(both)).rejects.toThrow(/both set/);
    const fromFile = await keySourceFromEnvironment({ KOPROGO_STATE_PASSPHRASE_FILE: join(home, 'pass') });
    const { key, header } = await fromFile.create();
    expect((await passphrase(new Secret('correct horse battery staple')).open(header)).equals(key)).toBe(true);
    await (await keySourceFromEnvironment({ KOPROGO_STATE_KEY_FILE: path })).create();
    expect((await stat(path)).isFile()).toBe(true);
    await expect(keySourceFromEnvironment({ KOPROGO_STATE_PASSPHRASE_FILE: join(home, 'none') })).rejects.toThrow(/cannot be read/);
  });
});

describe('sealing', () => {
  it('opens with the same key and context only', () => {
    const [key, other] = [sealingKey(Buffer.alloc(32, 1)), sealingKey(Buffer.alloc(32, 2))];
    const sealed = seal(key, Buffer.from('text'), ['a', 'bc']);
    expect(unseal(key, sealed, ['a', 'bc']).toString()).toBe('text');
    expect(() => unseal(other, sealed, ['a', 'bc'])).toThrow(/tag does not match/);
    expect(() => unseal(key, sealed, ['ab', 'c'])).toThrow(/tag does not match/);
    expect(() => unseal(key, Buffer.concat([Buffer.of(9), sealed.subarray(1)]), ['a', 'bc'])).toThrow(/format version 9/);
    expect(seal(key, Buffer.from('text'), ['a', 'bc']).equals(sealed)).toBe(false);
    expect(inspect(key)).not.toContain('01');
  });
});

describe('a generated passphrase', () => {
  it('is 26 characters of 32 kinds in groups of five', () => {
    const made = new Set(Array.from({ length: 200 }, () => generatePassphrase().reveal()));
    expect(made.size).toBe(200);
    for (const text of made) expect(text).toMatch(/^(?:[0-9a-hjkmnp-tv-z]{5}-){5}[0-9a-hjkmnp-tv-z]$/);
    expect(generatePassphrase(256).reveal().replaceAll('-', '')).toHaveLength(52);
    expect(() => generatePassphrase(64)).toThrow(RangeError);
    expect(() => generatePassphrase(Number.NaN)).toThrow(RangeError);
  });
});
