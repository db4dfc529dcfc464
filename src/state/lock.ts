import { randomBytes } from 'node:crypto';
import { link, readFile, rename, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ensurePrivateDirectory, errorCode, readRegularFile, writeDurably } from '../edges/files.js';
import { EXIT, InfraError } from '../errors.js';
import { checkInstallationName, stateRoot } from './installations.js';

const ownerSchema = z.object({
  /** Random name of this one acquisition. */
  token: z.string().regex(/^[0-9a-f]{32}$/),
  pid: z.number().int().positive(),
  /** Boot id and start tick of the process, because a pid is given to another process sooner or later; "" where the system does not tell. */
  started: z.string(),
  host: z.string(),
  purpose: z.string(),
  since: z.iso.datetime(),
});
export type LockOwner = z.infer<typeof ownerSchema>;

export interface Lock {
  /** Gives the lock back; a second call does nothing. Call it on SIGINT and SIGTERM too. */
  release(): Promise<void>;
}

const ATTEMPTS = 20;

/**
 * Takes the one lock of an installation. Throws InfraError with EXIT.busy that names the owner when somebody alive
 * holds it. The lock of a dead process of this computer is taken over; that of another computer cannot be judged from
 * here and stays.
 *
 * How two takers of a dead owner's lock are kept apart: nobody removes that lock. Each tries to create the file
 * `<name>.lock.<token of the dead>`, and creating by link() succeeds for one only. The winner renames its own record
 * over the lock and then removes the claim. A late reader that still saw the dead owner may create the claim anew;
 * so it looks again after creating it, and backs off when the lock is no longer what it had read. A claim whose maker
 * died in between is claimed the same way: the end of the chain is the owner.
 */
export async function lockInstallation(name: string, purpose: string): Promise<Lock> {
  const file = join(stateRoot(), `${checkInstallationName(name)}.lock`);
  await ensurePrivateDirectory(stateRoot());
  const own: LockOwner = {
    token: randomBytes(16).toString('hex'),
    pid: process.pid,
    started: (await startOf(process.pid)) ?? '',
    host: hostname(),
    purpose,
    since: new Date().toISOString(),
  };
  const record = `${file}.own.${own.token}`;
  await writeDurably(record, `${JSON.stringify(own)}\n`);
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await attemptLock(name, file, record, own)) return { release: () => release(file, own.token) };
    }
  } finally {
    await rm(record, { force: true });
  }
  throw new InfraError(`the lock of installation ${name} changes hands all the time`, { exitCode: EXIT.busy });
}

/** True: taken. False: the lock changed while it was looked at, try again. Throws when somebody alive has it. */
async function attemptLock(name: string, file: string, record: string, own: LockOwner): Promise<boolean> {
  const chain = await readChain(file);
  const last = chain.at(-1);
  if (!last) return linkOnce(record, file);
  if (await isAlive(last)) throw busy(name, file, last);
  const claim = claimOn(file, last);
  if (!(await linkOnce(record, claim))) return false;
  const again = await readChain(file);
  const unchanged = again.length === chain.length + 1 && chain.every((owner, at) => owner.token === again[at]?.token) && again.at(-1)?.token === own.token;
  if (!unchanged) {
    await rm(claim, { force: true });
    return false;
  }
  await rename(record, file);
  for (const dead of chain) await rm(claimOn(file, dead), { force: true });
  return true;
}

/** The lock's owner, then whoever claimed it from the dead owner, and so on; empty when the lock is free. */
async function readChain(file: string): Promise<LockOwner[]> {
  const chain: LockOwner[] = [];
  for (let path = file; ; ) {
    const owner = await readOwner(path);
    if (!owner) return chain;
    chain.push(owner);
    path = claimOn(file, owner);
  }
}

const claimOn = (file: string, dead: LockOwner) => `${file}.${dead.token}`;

async function readOwner(path: string): Promise<LockOwner | undefined> {
  const content = await readRegularFile(path, 4096);
  if (!content) return undefined;
  let owner;
  try {
    owner = ownerSchema.safeParse(JSON.parse(content.toString('utf8')));
  } catch {
    owner = undefined;
  }
  if (owner?.success) return owner.data;
  throw new InfraError(`the lock ${path} is damaged: nobody can tell whose it is`, {
    exitCode: EXIT.busy,
    hints: [`when no koprogo-infra is running: rm ${path}`],
  });
}

/** Creates `path` as another name of `record`; false when it exists already. */
async function linkOnce(record: string, path: string): Promise<boolean> {
  try {
    await link(record, path);
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

async function release(file: string, token: string): Promise<void> {
  const owner = await readOwner(file);
  if (owner?.token === token) await rm(file, { force: true });
}

async function isAlive(owner: LockOwner): Promise<boolean> {
  if (owner.host !== hostname()) return true;
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
async function startOf(pid: number): Promise<string | undefined> {
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

function busy(name: string, file: string, owner: LockOwner): InfraError {
  const elsewhere = owner.host !== hostname();
  return new InfraError(
    `installation ${name} is in use: ${owner.purpose}, process ${owner.pid} on ${elsewhere ? owner.host : 'this computer'}, since ${owner.since}`,
    {
      exitCode: EXIT.busy,
      hints: ['wait until it has ended', ...(elsewhere ? [`or, when nothing runs on ${owner.host} any more: rm ${file}`] : [])],
    },
  );
}
