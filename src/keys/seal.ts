import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject, createSecretKey, randomBytes } from 'node:crypto';
import { InfraError } from '../errors.js';

/** Layout: version (1 byte), nonce (12), ciphertext, tag (16). Specified in docs/state.md. */
const VERSION = 1;
const NONCE_BYTES = 12;
/** Set explicitly everywhere: without it Node accepts tags of 4 bytes, which can be forged. */
const TAG_BYTES = 16;
const CIPHER = 'aes-256-gcm';

export const KEY_BYTES = 32;

/** The bytes are not what was sealed with this key for this purpose: damaged, cut, exchanged, or another key. */
export class NotSealedSo extends InfraError {
  override readonly name = 'NotSealedSo';
}

/** A 32-byte AES key. As a KeyObject it prints as nothing anywhere. */
export function sealingKey(bytes: Uint8Array): KeyObject {
  if (bytes.length !== KEY_BYTES) throw new RangeError(`a sealing key has ${KEY_BYTES} bytes, not ${bytes.length}`);
  return createSecretKey(bytes);
}

/** A key for one purpose from a key of 32 random bytes, by HKDF-SHA256: keys of different purposes tell nothing about each other. */
export function deriveKey(root: KeyObject, purpose: readonly string[]): KeyObject {
  return createSecretKey(Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), JSON.stringify(purpose), KEY_BYTES)));
}

/**
 * Encrypts a small document (it is held in memory whole). `context` says what it is and where it belongs; it is not
 * stored, but `unseal` succeeds only with the same. A key may seal 2^32 documents: nonces are random.
 */
export function seal(key: KeyObject, plain: Uint8Array, context: readonly string[]): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(associatedData(context));
  const body = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), nonce, body, cipher.getAuthTag()]);
}

/** The document again. Throws NotSealedSo on the least change of the bytes, another context, or another key. */
export function unseal(key: KeyObject, sealed: Uint8Array, context: readonly string[]): Buffer {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
  if (bytes.length < 1 + NONCE_BYTES + TAG_BYTES) throw new NotSealedSo(`only ${bytes.length} bytes long: cut short`);
  const version = bytes[0];
  if (version !== VERSION) {
    throw new NotSealedSo(`format version ${version ?? 'missing'} is unknown here (this program writes ${VERSION}): damaged, or written by a newer version`);
  }
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(associatedData(context));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  const plain = decipher.update(bytes.subarray(1 + NONCE_BYTES, -TAG_BYTES));
  try {
    return Buffer.concat([plain, decipher.final()]);
  } catch (cause) {
    throw new NotSealedSo('its authentication tag does not match: damaged, exchanged, or sealed with another key', { cause });
  } finally {
    plain.fill(0);
  }
}

/** As JSON, because an array of texts has one reading only, wherever the separators fall. */
function associatedData(context: readonly string[]): Buffer {
  return Buffer.from(JSON.stringify([VERSION, ...context]), 'utf8');
}
