import type { AuditHead, AuditOperation } from './format.js';

/** One operation on keys or encrypted objects. Never a key, a value, or an error's text. */
export interface AuditEntry {
  operation: AuditOperation;
  /** The version of the key, as `keys status` shows it. */
  keyId?: string;
  object?: { installation: string; kind: string; name: string; serial?: number };
  /** "ok", "begun", or what `errorClass` says. */
  result: string;
}

export interface AuditLog {
  /**
   * Records an operation. One that changes or gives out keys (CRITICAL) is recorded when the promise resolves, so that
   * a power cut cannot take it back, and the promise rejects with an InfraError when that cannot be done. Any other is
   * written within 50 ms or when the process ends; its promise resolves at once and never rejects.
   */
  record(entry: AuditEntry): Promise<void>;
}

/** A log that was opened: it has an end, which somebody else may keep as an anchor. */
export interface AuditTrail extends AuditLog {
  /** The file that it writes to; undefined where nothing is recorded. */
  readonly path: string | undefined;
  /** Whether this process has recorded anything that an anchor should cover: the anchor's own reading and writing is not. */
  readonly hasNews: boolean;
  /**
   * Writes what waits, waits for the disk, and returns the end of the log, whoever wrote it; undefined where there is
   * none. Kept where it cannot be changed, it shows whether the end of the log was removed later. Rejects with an InfraError.
   */
  head(): Promise<AuditHead | undefined>;
  /** Writes what waits. Does not reject. */
  close(): Promise<void>;
}
