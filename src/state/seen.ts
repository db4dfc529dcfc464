import { createHash } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { ensurePrivateDirectory, readRegularFile, writeDurably } from '../edges/files.js';

/** After so many lines for each object that is known the file is written anew. */
const LINES_PER_OBJECT = 20;
const MIN_LINES = 500;

/**
 * What this computer has seen of a store: the highest serial of each object. So an older content that somebody puts
 * back in its place is noticed, though it is genuine. It tells of this computer only, and nothing of objects
 * that are gone. A file of lines "<hash of the id> <serial>", appended to without fsync: the last lines may be lost in
 * a power cut, and with them the knowledge of the last writes.
 */
export interface Seen {
  /** Highest serial seen of the object; 0 when none was. */
  serial(id: string): Promise<number>;
  note(id: string, serial: number): Promise<void>;
  /** Takes a lower serial for good: the operator has put an older copy back on purpose. */
  accept(id: string, serial: number): Promise<void>;
}

export class SeenFile implements Seen {
  #known: Promise<Map<string, number>> | undefined;
  /** Hashes that were made before: each save and load asks for one several times. */
  readonly #keys = new Map<string, string>();

  constructor(private readonly path: string) {}

  async serial(id: string): Promise<number> {
    return (await this.#load()).get(this.#key(id)) ?? 0;
  }

  async note(id: string, serial: number): Promise<void> {
    const known = await this.#load();
    const object = this.#key(id);
    if (serial <= (known.get(object) ?? 0)) return;
    known.set(object, serial);
    // A line into the page cache: faster than asking the thread pool to do it.
    appendFileSync(this.path, `${object} ${serial}\n`, { mode: 0o600 });
  }

  async accept(id: string, serial: number): Promise<void> {
    const known = await this.#load();
    known.set(this.#key(id), serial);
    await this.#rewrite(known);
  }

  #key(id: string): string {
    const key = this.#keys.get(id) ?? createHash('sha256').update(id).digest('hex').slice(0, 32);
    this.#keys.set(id, key);
    return key;
  }

  #load(): Promise<Map<string, number>> {
    this.#known ??= this.#read();
    return this.#known;
  }

  async #read(): Promise<Map<string, number>> {
    await ensurePrivateDirectory(dirname(this.path));
    const lines = (await readRegularFile(this.path))?.toString('latin1').split('\n') ?? [];
    const known = new Map<string, number>();
    for (const line of lines) {
      const [, id = '', serial = ''] = /^([0-9a-f]{32}) ([1-9]\d{0,15})$/.exec(line) ?? [];
      if (id) known.set(id, Math.max(known.get(id) ?? 0, Number(serial)));
    }
    if (lines.length > MIN_LINES && lines.length > known.size * LINES_PER_OBJECT) await this.#rewrite(known);
    return known;
  }

  async #rewrite(known: ReadonlyMap<string, number>): Promise<void> {
    await writeDurably(this.path, [...known].map(([id, serial]) => `${id} ${serial}\n`).join(''));
  }
}

/** For a store that lives no longer than this process. */
export class SeenInMemory implements Seen {
  readonly #known = new Map<string, number>();

  serial(id: string): Promise<number> {
    return Promise.resolve(this.#known.get(id) ?? 0);
  }

  note(id: string, serial: number): Promise<void> {
    this.#known.set(id, Math.max(serial, this.#known.get(id) ?? 0));
    return Promise.resolve();
  }

  accept(id: string, serial: number): Promise<void> {
    this.#known.set(id, serial);
    return Promise.resolve();
  }
}
