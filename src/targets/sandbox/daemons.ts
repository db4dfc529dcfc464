import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../../errors.js';
import { say } from './words.js';

/** A program of ours that runs in the background on this computer, as its pid file names it. */
export interface Daemon {
  /** Its file name without the path: "qemu-system-x86_64". */
  program: string;
  pidFile: string;
  /** A word that must be one of its arguments, or part of one: the path of this installation's own file. */
  marker: string;
}

const END_SECONDS = 10;

/**
 * The pid of the running daemon; undefined when it does not run. A pid alone proves nothing: after a
 * restart of this computer the same number belongs to somebody else, so the command line is compared.
 */
export async function pidOf(daemon: Daemon): Promise<number | undefined> {
  const pid = Number((await readOr(daemon.pidFile, '')).trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const [program = '', ...args] = (await readOr(`/proc/${pid}/cmdline`, '')).split('\0');
  const ours = program.split('/').at(-1) === daemon.program && args.some((arg) => arg.includes(daemon.marker));
  return ours ? pid : undefined;
}

/** Ends the daemon, first politely, then not. Done when it is gone. Throws InfraError when even SIGKILL does not end it. */
export async function stopDaemon(daemon: Daemon, politeSeconds = END_SECONDS): Promise<void> {
  for (const [signal, seconds] of [['SIGTERM', politeSeconds] as const, ['SIGKILL', END_SECONDS] as const]) {
    const pid = await pidOf(daemon);
    if (pid === undefined) return;
    if (seconds === 0) continue;
    send(pid, signal);
    if (await hasEnded(pid, seconds)) return;
  }
  throw new InfraError(say('daemon.end', { program: daemon.program }), { hints: [`ps -fp $(cat ${daemon.pidFile})`] });
}

/**
 * Waits until a process has let go of everything it held: files, locks, ports. A dying process shows an empty command line
 * well before that, and its first thread is a zombie while others still end. Says whether it came to that in time.
 */
export async function hasEnded(pid: number, seconds: number): Promise<boolean> {
  const end = Date.now() + seconds * 1000;
  while (Date.now() < end) {
    const stat = await readOr(`/proc/${pid}/stat`, '');
    const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
    // The second field is the program's name in parentheses, which may hold anything.
    if (stat === '' || (/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2)) && threads.length <= 1)) return true;
    await sleep(50);
  }
  return false;
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended between the look and the signal: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

async function readOr(file: string, otherwise: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    return otherwise;
  }
}
