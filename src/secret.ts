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
