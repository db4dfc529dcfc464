import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { CommandFailed } from '../edges/command.js';
import { errorCode, readRegularFile, writeDurably } from '../edges/files.js';
import { LocalHost } from '../edges/process.js';
import { EXIT, InfraError } from '../errors.js';

const ownerSchema = z.object({
  pid: z.number().int().positive(),
  /** The start tick of that process, because a pid is given to another process sooner or later. */
  started: z.string().max(40),
  since: z.iso.datetime(),
});
export type BackupOwner = z.infer<typeof ownerSchema>;

export interface BackupLock {
  /** The owner that ended without giving the lock back: killed, or the power went. What it began must be cleaned up. */
  killed: BackupOwner | undefined;
  /** Fires when the lock is lost while the backup runs. */
  lost: AbortSignal;
  release(): Promise<void>;
}

const HELD = 'held';
const CONFLICT = 75;
const LIMIT_SECONDS = 24 * 3600;

/**
 * The one lock of backups on this server. The kernel holds it (flock), so it ends with its owner however that ends, and
 * no stale lock can exist. The file beside it says whose it is, for people. Throws InfraError with EXIT.busy that names
 * the owner when another backup runs.
 */
export async function lockBackups(directory: string): Promise<BackupLock> {
  const file = join(directory, 'lock');
  const ownerFile = join(directory, 'owner.json');
  // cat ends when its standard input does, and that is when this process lets go of it or dies.
  const holder = new LocalHost().stream({
    argv: ['flock', '--nonblock', '--conflict-exit-code', String(CONFLICT), file, 'sh', '-c', `echo ${HELD}; exec cat >/dev/null`],
    timeout: LIMIT_SECONDS,
    purpose: 'lock backups',
  });
  holder.stdin.on('error', () => undefined);
  if (!(await firstWord(holder.stdout))) {
    await holder.done.catch(async (error: unknown) => {
      if (error instanceof CommandFailed && error.output.exitCode === CONFLICT) throw busy(await readOwner(ownerFile));
      throw error;
    });
    throw new InfraError('the lock of backups cannot be taken: flock ended without a reason');
  }
  const previous = await readOwner(ownerFile);
  const owner: BackupOwner = { pid: process.pid, started: (await startOf(process.pid)) ?? '', since: new Date().toISOString() };
  await writeDurably(ownerFile, `${JSON.stringify(owner)}\n`);

  const lost = new AbortController();
  let released = false;
  const gone = () => {
    if (!released) lost.abort(new InfraError('the lock of backups was lost'));
  };
  holder.done.then(gone, gone);
  return {
    killed: previous,
    lost: lost.signal,
    release: async () => {
      if (released) return;
      released = true;
      await rm(ownerFile, { force: true });
      holder.stdin.end();
      await holder.done.catch(() => undefined);
    },
  };
}

/** Whether the holder said that it has the lock; false when its output ends without that. */
async function firstWord(output: AsyncIterable<unknown>): Promise<boolean> {
  let said = '';
  for await (const chunk of output) {
    said += String(chunk);
    if (said.includes(HELD)) return true;
  }
  return false;
}

async function readOwner(file: string): Promise<BackupOwner | undefined> {
  try {
    const content = await readRegularFile(file, 4096);
    return content && ownerSchema.parse(JSON.parse(content.toString('utf8')));
  } catch {
    // Only for words: a damaged note must not keep a backup from being made.
    return undefined;
  }
}

function busy(owner: BackupOwner | undefined): InfraError {
  const who = owner ? `process ${owner.pid}, since ${owner.since}` : 'its owner is not known';
  return new InfraError(`another backup is running (${who})`, { exitCode: EXIT.busy, hints: ['wait until it has ended', 'journalctl --unit=koprogo-backup.service --follow'] });
}

async function startOf(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
