import { InfraError, InputError } from '../errors.js';
import type { AuditTrail } from '../keys/audit/audit.js';
import type { DataKeys } from '../keys/data-keys.js';
import type { KeyMemory } from '../keys/hardening/locked-memory.js';
import type { KeyUsage } from '../keys/hardening/posture.js';
import { AuditEnd } from './audit-end.js';
import type { Meter } from '../keys/metrics/meter.js';
import { Documents } from './documents.js';
import { installationLock, KEYS_LOCK, type Lock, takeLock } from './lock.js';
import type { EncryptedObjects } from './objects.js';
import { rewrapRoot, rootKeyUse } from './root.js';
import { say } from './words.js';

/** File names, host names and S3 prefixes are made from it: hence the narrow alphabet. */
export const INSTALLATION_NAME = /^[a-z][a-z0-9-]{0,31}$/;

/** Throws InputError unless it is 1 to 32 lower-case letters, digits and hyphens, a letter first. */
export function checkInstallationName(name: string): string {
  if (INSTALLATION_NAME.test(name)) return name;
  throw new InputError(say('name', { name: JSON.stringify(name.slice(0, 60)) }));
}

/** How long the end of a command may wait for the end of the audit log to be remembered. */
const REMEMBER_MS = 10_000;

/** What is remembered of all installations, encrypted, in one place. */
export class Store {
  readonly auditEnd: AuditEnd;

  constructor(
    readonly objects: EncryptedObjects,
    readonly keys: DataKeys,
    readonly audit: AuditTrail,
    /** Seals the audit log: whoever cannot open the store cannot make lines that fit. */
    readonly auditKey: Uint8Array,
    readonly memory: KeyMemory,
    /** `onAuditProblem` hears of an audit log whose end cannot be remembered; `meter` counts where KOPROGO_METRICS_FILE asks for it. */
    readonly beside: { onAuditProblem?: (problem: InfraError) => void; meter?: Meter } = {},
  ) {
    this.auditEnd = new AuditEnd(objects, audit);
  }

  /** Names of the installations that something is stored of, sorted. */
  async installations(): Promise<string[]> {
    const documents = (await this.objects.list()).filter(({ kind }) => kind === 'document');
    return [...new Set(documents.map(({ installation }) => installation))];
  }

  /** Throws InputError for a bad name. */
  documents(installation: string): Documents {
    return new Documents(this.objects, checkInstallationName(installation));
  }

  /** Throws InfraError (exit code "busy") when somebody alive has it. */
  async lock(installation: string, purpose: string): Promise<Lock> {
    return takeLock(this.objects, installationLock(checkInstallationName(installation)), purpose);
  }

  /** The lock of the keys: one rotation, re-wrap or retirement at a time. */
  async lockKeys(purpose: string): Promise<Lock> {
    return takeLock(this.objects, KEYS_LOCK, purpose);
  }

  /**
   * Works with every installation locked. A command that runs keeps the revisions and the keys that it began with: moved
   * or re-wrapped under it, its next write would fail; a key retired under it, its next write could not be read.
   */
  async withAllLocked<T>(purpose: string, work: () => Promise<T>): Promise<T> {
    const locks: Lock[] = [];
    try {
      for (const installation of await this.installations()) locks.push(await this.lock(installation, purpose));
      return await work();
    } finally {
      for (const lock of locks) await lock.release();
    }
  }

  /** Removes all documents of an installation. Its lock stays, which the caller holds, and what is stored of the store itself, whatever the installation is called. */
  async removeInstallation(installation: string): Promise<void> {
    checkInstallationName(installation);
    const objects = (await this.objects.list()).filter((object) => object.installation === installation && object.kind === 'document');
    for (const object of objects) {
      const stored = await this.objects.stat(object);
      if (stored) await this.objects.remove(object, stored);
    }
  }

  /** How many objects and bytes need each version of the keys: what `retire` goes by. */
  async keyUsage(): Promise<KeyUsage[]> {
    const usage = new Map<string, KeyUsage>();
    const uses = [await rootKeyUse(this.objects.backend)];
    for (const object of await this.objects.list()) uses.push(await this.objects.keyUse(object));
    for (const use of uses) {
      if (!use) continue;
      const sum = usage.get(use.keyId) ?? { keyId: use.keyId, objects: 0, bytes: 0 };
      usage.set(use.keyId, { ...sum, objects: sum.objects + 1, bytes: sum.bytes + use.bytes });
    }
    return [...usage.values()];
  }

  /**
   * Wraps every data key that is not under this key version anew, and reads it back. What others remove meanwhile is
   * left alone. Killed anywhere, it goes on where it was. `tell` hears of each object that is done.
   */
  async rewrapAll(currentKeyId: string, tell: (done: number, of: number) => void): Promise<{ rewrapped: number; current: number }> {
    const objects = await this.objects.list();
    const count = { rewrapped: 0, current: 0 };
    const note = (result: 'current' | 'rewrapped' | 'gone') => {
      if (result !== 'gone') count[result] += 1;
      tell(count.rewrapped + count.current, objects.length + 1);
    };
    for (const object of objects) note(await this.objects.rewrap(object, currentKeyId));
    // The root last: while it needs the old key, nobody retires that.
    note(await rewrapRoot(this.objects.backend, this.keys.provider, currentKeyId));
    this.keys.flush();
    return count;
  }

  /** Remembers the end of the audit log, and gives everything back. A log whose end cannot be remembered is told of, and nothing fails for it. */
  async close(): Promise<void> {
    await this.#rememberAuditEnd();
    this.beside.meter?.save();
    this.keys.flush();
    await this.audit.close();
    await this.objects.backend.close();
  }

  async #rememberAuditEnd(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(new InfraError(say('end.slow', { where: this.objects.backend.where, seconds: REMEMBER_MS / 1000 })));
      }, REMEMBER_MS);
    });
    try {
      await Promise.race([this.auditEnd.remember(), late]);
    } catch (error) {
      this.beside.onAuditProblem?.(error instanceof InfraError ? error : new InfraError(say('end.failed'), { cause: error }));
    } finally {
      clearTimeout(timer);
    }
  }
}
