import type { z } from 'zod';
import type { StateStore } from '../../src/state/store.js';

/** A state that lives as long as the test. `puts` counts what was written. */
export class MemoryState implements StateStore {
  puts = 0;
  readonly documents = new Map<string, unknown>();

  async get<T>(name: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const found = this.documents.get(name);
    return found === undefined ? undefined : schema.parse(found);
  }

  async put(name: string, value: unknown): Promise<void> {
    this.puts += 1;
    this.documents.set(name, value);
  }

  async remove(name: string): Promise<void> {
    this.documents.delete(name);
  }

  async names(): Promise<string[]> {
    return [...this.documents.keys()];
  }
}
