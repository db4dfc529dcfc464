import { randomUUID } from 'node:crypto';
import { type Backend, Conflict, type Expected, type StoredObject } from './backend.js';
import { checkBytes, checkId } from './limits.js';
import { say } from './words.js';

/** Objects in this process, for tests and for trying things out. Backends that are made with the same map hold the same objects. */
export class MemoryBackend implements Backend {
  readonly where = 'memory';

  constructor(private readonly objects = new Map<string, StoredObject>()) {}

  async read(id: string): Promise<StoredObject | undefined> {
    checkId(this.where, id);
    const found = this.objects.get(id);
    return Promise.resolve(found && { bytes: Buffer.from(found.bytes), revision: found.revision });
  }

  async write(id: string, bytes: Uint8Array, expected: Expected): Promise<string> {
    checkId(this.where, id);
    checkBytes(this.where, bytes);
    this.#expect(id, expected === 'absent' ? undefined : expected.revision);
    const revision = randomUUID();
    this.objects.set(id, { bytes: Buffer.from(bytes), revision });
    return Promise.resolve(revision);
  }

  async remove(id: string, expected: { revision: string }): Promise<void> {
    checkId(this.where, id);
    this.#expect(id, expected.revision);
    this.objects.delete(id);
    return Promise.resolve();
  }

  async ids(): Promise<string[]> {
    return Promise.resolve([...this.objects.keys()].sort());
  }

  async warnings(): Promise<string[]> {
    return Promise.resolve([say('memory')]);
  }

  async close(): Promise<void> {
    return Promise.resolve();
  }

  #expect(id: string, revision: string | undefined): void {
    if (this.objects.get(id)?.revision !== revision) throw new Conflict(this.where, id);
  }
}
