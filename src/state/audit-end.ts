import { createHash } from 'node:crypto';
import { hostname } from 'node:os';
import { z } from 'zod';
import { InfraError, InputError } from '../errors.js';
import { audited, type AuditHead, type AuditTrail } from '../keys/audit/audit.js';
import { ANCHOR_KIND } from '../keys/audit/format.js';
import { holdsLine } from '../keys/audit/search.js';
import { EnvelopeDamaged } from '../keys/envelope/envelope.js';
import { UnknownKeyVersion } from '../keys/provider.js';
import { Conflict } from './backends/backend.js';
import type { ObjectName } from './names.js';
import { type EncryptedObjects, Replayed, type Stored } from './objects.js';
import { machineId } from './process-identity.js';
import { say } from './words.js';

const ATTEMPTS = 10;
const ACCEPT = 'koprogo-infra state accept audit-log';

const anchorSchema = z.strictObject({ format: z.literal(1), seq: z.number().int().min(1), hash: z.string().regex(/^[0-9a-f]{64}$/) });

/** The log does not have the line that the state remembers: its end was removed, or it is another log. */
export class AuditEndMissing extends InfraError {
  override readonly name = 'AuditEndMissing';

  constructor(path: string, { seq }: AuditHead) {
    super(say('end.missing', { path, seq }), {
      hints: [say('end.look'), say('end.begun', { accept: ACCEPT })],
    });
  }
}

/**
 * An end of the audit log, remembered in the encrypted state, one for each log (computer and path). It is a line that
 * the log must have: without it, a log whose last lines were removed looks whole. It moves forward along the chain
 * only, from a line that the log still has to a later one, so that a log that was cut and goes on is still found out.
 */
export class AuditEnd {
  constructor(
    private readonly objects: EncryptedObjects,
    private readonly audit: AuditTrail,
  ) {}

  /** The line that the log at this path must have; undefined where none is remembered. Throws InfraError. */
  async remembered(path: string): Promise<AuditHead | undefined> {
    return (await this.#read(await anchorName(path), path))?.head;
  }

  /**
   * Remembers the present end, when this process has recorded anything. The lines that this leaves in the log follow
   * the end that is remembered, and call for no new one. Throws AuditEndMissing, and what stands in its way.
   */
  async remember(): Promise<void> {
    const { path, hasNews } = this.audit;
    if (path === undefined || !hasNews) return;
    const name = await anchorName(path);
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        await this.#moveForward(name, path);
        return;
      } catch (error) {
        // Another process was faster: perhaps there is nothing left to do.
        if (error instanceof Conflict) continue;
        // The keys were rotated and all data brought under the new one since this process read them. What it wrote under
        // its old key, nobody could read once that is retired. The next command remembers.
        if (error instanceof UnknownKeyVersion) return;
        throw error;
      }
    }
    throw new InfraError(say('end.busy'));
  }

  async #moveForward(name: ObjectName, path: string): Promise<void> {
    const before = await this.#read(name, path);
    if (before && !(await holdsLine(path, before.head))) throw new AuditEndMissing(path, before.head);
    const head = await this.audit.head();
    if (!head || (before && head.seq <= before.head.seq)) return;
    await this.#write(name, head, before?.stored ?? 'absent');
  }

  /** Takes the log for right as it is now, whatever was remembered: the operator has begun a new one. Throws InputError where there is none. */
  async accept(): Promise<AuditHead> {
    const { path } = this.audit;
    if (path === undefined) throw new InputError(say('log.off'), { hints: ['ENABLE_CRYPTO_AUDIT=true'] });
    const name = await anchorName(path);
    return audited(this.audit, { operation: 'accept', object: name }, async () => {
      const head = await this.audit.head();
      if (!head) throw new InputError(say('log.none', { path }));
      // Not read: what was remembered may be damaged, or an older copy.
      await this.#write(name, head, (await this.objects.stat(name)) ?? 'absent');
      return head;
    });
  }

  async #write(name: ObjectName, { seq, hash }: AuditHead, before: Stored | 'absent'): Promise<void> {
    await this.objects.write(name, Buffer.from(JSON.stringify({ format: 1, seq, hash })), before);
  }

  async #read(name: ObjectName, path: string): Promise<{ head: AuditHead; stored: Stored } | undefined> {
    try {
      const found = await this.objects.read(name);
      if (!found) return undefined;
      const { seq, hash } = anchorSchema.parse(JSON.parse(found.plain.toString('utf8')));
      return { head: { seq, hash }, stored: { serial: found.serial, revision: found.revision } };
    } catch (cause) {
      if (cause instanceof InfraError && !(cause instanceof Replayed) && !(cause instanceof EnvelopeDamaged)) throw cause;
      const why = cause instanceof Replayed ? say('end.old') : say('end.damaged');
      throw new InfraError(say('end.unreliable', { path, why }), {
        hints: [say('end.who'), say('end.take', { accept: ACCEPT })],
        cause,
      });
    }
  }
}

/** A log is found again by its computer and path; its name tells neither. Two computers that were cloned have different host names. */
async function anchorName(path: string): Promise<ObjectName> {
  const log = JSON.stringify([await machineId(), hostname(), path]);
  return { installation: 'store', kind: ANCHOR_KIND, name: `log-${createHash('sha256').update(log).digest('hex').slice(0, 32)}` };
}
