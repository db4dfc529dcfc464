import { pbkdf2, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { hashRaw } from '@node-rs/argon2';
import { z } from 'zod';
import type { Secret } from '../secret.js';

const KEY_BYTES = 32;
const SALT_BYTES = 16;

/** What stands beside whatever a passphrase protects. The limits keep a tampered one from costing gigabytes, or nothing at all. */
export const kdfParametersSchema = z.discriminatedUnion('kdf', [
  z.strictObject({
    kdf: z.literal('argon2id'),
    memoryKiB: z.number().int().min(19 * 1024).max(1024 * 1024),
    passes: z.number().int().min(2).max(20),
    lanes: z.number().int().min(1).max(16),
    salt: z.base64().length(24),
  }),
  z.strictObject({ kdf: z.literal('pbkdf2-hmac-sha512'), iterations: z.number().int().min(210_000).max(20_000_000), salt: z.base64().length(24) }),
]);
export type KdfParameters = z.infer<typeof kdfParametersSchema>;

/**
 * Argon2id with RFC 9106's second recommendation and one lane (64 MiB, 3 passes: about 0.1 s a guess); in FIPS mode, which
 * does not approve of Argon2, PBKDF2-HMAC-SHA512 with 600,000 iterations (OWASP asks for 220,000 or more).
 */
export function newKdfParameters({ fips }: { fips: boolean }): KdfParameters {
  const salt = randomBytes(SALT_BYTES).toString('base64');
  return fips ? { kdf: 'pbkdf2-hmac-sha512', iterations: 600_000, salt } : { kdf: 'argon2id', memoryKiB: 64 * 1024, passes: 3, lanes: 1, salt };
}

/** A key of 32 bytes. NFC: the same passphrase typed on another keyboard or system gives the same key. */
export async function derivePassphraseKey(passphrase: Secret, parameters: KdfParameters): Promise<Buffer> {
  const text = passphrase.reveal().normalize('NFC');
  const salt = Buffer.from(parameters.salt, 'base64');
  if (parameters.kdf === 'pbkdf2-hmac-sha512') return promisify(pbkdf2)(text, salt, parameters.iterations, KEY_BYTES, 'sha512');
  // Argon2id is the library's default algorithm (its const enum cannot be used under isolatedModules); a test with a
  // published vector holds it to that.
  return hashRaw(text, { memoryCost: parameters.memoryKiB, timeCost: parameters.passes, parallelism: parameters.lanes, outputLen: KEY_BYTES, salt });
}
