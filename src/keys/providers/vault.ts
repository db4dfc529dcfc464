import { timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { InputError } from '../../errors.js';
import { DATA_KEY_BYTES } from '../envelope/envelope-format.js';
import { type KeyBinding, type KeyProvider, KeyServiceFailed, type KeyVersion, UnknownKeyVersion, type WrappedKey, WrongKey } from '../provider.js';
import { BINDING_BYTES, bindingDigest, checkDataKey } from './binding.js';
import type { VaultSettings } from './settings.js';
import { VaultConnection, type VaultTiming } from './vault-client.js';
import { say } from './words.js';

/** Types whose ciphertext is authenticated and whose key has 256 bits. */
const KEY_TYPES = ['aes256-gcm96', 'chacha20-poly1305'];
const CIPHERTEXT = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]{40,2000}={0,2})$/;

const version = z.number().int().min(0).max(999_999_999);
const keySchema = z.object({
  type: z.string().max(100),
  derived: z.boolean(),
  latest_version: version.min(1),
  min_decryption_version: version,
  min_available_version: version.optional(),
  keys: z.record(z.string().regex(/^[1-9]\d{0,8}$/), z.unknown()),
});
type TransitKey = z.infer<typeof keySchema>;
const ciphertextSchema = z.object({ ciphertext: z.string().max(4096).regex(CIPHERTEXT) });
const plaintextSchema = z.object({ plaintext: z.string().max(4096) });

/**
 * Data keys wrapped by a key of the transit engine of HashiCorp Vault (or OpenBao), which never leaves it.
 *
 * What is encrypted is the data key followed by the SHA-256 of its binding, 64 bytes, and the binding is compared after
 * decryption. Vault's own `associated_data` is not used: `rewrap` does not take it (Vault issue 31791), so what was
 * bound so could never be re-wrapped inside Vault, and older Vaults ignore it without a word. For a key with
 * `derived=true` the hash is the `context` too, and then Vault itself refuses another binding.
 *
 * A key id is `vault:MOUNT/KEY:VERSION`; what is stored is the ciphertext's bytes, without Vault's prefix. By hand:
 * `vault write MOUNT/decrypt/KEY ciphertext=vault:vVERSION:BASE64`.
 *
 * `retire` raises min_decryption_version, which somebody with the right can lower again: for good is only
 * `vault write MOUNT/keys/KEY/trim`, which this never does.
 */
export function vaultProvider(settings: VaultSettings, timing: VaultTiming = {}): KeyProvider {
  return new Vault(settings, timing);
}

class Vault implements KeyProvider {
  readonly name = 'vault';
  readonly where: string;
  readonly remote = true;
  readonly #vault: VaultConnection;
  readonly #idPrefix: string;
  /** Cannot change while the key exists. */
  #derived: boolean | undefined;

  constructor(
    private readonly settings: VaultSettings,
    timing: VaultTiming,
  ) {
    const { address, mount, keyName } = settings;
    this.where = say('vault.where', { keyName, address, mount });
    this.#idPrefix = `vault:${mount}/${keyName}:`;
    this.#vault = new VaultConnection({ where: this.where, address, mount, keyName }, settings, timing);
  }

  async versions(): Promise<KeyVersion[]> {
    const key = await this.#readKey();
    const least = oldest(key);
    return Object.entries(key.keys)
      .map(([number, created]) => ({ number: Number(number), created }))
      .filter(({ number }) => number >= least && number <= key.latest_version)
      .sort((a, b) => a.number - b.number)
      .map(({ number, created }) => ({ keyId: this.#idPrefix + String(number), version: number, created: dateOf(created), current: number === key.latest_version }));
  }

  async wrap(dataKey: Uint8Array, binding: KeyBinding): Promise<WrappedKey> {
    checkDataKey(dataKey);
    const digest = bindingDigest(binding);
    const plain = Buffer.concat([dataKey, digest]);
    // Read first: to a token that may create keys, encrypting under a missing key makes one of Vault's default kind.
    const context = await this.#context(digest);
    try {
      const answer = await this.#vault.ask(say('doing.wrap'), 'POST', this.#path('encrypt'), ciphertextSchema, { body: { plaintext: plain.toString('base64'), ...context } });
      return this.#parse(answer.ciphertext);
    } finally {
      plain.fill(0);
    }
  }

  async unwrap(key: WrappedKey, binding: KeyBinding): Promise<Buffer> {
    const ciphertext = this.#ciphertextOf(key);
    const digest = bindingDigest(binding);
    const context = await this.#context(digest);
    const answer = await this.#vault.ask(say('doing.unwrap'), 'POST', this.#path('decrypt'), plaintextSchema, { body: { ciphertext, ...context } });
    const plain = Buffer.from(answer.plaintext, 'base64');
    try {
      const same = plain.length === DATA_KEY_BYTES + BINDING_BYTES && timingSafeEqual(plain.subarray(DATA_KEY_BYTES), digest);
      if (!same) throw new WrongKey(say('vault.otherObject', { where: this.where }));
      return Buffer.from(plain.subarray(0, DATA_KEY_BYTES));
    } finally {
      plain.fill(0);
    }
  }

  /** Inside Vault. With a key that is not derived, Vault does not see the binding: another one is refused only by `unwrap`. */
  async rewrap(key: WrappedKey, binding: KeyBinding): Promise<WrappedKey> {
    const ciphertext = this.#ciphertextOf(key);
    const context = await this.#context(bindingDigest(binding));
    const answer = await this.#vault.ask(say('doing.rewrap'), 'POST', this.#path('rewrap'), ciphertextSchema, { body: { ciphertext, ...context } });
    return this.#parse(answer.ciphertext);
  }

  async rotate(): Promise<string> {
    const before = await this.#readKey();
    await this.#vault.tell(say('doing.rotate'), `${this.#path('keys')}/rotate`, { once: true });
    const after = await this.#readKey();
    if (after.latest_version <= before.latest_version) {
      throw new KeyServiceFailed(say('vault.notRotated', { where: this.where, version: after.latest_version }), { transient: true, hints: ['koprogo-infra keys status', `vault read ${this.#path('keys')}`] });
    }
    return this.#idPrefix + String(after.latest_version);
  }

  async retire(keyId: string): Promise<void> {
    const key = await this.#readKey();
    const number = this.#versionOf(keyId);
    if (number === key.latest_version) throw new InputError(say('vault.current', { keyId }), { hints: [say('vault.first'), say('then.migrate')] });
    if (number > key.latest_version) throw new UnknownKeyVersion(say('vault.noVersion', { where: this.where, number }), { hints: ['koprogo-infra keys status'] });
    const least = oldest(key);
    if (number < least) return;
    if (number > least) {
      const first = this.#idPrefix + String(least);
      throw new InputError(say('vault.oldest', { first }), { hints: [say('vault.retireFirst', { first })] });
    }
    await this.#vault.tell(say('doing.retire'), `${this.#path('keys')}/config`, { body: { min_decryption_version: number + 1 } });
    if (oldest(await this.#readKey()) <= number) throw new KeyServiceFailed(say('vault.notRetired', { where: this.where, number }), { transient: true, hints: [`vault read ${this.#path('keys')}`] });
  }

  #path(part: 'keys' | 'encrypt' | 'decrypt' | 'rewrap'): string {
    return `${this.settings.mount}/${part}/${this.settings.keyName}`;
  }

  async #readKey(): Promise<TransitKey> {
    const key = await this.#vault.ask(say('doing.look'), 'GET', this.#path('keys'), keySchema);
    if (!KEY_TYPES.includes(key.type)) throw new InputError(say('vault.type', { where: this.where, keyTypes: KEY_TYPES.join(', ') }), { hints: [`vault read ${this.#path('keys')}`, say('vault.another', { mount: this.settings.mount }), say('vault.setName2')] });
    this.#derived = key.derived;
    return key;
  }

  async #context(digest: Buffer): Promise<{ context?: string }> {
    const derived = this.#derived ?? (await this.#readKey()).derived;
    return derived ? { context: digest.toString('base64') } : {};
  }

  #versionOf(keyId: string): number {
    const number = keyId.startsWith(this.#idPrefix) ? keyId.slice(this.#idPrefix.length) : '';
    if (!/^[1-9]\d{0,8}$/.test(number)) throw new UnknownKeyVersion(say('vault.foreign', { keyId, where: this.where }), { hints: [say('vault.checkProvider')] });
    return Number(number);
  }

  #ciphertextOf({ keyId, wrapped }: WrappedKey): string {
    const number = this.#versionOf(keyId);
    if (wrapped.length <= DATA_KEY_BYTES + BINDING_BYTES) throw new WrongKey(say('vault.short', { where: this.where }));
    return `vault:v${number}:${wrapped.toString('base64')}`;
  }

  /** Stored as bytes and not as base64: of that, Vault takes several writings of the same bytes, and a flipped bit could pass unseen. */
  #parse(ciphertext: string): WrappedKey {
    const [, number = '', base64 = ''] = CIPHERTEXT.exec(ciphertext) ?? [];
    return { keyId: this.#idPrefix + number, wrapped: Buffer.from(base64, 'base64') };
  }
}

/** The oldest version that unwraps. */
function oldest({ min_decryption_version: least, min_available_version: available = 0 }: TransitKey): number {
  return Math.max(least, available, 1);
}

/** Seconds since 1970, for keys of the types that are taken. */
function dateOf(created: unknown): Date | undefined {
  return typeof created === 'number' && created > 0 && created < 1e11 ? new Date(created * 1000) : undefined;
}
