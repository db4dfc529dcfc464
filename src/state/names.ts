import { createCipheriv, createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import type { KeyBinding } from '../keys/provider.js';

/** What an object of the store is: `{ installation: 'tilleuls', kind: 'document', name: 'answers' }`. */
export type ObjectName = KeyBinding;

const SIV_BYTES = 16;
const PAD_TO = 32;
const KIND = /^[a-z][a-z-]{0,19}$/;
const NAME = /^[a-z][a-z0-9-]{0,63}$/;
const INSTALLATION = /^[a-z][a-z0-9-]{0,31}$/;

/**
 * Turns the names of objects into ids that tell nothing, and back. The same name always gives the same id, or no
 * object would be found again; so this is a synthetic-IV cipher: the HMAC of the name is the IV under which the name is
 * encrypted, and proves when it is decrypted that the id was made here. Padded, so that lengths tell little.
 * Specified in docs/formats.md.
 */
export class NameCipher {
  readonly #macKey: Buffer;
  readonly #cipherKey: Buffer;
  /** Ids that were made before: a store has some dozens of names and asks for each many times. */
  readonly #ids = new Map<string, string>();

  /** `key`: 32 random bytes that stay the same as long as the store lives. */
  constructor(key: Uint8Array) {
    const keys = Buffer.from(hkdfSync('sha512', key, Buffer.alloc(0), 'koprogo-infra object names', 64));
    this.#macKey = keys.subarray(0, 32);
    this.#cipherKey = keys.subarray(32);
  }

  /** An id of 64 to 192 characters of base64url. Throws TypeError for a name that is not one. */
  encrypt({ installation, kind, name }: ObjectName): string {
    if (!INSTALLATION.test(installation) || !KIND.test(kind) || !NAME.test(name)) {
      throw new TypeError(`not the name of an object: ${JSON.stringify([installation, kind, name])}`);
    }
    const path = `${installation}/${kind}/${name}`;
    const id = this.#ids.get(path) ?? this.#encrypt(path);
    this.#ids.set(path, id);
    return id;
  }

  #encrypt(path: string): string {
    const text = Buffer.from(path, 'latin1');
    const padded = Buffer.alloc(Math.ceil(text.length / PAD_TO) * PAD_TO);
    text.copy(padded);
    const iv = this.#mac(padded);
    const cipher = createCipheriv('aes-256-ctr', this.#cipherKey, iv);
    return Buffer.concat([iv, cipher.update(padded), cipher.final()]).toString('base64url');
  }

  /** The name again; undefined for an id that was not made with this key. */
  decrypt(id: string): ObjectName | undefined {
    const bytes = Buffer.from(id, 'base64url');
    if (bytes.length <= SIV_BYTES || bytes.toString('base64url') !== id) return undefined;
    const iv = bytes.subarray(0, SIV_BYTES);
    const decipher = createDecipheriv('aes-256-ctr', this.#cipherKey, iv);
    const padded = Buffer.concat([decipher.update(bytes.subarray(SIV_BYTES)), decipher.final()]);
    if (!timingSafeEqual(this.#mac(padded), iv)) return undefined;
    const [installation = '', kind = '', name = ''] = padded.toString('latin1').replace(/\0+$/, '').split('/');
    return { installation, kind, name };
  }

  #mac(padded: Buffer): Buffer {
    return createHmac('sha256', this.#macKey).update(padded).digest().subarray(0, SIV_BYTES);
  }
}
