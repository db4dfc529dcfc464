import { pbkdf2Sync } from 'node:crypto';
import { hashRaw } from '@node-rs/argon2';
import { expect, it } from 'vitest';
import { derivePassphraseKey, type KdfParameters, kdfParametersSchema, newKdfParameters } from '../../src/keys/passphrase-kdf.js';
import { Secret } from '../../src/secret.js';

const salt = Buffer.from('0123456789abcdef').toString('base64');
const argon2id: KdfParameters = { kdf: 'argon2id', memoryKiB: 19 * 1024, passes: 2, lanes: 1, salt };
const pbkdf2: KdfParameters = { kdf: 'pbkdf2-hmac-sha512', iterations: 210_000, salt };

it('uses Argon2id, or with FIPS PBKDF2, each with a fresh salt', () => {
  expect(newKdfParameters({ fips: false })).toMatchObject({ kdf: 'argon2id', memoryKiB: 65536, passes: 3, lanes: 1 });
  expect(newKdfParameters({ fips: true })).toMatchObject({ kdf: 'pbkdf2-hmac-sha512', iterations: 600_000 });
  for (const fips of [true, false]) {
    const [one, other] = [newKdfParameters({ fips }), newKdfParameters({ fips })];
    expect(one.salt).not.toBe(other.salt);
    expect(kdfParametersSchema.parse(JSON.parse(JSON.stringify(one)))).toEqual(one);
  }
});

it('derives what others derive with these parameters', async () => {
  const typed = 'correct horse battery staple';
  expect(await derivePassphraseKey(new Secret(typed), pbkdf2)).toEqual(pbkdf2Sync(typed, '0123456789abcdef', 210_000, 32, 'sha512'));
  const settings = { memoryCost: 19 * 1024, timeCost: 2, parallelism: 1, outputLen: 32, salt: Buffer.from('0123456789abcdef') };
  // The argument is bytes here and text there: the same key must come of both.
  expect(await derivePassphraseKey(new Secret(typed), argon2id)).toEqual(await hashRaw(typed, settings));
});

it('is Argon2id of version 19, by a vector of its reference implementation', async () => {
  const settings = { memoryCost: 256, timeCost: 2, parallelism: 1, outputLen: 32, salt: Buffer.from('somesalt') };
  expect((await hashRaw('password', settings)).toString('hex')).toBe('9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe');
});

it('gives the same key however an accent was typed, and another for another passphrase or salt', async () => {
  for (const parameters of [argon2id, pbkdf2]) {
    const composed = await derivePassphraseKey(new Secret('caf\u00e9'), parameters);
    expect(await derivePassphraseKey(new Secret('cafe\u0301'), parameters)).toEqual(composed);
    expect(await derivePassphraseKey(new Secret('cafe'), parameters)).not.toEqual(composed);
    expect(await derivePassphraseKey(new Secret('caf\u00e9'), { ...parameters, salt: Buffer.alloc(16).toString('base64') })).not.toEqual(composed);
  }
});

it('refuses parameters that cost too little or too much', async () => {
  const wrong = [
    ...[{ memoryKiB: 8 }, { memoryKiB: 2 ** 30 }, { passes: 1 }, { passes: 21 }, { lanes: 0 }, { lanes: 17 }, { salt: 'AAAA' }, { salt: `${salt.slice(0, -1)}A` }, { kdf: 'argon2i' }, { more: 1 }].map((one) => ({ ...argon2id, ...one })),
    ...[{ iterations: 209_999 }, { iterations: 10_000_001 }, { iterations: 210_000.5 }, { salt: '' }, { kdf: 'pbkdf2' }, { lanes: 1 }].map((one) => ({ ...pbkdf2, ...one })),
  ];
  for (const one of wrong) {
    expect(kdfParametersSchema.safeParse(one).success, JSON.stringify(one)).toBe(false);
    await expect(derivePassphraseKey(new Secret('x'), one as KdfParameters)).rejects.toThrow();
  }
});
