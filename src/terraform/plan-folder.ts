import { createHash } from 'node:crypto';
import { mkdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { InfraError, messageOf } from '../errors.js';
import { say } from './words.js';

/** What statfs calls a file system that is only in memory. */
const TMPFS = 0x01021994;
const MEMORY = '/dev/shm';

/**
 * Runs `work` with the name of a file for a plan, in a folder that only this user enters and that is in memory: a plan
 * holds all variables in clear. It is gone afterwards, and what a killed run left of it is gone before. (What the kernel
 * swaps out is where the swap is.)
 * @param folder Terraform's working folder: the name is made of it, so that the next run finds what this one leaves
 */
export async function withPlanFile<T>(folder: string, work: (file: string) => Promise<T>, memory = MEMORY): Promise<T> {
  const { type } = await statfs(memory).catch(() => ({ type: 0 }));
  if (type !== TMPFS) {
    throw new InfraError(say('plan.disk', { memory }), { hints: [`mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs ${memory}`] });
  }
  const own = planFolder(folder, memory);
  try {
    await rm(own, { recursive: true, force: true });
    // Fails where somebody else has made it meanwhile.
    await mkdir(own, { mode: 0o700 });
  } catch (cause) {
    throw new InfraError(say('plan.folder', { why: messageOf(cause) }), { hints: [`ls -ld ${own}`], cause });
  }
  try {
    return await work(join(own, 'plan'));
  } finally {
    await rm(own, { recursive: true, force: true });
  }
}

export function planFolder(folder: string, memory = MEMORY): string {
  return join(memory, `koprogo-plan-${process.getuid?.() ?? 0}-${createHash('sha256').update(folder).digest('hex').slice(0, 16)}`);
}
