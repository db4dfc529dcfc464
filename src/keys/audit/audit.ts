import { join, resolve } from 'node:path';
import { xdg } from '../../edges/files.js';
import { InputError } from '../../errors.js';
import type { AuditEntry, AuditLog, AuditTrail } from './entry.js';
import { className, CRITICAL } from './format.js';
import { type AuditSettings, FileTrail } from './trail.js';
import { say } from './words.js';

export type { AuditEntry, AuditLog, AuditTrail } from './entry.js';
export type { AuditHead, AuditOperation } from './format.js';
export type { AuditSettings } from './trail.js';

/** Records nothing. */
export const silentAudit: AuditTrail = {
  path: undefined,
  hasNews: false,
  record: () => Promise.resolve(),
  head: () => Promise.resolve(undefined),
  close: () => Promise.resolve(),
};

/** What the environment says. Throws InputError. */
export function auditSettings(environment: NodeJS.ProcessEnv = process.env): Pick<AuditSettings, 'enabled' | 'path'> {
  const named = environment['SECURITY_AUDIT_LOG'];
  const enabled = environment['ENABLE_CRYPTO_AUDIT'] ?? '';
  if (!/^(|true|false|1|0)$/i.test(enabled)) throw new InputError(say('setting'));
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
