import { z } from 'zod';
import { EXIT, InfraError } from '../errors.js';
import { say } from './words.js';

/** Bytes that a state may have. Those of large installations of others have a few MiB. */
export const MAX_STATE_BYTES = 64 * 1024 * 1024;

const text = z.string().max(1000);

/** A lock of Terraform's, as Terraform describes it and as its protocol wants it back. */
export const terraformLockSchema = z.object({
  ID: z.string().regex(/^[\w-]{1,100}$/),
  Operation: text.default(''),
  Info: text.default(''),
  Who: text.default(''),
  Version: text.default(''),
  Created: text.default(''),
  Path: text.default(''),
  /** Added by us: the process whose run took it, so that the lock of a run that was killed can be told from a living one. */
  holder: z.object({ host: text, pid: z.number().int().positive(), started: text }).optional(),
});
export type TerraformLock = z.infer<typeof terraformLockSchema>;

/** A state as the store has it. The revision is the store's own, opaque to everybody else. */
export interface StoredState {
  bytes: Buffer;
  revision: unknown;
}

/** Where Terraform's state of one installation is kept, encrypted. Failures are InfraErrors that name the place and never the content. */
export interface TerraformStateStore {
  /** In words, for messages. */
  readonly where: string;
  /** The newest state; undefined when there is none. */
  read(): Promise<StoredState | undefined>;
  /** Durable when it returns, with the new revision. Throws Conflict when `expected` (undefined: none) is not the newest any more. */
  write(bytes: Buffer, expected: unknown): Promise<unknown>;
  readLock(): Promise<TerraformLock | undefined>;
  /** Takes the lock when it is free or already ours (same ID), durably; returns the holder's otherwise. Of two at the same moment one gets it. */
  lock(info: TerraformLock): Promise<'taken' | TerraformLock>;
  /** Gives the lock back when it has this ID or is free already; returns the holder's otherwise. */
  unlock(id: string): Promise<'released' | TerraformLock>;
  readonly spool: StateSpool;
}

/** A state, and the fingerprints of those that it may be put over: what was stored when it was made. */
export interface KeptState {
  bytes: Buffer;
  over: readonly string[];
}

/**
 * One state on this computer, encrypted: what Terraform handed over and the store has not confirmed yet. It must work
 * while the store does not.
 */
export interface StateSpool {
  /** The file, for messages. */
  readonly place: string;
  /** Obtains the key for `keep` before anything is built: when it is needed, whoever gives it may be away. */
  prepare(): Promise<void>;
  /** Replaces what was kept; durable when it returns. Only after `prepare`. */
  keep(state: KeptState): Promise<void>;
  kept(): Promise<KeptState | undefined>;
  clear(): Promise<void>;
  /** Wipes the key. */
  close(): void;
}

/** Another run holds the lock of Terraform's state. */
export class StateLocked extends InfraError {
  override readonly name = 'StateLocked';

  constructor({ Operation, Who, Created }: TerraformLock) {
    const operation = plain(Operation).replace(/^OperationType/, '').toLowerCase();
    super(say('locked', { operation: operation || say('locked.run'), who: plain(Who) || say('locked.who'), since: plain(Created) || say('locked.since') }), {
      exitCode: EXIT.busy,
      hints: [say('locked.wait'), say('locked.unlock')],
    });
  }
}

/** Nothing that could drive a terminal: a lock may have been written by anybody who reaches the store. */
function plain(text: string): string {
  return text.replace(/[^\P{C}]/gu, '\uFFFD').slice(0, 200);
}

/**
 * Takes the lock away from whoever holds it, for `state unlock`: only when nothing of that run lives any more. Returns
 * whose it was, undefined when it was free.
 */
export async function breakLock(store: TerraformStateStore): Promise<TerraformLock | undefined> {
  const holder = await store.readLock();
  if (!holder) return undefined;
  const next = await store.unlock(holder.ID);
  if (next !== 'released') throw new StateLocked(next);
  return holder;
}

/** The same store, which fails where it does not answer in time: Terraform, and whoever waits for it, would wait for ever. */
export function withDeadline(store: TerraformStateStore, seconds: number): TerraformStateStore {
  const within = async <T>(work: Promise<T>): Promise<T> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new InfraError(say('store.silent', { where: store.where, seconds })));
      }, seconds * 1000);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      clearTimeout(timer);
    }
  };
  return {
    where: store.where,
    spool: store.spool,
    read: () => within(store.read()),
    write: (bytes, expected) => within(store.write(bytes, expected)),
    readLock: () => within(store.readLock()),
    lock: (info) => within(store.lock(info)),
    unlock: (id) => within(store.unlock(id)),
  };
}
