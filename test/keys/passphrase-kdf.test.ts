import { pbkdf2Sync } from 'node:crypto';
import { hashRaw } from '@node-rs/argon2';
import { expect, it } from 'vitest';
import { derivePassphraseKey, type KdfParameters, kdfParametersSchema, newKdfParameters } from '../../src/keys/passphrase-kdf.js';
import { Secret } from '../../src/secret.js';

const SALT = Buffer.alloc(16, 7).toString('base64');
const QUICK: KdfParameters = { kdf: 'argon2id', memoryKiB: 19 * 1024, passes: 2, lanes: 1, salt: SALT };

it('gives the same key again, however its accents were typed, and another for another passphrase or salt', async () => {
  const key = await derivePassphraseKey(new Secret('copropri\u00e9t\u00e9 de la rue haute'), QUICK);
  expect((await derivePassphraseKey(new Secret('coproprie\u0301te\u0301 de la rue haute'), QUICK)).equals(key)).toBe(true);
  expect((await derivePassphraseKey(new Secret('copropriete de la rue haute'), QUICK)).equals(key)).toBe(false);
  expect((await derivePassphraseKey(new Secret('copropri\u00e9t\u00e9 de la rue haute'), { ...QUICK, salt: Buffer.alloc(16, 8).toString('base64') })).equals(key)).toBe(false);
});

it('goes through Argon2id with these parameters', async () => {
  const published = await hashRaw('password', { memoryCost: 65536, timeCost: 2, parallelism: 1, outputLen: 32, salt: Buffer.from('somesalt') });
  // From the test suite of Argon2's reference implementation (argon2id, version 19).
  expect(published.toString('hex')).toBe('09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7');
  const expected = await hashRaw('twenty characters it', { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1, outputLen: 32, salt: Buffer.alloc(16, 7) });
  expect((await derivePassphraseKey(new Secret('twenty characters it'), QUICK)).equals(expected)).toBe(true);
});

it('goes through PBKDF2 in FIPS mode', async () => {
  const parameters = newKdfParameters({ fips: true });
  if (parameters.kdf !== 'pbkdf2-hmac-sha512') throw new Error('not PBKDF2');
  const expected = pbkdf2Sync('twenty characters it', Buffer.from(parameters.salt, 'base64'), 600_000, 32, 'sha512');
  expect((await derivePassphraseKey(new Secret('twenty characters it'), parameters)).equals(expected)).toBe(true);
});

it('has a fresh salt each time, and parameters within limits', () => {
  const parameters = newKdfParameters({ fips: false });
  expect(parameters).toMatchObject({ kdf: 'argon2id', memoryKiB: 65536, passes: 3, lanes: 1 });
  expect(newKdfParameters({ fips: false }).salt).not.toBe(parameters.salt);
  expect(kdfParametersSchema.parse(JSON.parse(JSON.stringify(parameters)))).toEqual(parameters);
  for (const wrong of [{ memoryKiB: 8 }, { memoryKiB: 2 ** 30 }, { passes: 1 }, { salt: 'AAAA' }, { kdf: 'argon2i' }, { more: 1 }]) {
    expect(kdfParametersSchema.safeParse({ ...parameters, ...wrong }).success).toBe(false);
  }
  for (const wrong of [{ iterations: 1000 }, { iterations: 2 ** 40 }, { iterations: 0.5 }]) {
    expect(kdfParametersSchema.safeParse({ ...newKdfParameters({ fips: true }), ...wrong }).success).toBe(false);
  }
});
