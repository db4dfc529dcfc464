import type { KeyObject } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { errorCode, readRegularFile, syncDirectory, writeDurably } from '../edges/files.js';
import { InfraError, messageOf } from '../errors.js';
import { seal, unseal } from '../keys/seal.js';
import { Secret } from '../secret.js';
import type { StateStore } from './store.js';

const SUFFIX = '.sealed';
const DOCUMENT_NAME = /^[a-z][a-z0-9-]{0,63}$/;

/**
 * The documents of one installation as encrypted files in one directory. Made by `openInstallation`, which has
 * checked the directory and the key.
 */
export class FileStateStore implements StateStore {
  constructor(
    readonly directory: string,
    private readonly installation: string,
    private readonly key: KeyObject,
  ) {}

  async get<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const sealed = await readRegularFile(this.#path(name));
    if (!sealed) return undefined;
    const plain = this.#unseal(name, sealed);
    let value: unknown;
    try {
      value = JSON.parse(plain.toString('utf8'));
    } catch {
      // No cause: the message of JSON.parse quotes the text.
      throw this.#unusable(name, 'it is not JSON');
    } finally {
      plain.fill(0);
    }
    const read = schema.safeParse(value);
    if (read.success) return read.data;
    // Paths and codes only: zod's messages may quote what was read, and that may be a secret.
    const wrong = read.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'the document'}: ${issue.code}`);
    throw this.#unusable(name, `it is not what this version expects (${wrong.join('; ')})`);
  }

  async put(name: string, value: unknown): Promise<void> {
    const path = this.#path(name);
    const text = JSON.stringify(value, revealSecrets) as string | undefined;
    if (text === undefined) throw new TypeError(`document "${name}": nothing to store`);
    await writeDurably(path, seal(this.key, Buffer.from(text, 'utf8'), this.#context(name)));
  }

  async remove(name: string): Promise<void> {
    await rm(this.#path(name), { force: true });
    await syncDirectory(this.directory);
  }

  async names(): Promise<string[]> {
    const files = await readdir(this.directory).catch((error: unknown) => {
      if (errorCode(error) === 'ENOENT') return [];
      throw error;
    });
    return files
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .filter((name) => DOCUMENT_NAME.test(name))
      .sort();
  }

  #path(name: string): string {
    if (!DOCUMENT_NAME.test(name)) throw new TypeError(`not a document name: ${JSON.stringify(name)}`);
    return join(this.directory, name + SUFFIX);
  }

  #context(name: string): string[] {
    return ['koprogo-infra state document', this.installation, name];
  }

  #unseal(name: string, sealed: Buffer): Buffer {
    try {
      return unseal(this.key, sealed, this.#context(name));
    } catch (cause) {
      throw this.#unusable(name, messageOf(cause), cause);
    }
  }

  #unusable(name: string, why: string, cause?: unknown): InfraError {
    return new InfraError(`the stored document "${name}" of installation ${this.installation} cannot be used: ${why}`, {
      hints: [`put back a copy of ${this.#path(name)} from a backup of this computer`],
      cause,
    });
  }
}

/** JSON.stringify gives the holder as `this`; the value itself has already gone through Secret.toJSON and is redacted. */
function revealSecrets(this: unknown, key: string, value: unknown): unknown {
  const raw = (this as Record<string, unknown>)[key];
  return raw instanceof Secret ? raw.reveal() : value;
}
