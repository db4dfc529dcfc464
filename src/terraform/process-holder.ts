import { readdir, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { isAlive, machineId, startOf } from '../state/process-identity.js';
import type { TerraformLock } from './state-store.js';
import { say } from './words.js';

const PROGRAMS = new Set(['terraform', 'tofu']);

/** This process, as a lock names it. */
export async function thisProcess(): Promise<NonNullable<TerraformLock['holder']>> {
  return { host: await thisComputer(), pid: process.pid, started: (await startOf(process.pid)) ?? '' };
}

/** Whether the lock was taken on this computer, by a process that is gone, or by this one (which knows what it still holds). In doubt it was not. */
export async function isOfEndedRun({ holder }: TerraformLock): Promise<boolean> {
  if (holder?.host !== (await thisComputer()) || holder.started === '') return false;
  if (holder.pid === process.pid && holder.started === (await startOf(process.pid))) return true;
  return !(await isAlive({ ...holder, host: hostname(), machine: await machineId() }));
}

/** The host's name alone does not do: computers of one name may share a store, and neither's processes say anything of the other's. */
async function thisComputer(): Promise<string> {
  return `${hostname()}/${await machineId()}`;
}

/**
 * Waits until no Terraform works in the folder any more. One that outlived its killed run can store nothing, but what it
 * is building is not to be built twice at the same time. Sees what /proc shows; nothing where there is none.
 */
export async function waitForOrphans(folder: string, seconds: number, progress: Progress): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const [pid] = await terraformsIn(folder);
    if (pid === undefined) return;
    if (Date.now() >= end) {
      throw new InfraError(say('orphan', { pid: String(pid), folder }), { hints: [say('orphan.wait'), say('orphan.end', { pid: String(pid) })] });
    }
    progress.update(say('orphan.waiting', { pid: String(pid) }));
    await sleep(500);
  }
}

async function terraformsIn(folder: string): Promise<number[]> {
  const entries = await readdir('/proc').catch(() => []);
  const pids = entries.filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => isTerraformIn(pid, folder)));
  return pids.filter((_, at) => found[at] === true);
}

/** Of its own user's processes; those of others cannot be looked at, and do not work in a folder that only its user enters. */
async function isTerraformIn(pid: number, folder: string): Promise<boolean> {
  try {
    const [program, cwd] = await Promise.all([readlink(`/proc/${pid}/exe`), readlink(`/proc/${pid}/cwd`)]);
    return cwd === folder && PROGRAMS.has(basename(program));
  } catch {
    return false;
  }
}
