import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { link, lstat, mkdir, mkdtemp, open, readdir, rename, rm, statfs, unlink } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { InfraError, InputError, messageOf } from '../errors.js';
import { say } from './words.js';

/** The `code` of a system error ("ENOENT"), undefined for anything else. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

/**
 * The user's folders by the XDG Base Directory specification: a relative path in a variable is ignored, as it says.
 * Read anew on every call, because tests and `--answers` may set the environment.
 */
export const xdg = {
  state: () => xdgFolder('XDG_STATE_HOME', '.local', 'state'),
  data: () => xdgFolder('XDG_DATA_HOME', '.local', 'share'),
  config: () => xdgFolder('XDG_CONFIG_HOME', '.config'),
  cache: () => xdgFolder('XDG_CACHE_HOME', '.cache'),
};

function xdgFolder(variable: string, ...fallback: readonly string[]): string {
  const value = process.env[variable];
  return value !== undefined && isAbsolute(value) ? value : join(homedir(), ...fallback);
}

export interface WriteOptions {
  /** Permissions of the file, exactly so whatever the umask. Default 0600. */
  mode?: number;
  /** Fail with the system error EEXIST when the file exists, instead of replacing it. */
  exclusive?: boolean;
}

/**
 * Writes a file whole or not at all, and returns only when it would survive a power cut: temporary name in the
 * same directory, fsync, rename (or link, when exclusive), fsync of the directory.
 */
export async function writeDurably(path: string, content: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const mode = options.mode ?? 0o600;
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.chmod(mode);
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    if (options.exclusive === true) {
      await link(temporary, path);
      await unlink(temporary);
    } else {
      await rename(temporary, path);
    }
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** Removes what processes that were killed in `writeDurably` left of this file: it may hold secrets. What is younger than a minute may belong to one that lives. */
export async function removeTemporaries(path: string): Promise<void> {
  const prefix = `.${basename(path)}.`;
  const names = (await readdir(dirname(path))).filter((name) => name.startsWith(prefix) && /^[0-9a-f]{12}\.tmp$/.test(name.slice(prefix.length)));
  for (const name of names) {
    const temporary = join(dirname(path), name);
    const { mtimeMs } = await lstat(temporary).catch(() => ({ mtimeMs: Infinity }));
    if (Date.now() - mtimeMs > 60_000) await rm(temporary, { force: true });
  }
}

/** Makes created, renamed and removed names in a directory durable. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/**
 * The content of a regular file, undefined when there is none. A symbolic link in the last place is refused, and so is
 * a file of more than `limit` bytes (default 16 MiB). Throws InfraError.
 */
export async function readRegularFile(path: string, limit = 16 * 1024 * 1024): Promise<Buffer | undefined> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    if (errorCode(cause) === 'ELOOP') throw new InfraError(say('file.linkNotFollowed', { path }), { cause });
    throw new InfraError(say('file.notReadable', { path, why: messageOf(cause) }), { cause });
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new InfraError(say('file.notRegular', { path }));
    if (stat.size > limit) throw new InfraError(say('file.tooLarge', { path, limit }));
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Makes a directory that only this user can enter, where it is missing, and refuses one that others can. Throws as `checkPrivate` does. */
export async function ensurePrivateDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true, mode: 0o700 });
  await checkPrivate(path);
}

/**
 * Throws InputError unless the path (a file or a directory, not a symbolic link) belongs to this user and gives
 * nobody else any right. Root is no exception: a folder of another user, used through sudo, would get files that
 * its owner can no longer read.
 */
export async function checkPrivate(path: string): Promise<void> {
  const stat = await lstat(path);
  const me = process.getuid?.();
  if (stat.isSymbolicLink()) throw new InputError(say('file.link', { path }), { hints: [`ls -ld ${path}`] });
  if (me !== undefined && stat.uid !== me) {
    throw new InputError(say('file.otherOwner', { path, owner: String(stat.uid), me: String(me) }), {
      hints: [say('file.runAsOwner'), say('file.lookOwner', { path })],
    });
  }
  if ((stat.mode & 0o077) !== 0) {
    const mode = (stat.mode & 0o7777).toString(8).padStart(4, '0');
    throw new InputError(say('file.othersReach', { path, mode }), { hints: [`chmod ${stat.isDirectory() ? '700' : '600'} ${path}`] });
  }
}

/**
 * Runs `work` with a fresh directory of mode 0700 and removes the directory afterwards, whatever happened.
 * In XDG_RUNTIME_DIR where there is one, because that is in memory: not for large files.
 */
export async function withPrivateDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const parent = runtime !== undefined && isAbsolute(runtime) ? runtime : tmpdir();
  const directory = await mkdtemp(join(parent, 'koprogo-infra-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Bytes that may still be written where `path` lies, or will lie: its nearest directory that exists is asked. */
export async function freeBytes(path: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  } catch (error) {
    if (errorCode(error) !== 'ENOENT' || dirname(path) === path) throw error;
    return freeBytes(dirname(path));
  }
}
