import { pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { hashRaw } from '@node-rs/argon2';
import { z } from 'zod';
import type { Secret } from '../secret.js';
import { say } from './words.js';

const KEY_BYTES = 32;
const SALT_BYTES = 16;

const salt = z.string().refine((text) => isBase64(text, SALT_BYTES), { error: () => say('kdf.salt', { bytes: SALT_BYTES }) });

/**
 * How a key is made from a passphrase, as it is stored beside what the key protects. The limits keep a tampered header
 * from costing gigabytes, hours, or nothing at all.
 */
export const kdfParametersSchema = z.discriminatedUnion('kdf', [
  z.strictObject({
    kdf: z.literal('argon2id'),
    memoryKiB: z.number().int().min(19 * 1024).max(1024 * 1024),
    passes: z.number().int().min(2).max(20),
    lanes: z.number().int().min(1).max(16),
    salt,
  }),
  z.strictObject({
    kdf: z.literal('pbkdf2-hmac-sha512'),
    iterations: z.number().int().min(210_000).max(10_000_000),
    salt,
  }),
]);
export type KdfParameters = z.infer<typeof kdfParametersSchema>;

/** RFC 9106's second recommendation with one lane: 64 MiB, about 0.1 s. */
const ARGON2ID = { kdf: 'argon2id', memoryKiB: 64 * 1024, passes: 3, lanes: 1 } as const;

/**
 * OWASP's Password Storage Cheat Sheet asks for at least 210,000 iterations with HMAC-SHA512. Those are chosen for servers
 * with many log-ins; here one waits for one key, so it is nearly three times as many: about half a second.
 */
const PBKDF2 = { kdf: 'pbkdf2-hmac-sha512', iterations: 600_000 } as const;

/** Parameters for a new key, with a fresh salt. Argon2id is not approved by FIPS, and resists graphics cards better: so each has its place. */
export function newKdfParameters({ fips }: { fips: boolean }): KdfParameters {
  return { ...(fips ? PBKDF2 : ARGON2ID), salt: randomBytes(SALT_BYTES).toString('base64') };
}

/**
 * The key of 32 bytes, which belongs to the caller, who wipes it. The passphrase is brought into the form NFC first: typed on
 * another keyboard or system it gives the same bytes. Throws ZodError for parameters out of their limits.
 */
export async function derivePassphraseKey(passphrase: Secret, parameters: KdfParameters): Promise<Buffer> {
  const valid = kdfParametersSchema.parse(parameters);
  const bytes = Buffer.from(passphrase.reveal().normalize('NFC'), 'utf8');
  try {
    return await derive(bytes, Buffer.from(valid.salt, 'base64'), valid);
  } finally {
    bytes.fill(0);
  }
}

function derive(passphrase: Buffer, saltBytes: Buffer, parameters: KdfParameters): Promise<Buffer> {
  if (parameters.kdf === 'pbkdf2-hmac-sha512') return promisify(pbkdf2)(passphrase, saltBytes, parameters.iterations, KEY_BYTES, 'sha512');
  // Argon2id is the library's default (its const enum cannot be used under isolatedModules); a published vector in the tests holds it to that.
  return hashRaw(passphrase, { memoryCost: parameters.memoryKiB, timeCost: parameters.passes, parallelism: parameters.lanes, outputLen: KEY_BYTES, salt: saltBytes });
}

/** Strict: encoding the bytes again must give the same text. */
function isBase64(text: string, bytes: number): boolean {
  const decoded = Buffer.from(text, 'base64');
  return decoded.length === bytes && decoded.toString('base64') === text;
}
