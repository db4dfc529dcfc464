import { EXIT, InfraError } from '../../errors.js';
import { say } from './words.js';

/** An object as a backend holds it. */
export interface StoredObject {
  bytes: Buffer;
  /** What the backend calls this very content of the object: changes with every write, opaque to everybody else. */
  revision: string;
}

/** What a write expects to find: the revision that was read, or nothing at all. */
export type Expected = { revision: string } | 'absent';

/**
 * A place for encrypted objects. It sees ids that tell nothing and bytes that it cannot read; what they are is known
 * to `objects.ts` alone. The same contract suite (test/contract/backend.ts) runs on every backend, on the real server.
 *
 * An id is 1 to 200 characters of `A-Za-z0-9_-`; an object at most 64 MiB. Every failure is an InfraError that names
 * the backend (`where`) and the fix, never the content or a password.
 */
export interface Backend {
  /** In words, for messages, without credentials: `PostgreSQL "koprogo" at db.example.org:5432`. */
  readonly where: string;
  read(id: string): Promise<StoredObject | undefined>;
  /**
   * Stores the object whole or not at all, and returns its new revision once it would survive a power cut of the
   * backend. Throws Conflict, and changes nothing, unless the backend holds what is expected: of two writers with the
   * same expectation one succeeds.
   */
  write(id: string, bytes: Uint8Array, expected: Expected): Promise<string>;
  /** Removes the object. Throws Conflict as `write` does. */
  remove(id: string, expected: { revision: string }): Promise<void>;
  /** All ids, sorted. */
  ids(): Promise<string[]>;
  /** What the operator should know of this place, one sentence each: how it could lose what it has confirmed. */
  warnings?(): Promise<string[]>;
  close(): Promise<void>;
}

/** Somebody else changed the object since it was read. */
export class Conflict extends InfraError {
  override readonly name = 'Conflict';

  constructor(where: string, id: string) {
    super(say('conflict', { where, id: id.slice(0, 12) }), {
      exitCode: EXIT.busy,
      hints: [say('conflict.again')],
    });
  }
}
