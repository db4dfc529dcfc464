import type { z } from 'zod';

/**
 * What the wizard remembers of one installation: named documents, all encrypted, written whole or not at all.
 * Each room owns the schema of its own document. Secrets inside documents are `Secret` values.
 */
export interface StateStore {
  /** The document, validated; undefined when there is none. Throws InfraError when it cannot be decrypted or is not valid. */
  get<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined>;
  /** Returns only after the document is durable. `Secret` values are stored as their text. */
  put(name: string, value: unknown): Promise<void>;
  remove(name: string): Promise<void>;
  names(): Promise<string[]>;
}
