import { randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync, renameSync, symlinkSync, unlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { errorCode } from './files.js';
import { EXIT, InfraError } from '../errors.js';
import { say } from './words.js';

const ownerSchema = z.object({
  token: z.string().regex(/^[0-9a-f]{16}$/),
  pid: z.number().int().positive(),
  /** Of this boot, process namespace and process; "" where the system does not tell. A pid is given away again sooner or later. */
  boot: z.string().max(64),
  space: z.string().max(64),
  tick: z.string().max(32),
  host: z.string().max(255),
});
export type LockOwner = z.infer<typeof ownerSchema>;

let self: LockOwner | undefined;

/**
 * Takes the lock, or tells who has it. Never waits: such a lock is held for milliseconds, to append to a file or to replace it.
 *
 * The lock is a symbolic link whose target is not a path but the owner's description: made by one system call, for one
 * taker only, and never half written, not even after a power cut. The lock of a dead process is not removed, because
 * two could do that: taking it over needs the link `<lock>.<token of the dead>`, which is taken in the same way, and is
 * then renamed over the lock. Who finds that the lock is no longer the dead one's, gives it back and starts over.
 */
export function tryLock(path: string): LockOwner | undefined {
  self ??= describeSelf();
  return take(path, path, self);
}

export function unlock(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    // Removed by hand: what was to be written is written.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

function take(base: string, path: string, own: LockOwner): LockOwner | undefined {
  for (;;) {
    try {
      symlinkSync(JSON.stringify(own), path);
      return undefined;
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error;
    }
    const owner = readOwner(path);
    if (!owner) continue;
    if (isAlive(owner, own)) return owner;
    const claim = `${base}.${owner.token}`;
    const other = take(base, claim, own);
    if (other) return other;
    if (readOwner(path)?.token === owner.token) {
      renameSync(claim, path);
      return undefined;
    }
    unlinkSync(claim);
  }
}

/** undefined when the lock was given back meanwhile. */
function readOwner(path: string): LockOwner | undefined {
  let target: string;
  try {
    target = readlinkSync(path);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw unreadable(path, error);
  }
  try {
    return ownerSchema.parse(JSON.parse(target));
  } catch (error) {
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): InfraError {
  return new InfraError(say('lock.strange', { path }), {
    exitCode: EXIT.busy,
    hints: [say('lock.remove', { path })],
    cause,
  });
}

/** Whoever cannot be judged from here, on another computer or in another container, counts as alive. */
function isAlive(owner: LockOwner, own: LockOwner): boolean {
  if (owner.host !== own.host) return true;
  if (owner.boot !== own.boot) return false;
  if (owner.space !== own.space) return true;
  if (own.tick !== '') return tickOf(owner.pid) === owner.tick;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

function describeSelf(): LockOwner {
  return {
    token: randomBytes(8).toString('hex'),
    pid: process.pid,
    boot: orNothing(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()),
    space: orNothing(() => readlinkSync('/proc/self/ns/pid')),
    tick: tickOf(process.pid) ?? '',
    host: hostname().slice(0, 255),
  };
}

/** The start tick of a living process, from /proc; a zombie counts as none. */
function tickOf(pid: number): string | undefined {
  const stat = orNothing(() => readFileSync(`/proc/${pid}/stat`, 'latin1'));
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return stat === '' || /^[ZX]$/.test(fields[0] ?? '') ? undefined : fields[19];
}

function orNothing(read: () => string): string {
  try {
    return read();
  } catch {
    return '';
  }
}
