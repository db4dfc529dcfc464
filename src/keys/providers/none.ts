import { createHmac } from 'node:crypto';
import { InputError } from '../../errors.js';
import type { KeptKey, KeyMemory } from '../hardening/locked-memory.js';
import { type KeyBinding, type KeyProvider, type KeyVersion, UnknownKeyVersion, type WrappedKey, WrongKey } from '../provider.js';
import { rewrapHere, unwrapWith, wrapWith } from '../envelope/wrap.js';
import { say } from './words.js';

export interface MasterKeyBytes {
  version: number;
  key: Buffer;
}

/**
 * No key service: master keys from the environment (MASTER_ENCRYPTION_KEY, its version, and older ones for reading).
 * The key id carries a fingerprint, so that another key is told from a damaged object.
 */
export class MasterKeys implements KeyProvider {
  readonly name = 'none';
  readonly where = 'MASTER_ENCRYPTION_KEY';
  readonly remote = false;
  readonly #keys: ReadonlyMap<string, { version: number; key: KeptKey }>;
  readonly #currentId: string;

  /** 32 bytes each, which the key memory takes over. */
  constructor(current: MasterKeyBytes, older: readonly MasterKeyBytes[], memory: KeyMemory) {
    this.#currentId = keyIdOf(current);
    this.#keys = new Map([current, ...older].map((entry) => [keyIdOf(entry), { version: entry.version, key: memory.keep(entry.key) }]));
  }

  versions(): Promise<KeyVersion[]> {
    const versions = [...this.#keys].map(([keyId, { version }]) => ({ keyId, version, created: undefined, current: keyId === this.#currentId }));
    return Promise.resolve(versions.sort((a, b) => a.version - b.version));
  }

  async wrap(dataKey: Uint8Array, binding: KeyBinding): Promise<WrappedKey> {
    const keyId = this.#currentId;
    return Promise.resolve({ keyId, wrapped: this.#key(keyId).use((key) => wrapWith(key, dataKey, keyId, binding)) });
  }

  async unwrap({ keyId, wrapped }: WrappedKey, binding: KeyBinding): Promise<Buffer> {
    return Promise.resolve(this.#key(keyId).use((key) => unwrapWith(key, wrapped, keyId, binding)));
  }

  rewrap(key: WrappedKey, binding: KeyBinding): Promise<WrappedKey> {
    return rewrapHere(this, key, binding);
  }

  rotate(): Promise<string> {
    const version = this.#keys.get(this.#currentId)?.version ?? 1;
    return Promise.reject(
      new InputError(say('none.rotate'), {
        hints: [
          say('none.generate'),
          say('none.set', { version, next: version + 1 }),
          say('then.migrate'),
        ],
      }),
    );
  }

  retire(keyId: string): Promise<void> {
    if (keyId === this.#currentId) return Promise.reject(new InputError(say('current', { keyId }), { hints: ['koprogo-infra keys status'] }));
    const version = this.#keys.get(keyId)?.version;
    const hints = version === undefined ? ['koprogo-infra keys status'] : [say('none.unset', { version })];
    return Promise.reject(new InputError(say('none.retire'), { hints }));
  }

  #key(keyId: string): KeptKey {
    const found = this.#keys.get(keyId);
    if (found) return found.key;
    const version = /^none:[0-9a-f]{16}:([1-9]\d{0,6})$/.exec(keyId)?.[1];
    if (version === undefined) throw new UnknownKeyVersion(say('none.other', { keyId: keyId.slice(0, 80) }), { hints: [say('none.provider')] });
    if ([...this.#keys.values()].some((entry) => entry.version === Number(version))) {
      throw new WrongKey(say('none.wrong', { version }), { hints: [say('none.right')] });
    }
    throw new UnknownKeyVersion(say('none.missing', { version }), { hints: [say('none.setVersion', { version })] });
  }
}

function keyIdOf({ version, key }: MasterKeyBytes): string {
  return `none:${createHmac('sha256', key).update('koprogo-infra key id').digest('hex').slice(0, 16)}:${version}`;
}
