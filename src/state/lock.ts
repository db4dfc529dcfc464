import { randomBytes } from 'node:crypto';
import { hostname, userInfo } from 'node:os';
import { z } from 'zod';
import { EXIT, InfraError } from '../errors.js';
import { Conflict } from './backends/backend.js';
import type { ObjectName } from './names.js';
import type { EncryptedObjects, Stored } from './objects.js';
import { isAlive, machineId, startOf } from './process-identity.js';
import { say } from './words.js';

const text = z.string().max(300);
const ownerSchema = z.object({
  /** Random name of this one acquisition. */
  token: z.string().regex(/^[0-9a-f]{32}$/),
  pid: z.number().int().positive(),
  /** Boot id and start tick of the process, because a pid is given to another process sooner or later; "" where the system does not tell. */
  started: text,
  host: text,
  /** Tells two computers of the same name apart. */
  machine: text,
  user: text,
  /** The command as it is typed, or TAKE_OVER: whoever meets the lock may speak another language than who took it. */
  purpose: text,
  since: z.iso.datetime(),
});
export type LockOwner = z.infer<typeof ownerSchema>;

export interface Lock {
  /** Gives the lock back; a second call does nothing. Call it on SIGINT and SIGTERM too. */
  release(): Promise<void>;
}

/** The purpose of the lock under which an installation of the previous format is taken over: any command may come to it first. */
export const TAKE_OVER = 'take-over';

const ATTEMPTS = 20;

/** One lock, and what it is called in messages. */
export interface LockName {
  object: ObjectName;
  label: string;
  /** The command that breaks it. */
  unlock: string;
}

export function installationLock(installation: string): LockName {
  return { object: { installation, kind: 'lock', name: 'installation' }, label: say('lock.installation', { installation }), unlock: `koprogo-infra state unlock --installation ${installation}` };
}

export const KEYS_LOCK: LockName = { object: { installation: 'store', kind: 'store-lock', name: 'keys' }, get label() { return say('lock.keys'); }, unlock: 'koprogo-infra state unlock --keys' };

/**
 * Takes a lock. Throws InfraError with EXIT.busy that names the owner when somebody alive
 * holds it. `purpose`: the command as it is typed. The lock of a dead process of this computer is taken over, by exactly one of several takers: each writes
 * over the dead owner's record, and the store lets one through. The lock of another computer cannot be judged from
 * here and stays until `state unlock`.
 */
export async function takeLock(objects: EncryptedObjects, lock: LockName, purpose: string): Promise<Lock> {
  const own: LockOwner = {
    token: randomBytes(16).toString('hex'),
    pid: process.pid,
    started: (await startOf(process.pid)) ?? '',
    host: hostname(),
    machine: await machineId(),
    user: userInfo().username,
    purpose,
    since: new Date().toISOString(),
  };
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const held = await readLock(objects, lock);
    if (held && (await isAlive(held.owner))) throw busy(lock, held.owner);
    try {
      await objects.write(lock.object, Buffer.from(JSON.stringify(own)), held?.stored ?? 'absent');
      return { release: () => release(objects, lock, own.token) };
    } catch (error) {
      if (!(error instanceof Conflict)) throw error;
    }
  }
  throw new InfraError(say('lock.changes', { label: lock.label }), { exitCode: EXIT.busy });
}

/** Who has the lock, alive or not; undefined when it is free. Throws InfraError for a lock of another version of this program. */
export async function readLock(objects: EncryptedObjects, lock: LockName): Promise<{ owner: LockOwner; stored: Stored } | undefined> {
  const found = await objects.read(lock.object);
  if (!found) return undefined;
  const owner = ownerSchema.safeParse(JSON.parse(found.plain.toString('utf8')));
  if (!owner.success) {
    throw new InfraError(say('lock.version', { label: lock.label }), { exitCode: EXIT.busy, hints: [say('lock.unlock', { unlock: lock.unlock })] });
  }
  return { owner: owner.data, stored: found };
}

/** Removes the lock, whoever has it. */
export async function breakLock(objects: EncryptedObjects, { object }: LockName): Promise<void> {
  const stored = await objects.stat(object);
  if (stored) await objects.remove(object, stored);
}

async function release(objects: EncryptedObjects, lock: LockName, token: string): Promise<void> {
  const held = await readLock(objects, lock);
  if (held?.owner.token !== token) return;
  try {
    await objects.remove(lock.object, held.stored);
  } catch (error) {
    if (!(error instanceof Conflict)) throw error;
  }
}

export function describeOwner({ user, pid, host, purpose, since }: LockOwner): string {
  return say('lock.owner', { purpose: purpose === TAKE_OVER ? say('takeOver') : purpose, user, pid, host, since });
}

function busy(lock: LockName, owner: LockOwner): InfraError {
  return new InfraError(say('lock.held', { label: lock.label, owner: describeOwner(owner) }), {
    exitCode: EXIT.busy,
    hints: [say('lock.wait'), say('lock.orUnlock', { host: owner.host, unlock: lock.unlock })],
  });
}
