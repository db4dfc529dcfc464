import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

/**
 * A text that must never be printed. Every way of turning it into text gives "[redacted]";
 * only `reveal()` gives the value, and only edges and the encrypted state call it.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/**
 * Whether two secrets are the same, in a time that tells nothing of where they differ; that it tells their lengths cannot
 * be avoided. They are compared by their HMACs under a key of the moment, because `timingSafeEqual` takes equal lengths only.
 */
export function equalInConstantTime(one: Uint8Array | Secret, other: Uint8Array | Secret): boolean {
  const key = randomBytes(32);
  const digest = (secret: Uint8Array | Secret) => createHmac('sha256', key).update(secret instanceof Secret ? Buffer.from(secret.reveal(), 'utf8') : secret).digest();
  return timingSafeEqual(digest(one), digest(other));
}
