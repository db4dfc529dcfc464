import { randomBytes } from 'node:crypto';
import type { DataKey } from './envelope/envelope.js';
import { DATA_KEY_BYTES } from './envelope/envelope-format.js';
import type { KeptKey, KeyMemory } from './hardening/locked-memory.js';
import type { KeyBinding, KeyProvider, WrappedKey } from './provider.js';

export interface CacheLimits {
  enabled: boolean;
  ttlSeconds: number;
  /** How many keys at most. */
  size: number;
}

/** After so many uses a key is asked for again, so that a key that was taken from somebody in the service stops working here too. */
const MAX_USES = 1000;

interface Cached {
  plain: KeptKey;
  /** In ms; it counts from here. */
  made: number;
  uses: number;
}

/**
 * Makes data keys and finds them again. What a key service unwrapped is kept for a while, in this process only, because
 * each question costs a request; wiped when it is old, used up, or pushed out by a newer one.
 */
export class DataKeys {
  readonly #cache = new Map<string, Cached>();
  readonly metrics = { hits: 0, misses: 0 };
  readonly limits: CacheLimits;

  constructor(
    readonly provider: KeyProvider,
    limits: CacheLimits,
    private readonly memory: KeyMemory,
    private readonly now: () => number = Date.now,
  ) {
    // Keys that unwrap in this process cost less than keeping their data keys, and what is not kept cannot be stolen.
    this.limits = { ...limits, enabled: limits.enabled && provider.remote };
  }

  /** A fresh data key. The caller wipes it. */
  async make(binding: KeyBinding): Promise<DataKey> {
    const plain = randomBytes(DATA_KEY_BYTES);
    const wrapped = await this.provider.wrap(plain, binding);
    this.#remember(wrapped, binding, plain);
    return { plain, wrapped };
  }

  /** The data key in clear; the caller wipes it. Throws as the provider does. */
  async unwrap(key: WrappedKey, binding: KeyBinding): Promise<Buffer> {
    if (!this.limits.enabled) return this.provider.unwrap(key, binding);
    const cached = this.#fromCache(cacheKey(key, binding));
    if (cached) {
      this.metrics.hits += 1;
      return cached;
    }
    this.metrics.misses += 1;
    const plain = await this.provider.unwrap(key, binding);
    this.#remember(key, binding, plain);
    return plain;
  }

  get cached(): number {
    return this.#cache.size;
  }

  /** Forgets and wipes all keys: after a rotation, and when the process has done its work. */
  flush(): void {
    for (const id of [...this.#cache.keys()]) this.#forget(id);
  }

  #fromCache(id: string): Buffer | undefined {
    const found = this.#cache.get(id);
    if (!found) return undefined;
    found.uses += 1;
    const age = this.now() - found.made;
    // A clock that was put back would keep it for who knows how long.
    if (age >= 0 && age < this.limits.ttlSeconds * 1000 && found.uses <= MAX_USES) return found.plain.use((bytes) => Buffer.from(bytes));
    this.#forget(id);
    return undefined;
  }

  #remember(key: WrappedKey, binding: KeyBinding, plain: Uint8Array): void {
    if (!this.limits.enabled || this.limits.size === 0) return;
    const id = cacheKey(key, binding);
    this.#forget(id);
    this.#cache.set(id, { plain: this.memory.keep(Buffer.from(plain)), made: this.now(), uses: 0 });
    // A Map keeps the order of insertion: the first is the oldest.
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= this.limits.size) break;
      this.#forget(oldest);
    }
  }

  #forget(id: string): void {
    this.#cache.get(id)?.plain.wipe();
    this.#cache.delete(id);
  }
}

/** The binding belongs to it: a wrapped key that was moved to another object must not be found. */
function cacheKey({ keyId, wrapped }: WrappedKey, { installation, kind, name }: KeyBinding): string {
  return [installation, kind, name, wrapped.toString('base64'), keyId].join(' ');
}
