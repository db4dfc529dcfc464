import { join, resolve } from 'node:path';
import { xdg } from '../../edges/files.js';
import { type InfraError, InputError } from '../../errors.js';
import { type AuditHead, type AuditOperation, className, CRITICAL } from './audit-format.js';
import { FileTrail } from './audit-trail.js';

export type { AuditHead, AuditOperation } from './audit-format.js';

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
  /**
   * Writes what waits, waits for the disk, and returns the end of the log, whoever wrote it; undefined where there is
   * none. Kept where it cannot be changed, it shows whether the end of the log was removed later. Rejects with an InfraError.
   */
  head(): Promise<AuditHead | undefined>;
  /** Writes what waits. Does not reject. */
  close(): Promise<void>;
}

/** Records nothing. */
export const silentAudit: AuditTrail = {
  record: () => Promise.resolve(),
  head: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
};

export interface AuditSettings {
  /** ENABLE_CRYPTO_AUDIT; on unless told otherwise. */
  enabled: boolean;
  /** SECURITY_AUDIT_LOG. */
  path: string;
  /** Derived from the key of the state: whoever can write the file cannot make lines that fit. At least 16 bytes. */
  auditKey?: Uint8Array;
  /** Called once, when lines of ordinary operations cannot be written: the operations go on. */
  onProblem?: (problem: InfraError) => void;
  /** For tests: a file that has grown past so many bytes is followed by a new one. */
  maxBytes?: number;
}

/** What the environment says. Throws InputError. */
export function auditSettings(environment: NodeJS.ProcessEnv = process.env): Pick<AuditSettings, 'enabled' | 'path'> {
  const named = environment['SECURITY_AUDIT_LOG'];
  const enabled = environment['ENABLE_CRYPTO_AUDIT'] ?? '';
  if (!/^(|true|false|1|0)$/i.test(enabled)) throw new InputError('ENABLE_CRYPTO_AUDIT is neither true nor false');
  return {
    enabled: !/^(false|0)$/i.test(enabled),
    path: named === undefined || named === '' ? join(xdg.state(), 'koprogo-infra', 'audit.log') : resolve(named),
  };
}

/** Opens the log; nothing is written before the first entry. Several processes may have it open. */
export function openAuditLog(settings: AuditSettings): AuditTrail {
  return settings.enabled ? new FileTrail(settings) : silentAudit;
}

/** Does the work and records how it ended. A critical operation is recorded before it begins, and does not begin when that fails. */
export async function audited<T>(log: AuditLog, entry: Omit<AuditEntry, 'result'>, work: () => Promise<T>): Promise<T> {
  if (CRITICAL.has(entry.operation)) await log.record({ ...entry, result: 'begun' });
  // That it began is on the disk by now: a result that cannot be written must not turn a rotation that is done into a failure.
  const conclude = (result: string) => log.record({ ...entry, result }).catch(() => undefined);
  let value: T;
  try {
    value = await work();
  } catch (error) {
    await conclude(errorClass(error));
    throw error;
  }
  await conclude('ok');
  return value;
}

/** The name of an error's class, which says nothing of its content. */
export function errorClass(error: unknown): string {
  const name = error instanceof Error ? className(error.name) : 'Error';
  return name === 'ok' || name === 'begun' ? 'Error' : name;
}
