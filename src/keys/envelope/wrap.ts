import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { DATA_KEY_BYTES, encodeParts, TAG_BYTES } from './envelope-format.js';
import { type KeyBinding, type KeyProvider, type WrappedKey, WrongKey } from '../provider.js';
import { say } from './words.js';

/**
 * How the providers `none` and `local` wrap a data key: 12 bytes nonce, 32 bytes ciphertext, 16 bytes tag, by
 * AES-256-GCM under a key-encryption key of 32 bytes. Specified with test vectors in docs/formats.md.
 */
const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const WRAPPED_BYTES = NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES;
const LABEL = 'koprogo-infra data key 1';

/**
 * Wraps a data key (32 bytes) under a key-encryption key (32 bytes) for one object. Nonces are random: one key wraps
 * up to 2^32 data keys. Throws RangeError for keys of another length.
 */
export function wrapWith(kek: Uint8Array, dataKey: Uint8Array, keyId: string, binding: KeyBinding): Buffer {
  checkLength(kek, KEY_BYTES);
  checkLength(dataKey, DATA_KEY_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, kek, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(keyId, binding));
  return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
}

/** The data key again, for the caller to wipe. Throws WrongKey for another key, key id or object, and for the least change. */
export function unwrapWith(kek: Uint8Array, wrapped: Uint8Array, keyId: string, binding: KeyBinding): Buffer {
  checkLength(kek, KEY_BYTES);
  if (wrapped.length !== WRAPPED_BYTES) throw new WrongKey(say('wrapped.length', { length: wrapped.length, wrappedBytes: WRAPPED_BYTES }));
  const decipher = createDecipheriv(CIPHER, kek, wrapped.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(keyId, binding));
  decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
  const dataKey = decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return dataKey;
  } catch (cause) {
    dataKey.fill(0);
    throw new WrongKey(say('wrapped.other', { keyId }), { cause });
  }
}

/** For providers whose keys are in this process: the data key is unwrapped, wrapped anew, and wiped. */
export async function rewrapHere(provider: Pick<KeyProvider, 'wrap' | 'unwrap'>, key: WrappedKey, binding: KeyBinding): Promise<WrappedKey> {
  const dataKey = await provider.unwrap(key, binding);
  try {
    return await provider.wrap(dataKey, binding);
  } finally {
    dataKey.fill(0);
  }
}

function associatedData(keyId: string, { installation, kind, name }: KeyBinding): Buffer {
  return encodeParts([LABEL, keyId, installation, kind, name]);
}

function checkLength(key: Uint8Array, bytes: number): void {
  if (key.length !== bytes) throw new RangeError(`a key has ${bytes} bytes, not ${key.length}`);
}
