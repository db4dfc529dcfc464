import type { z } from 'zod';
import { InfraError } from '../errors.js';
import { describeObject } from '../keys/envelope/envelope.js';
import { Secret } from '../secret.js';
import type { EncryptedObjects, Stored } from './objects.js';
import type { StateStore } from './store.js';
import { say } from './words.js';

const KIND = 'document';

/**
 * The documents of one installation, as JSON in encrypted objects. A document that was read is written back only over
 * the very content that was read: otherwise Conflict. One that was not read is written over whatever is there.
 */
export class Documents implements StateStore {
  readonly #known = new Map<string, Stored | 'absent'>();

  constructor(
    private readonly objects: EncryptedObjects,
    private readonly installation: string,
  ) {}

  async get<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const found = await this.objects.read(this.#object(name));
    this.#known.set(name, found ? { serial: found.serial, revision: found.revision } : 'absent');
    if (!found) return undefined;
    let value: unknown;
    try {
      value = JSON.parse(found.plain.toString('utf8'));
    } catch {
      // No cause: the message of JSON.parse quotes the text.
      throw this.#unusable(name, say('document.json'));
    } finally {
      found.plain.fill(0);
    }
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    // Paths and codes only: zod's messages may quote what was read, and that may be a secret.
    const wrong = read.error.issues.map((issue) => `${issue.path.map(String).join('.') || say('document')}: ${issue.code}`);
    throw this.#unusable(name, say('document.unexpected', { wrong: wrong.join('; ') }));
  }

  async put(name: string, value: unknown): Promise<void> {
    const text = JSON.stringify(value, revealSecrets) as string | undefined;
    if (text === undefined) throw new TypeError(`document "${name}": nothing to store`);
    await this.putText(name, text);
  }

  /** Stores a document that is JSON already, as it is. */
  async putText(name: string, text: string): Promise<void> {
    const object = this.#object(name);
    const before = this.#known.get(name) ?? (await this.objects.stat(object)) ?? 'absent';
    const plain = Buffer.from(text, 'utf8');
    try {
      this.#known.set(name, await this.objects.write(object, plain, before));
    } catch (error) {
      this.#known.delete(name);
      throw error;
    } finally {
      plain.fill(0);
    }
  }

  async remove(name: string): Promise<void> {
    const object = this.#object(name);
    const stored = await this.objects.stat(object);
    this.#known.set(name, 'absent');
    if (stored) await this.objects.remove(object, stored);
  }

  async names(): Promise<string[]> {
    return (await this.objects.list()).filter(({ installation, kind }) => installation === this.installation && kind === KIND).map(({ name }) => name);
  }

  #object(name: string) {
    return { installation: this.installation, kind: KIND, name };
  }

  #unusable(name: string, why: string): InfraError {
    return new InfraError(say('document.unusable', { object: describeObject(this.#object(name)), why }), { hints: [say('newer')] });
  }
}

/** JSON.stringify gives the holder as `this`; the value itself has already gone through Secret.toJSON and is redacted. */
function revealSecrets(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key];
  return raw instanceof Secret ? raw.reveal() : value;
}
