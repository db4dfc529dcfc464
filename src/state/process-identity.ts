import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { errorCode } from '../edges/files.js';

/** A process of some computer, well enough described to tell later whether it still runs. */
export interface ProcessIdentity {
  pid: number;
  /** Boot id and start tick; "" where the system does not tell. */
  started: string;
  host: string;
  machine: string;
}

/** Whether it is a process of this computer, alive or not. */
export async function isOfThisComputer({ host, machine }: Pick<ProcessIdentity, 'host' | 'machine'>): Promise<boolean> {
  return host === hostname() && machine === (await machineId());
}

/** Another computer's process counts as alive: nobody can tell from here. */
export async function isAlive(owner: ProcessIdentity): Promise<boolean> {
  if (!(await isOfThisComputer(owner))) return true;
  const started = await startOf(owner.pid);
  if (started !== undefined) return owner.started === '' || started === owner.started;
  if (process.platform === 'linux') return false;
  try {
    process.kill(owner.pid, 0);
    return true;
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
}

/** Boot id and start tick of a living process, from /proc; undefined when there is none (a zombie counts as none). */
export async function startOf(pid: number): Promise<string | undefined> {
  try {
    const [boot, stat] = await Promise.all([readFile('/proc/sys/kernel/random/boot_id', 'utf8'), readFile(`/proc/${pid}/stat`, 'utf8')]);
    // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = ''] = fields;
    const tick = fields[19] ?? '';
    return /^[ZX]$/.test(state) ? undefined : `${boot.trim()}:${tick}`;
  } catch {
    return undefined;
  }
}

/** A mark of this computer: a hash, because systemd's machine id must not be shown to others as it is. "" where there is none. */
export async function machineId(): Promise<string> {
  const id = await readFile('/etc/machine-id', 'utf8').catch(() => '');
  return id.trim() === '' ? '' : createHash('sha256').update(`koprogo-infra ${id.trim()}`).digest('hex').slice(0, 16);
}
