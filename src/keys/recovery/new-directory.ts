import { access, constants, mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { errorCode, syncDirectory, writeDurably } from '../../edges/files.js';
import { InfraError, InputError, messageOf } from '../../errors.js';
import { say } from './words.js';

/**
 * Files of mode 0600 in a directory of mode 0700 that did not exist, or was empty; all of them or none. Throws InputError
 * where the directory cannot be made.
 */
export async function writeNewDirectory(directory: string, files: readonly (readonly [name: string, content: string])[]): Promise<void> {
  const made = await make(directory);
  try {
    for (const [name, content] of files) await writeDurably(join(directory, name), content);
    await syncDirectory(directory);
  } catch (cause) {
    for (const path of made ? [directory] : files.map(([name]) => join(directory, name))) await rm(path, { recursive: true, force: true });
    throw new InfraError(say('directory.notWritten', { directory, why: messageOf(cause) }), { hints: [`df -h ${directory}`], cause });
  }
}

/** What stands against writing there; undefined for a directory that is empty, or that can be made. */
export async function directoryProblem(directory: string): Promise<string | undefined> {
  const parent = dirname(resolve(directory));
  const found = await stat(directory).catch(() => undefined);
  if (found && !(found.isDirectory() && (await isEmpty(directory)))) return say('copies.inTheWay', { directory });
  if (!found && !(await stat(parent).catch(() => undefined))?.isDirectory()) return say('copies.noParent', { directory: parent });
  const place = found ? directory : parent;
  return access(place, constants.W_OK).then(
    () => undefined,
    () => say('copies.notWritable', { directory: place }),
  );
}

/** False where it was there already. */
async function make(directory: string): Promise<boolean> {
  try {
    await mkdir(directory, { mode: 0o700 });
    return true;
  } catch (cause) {
    const exists = errorCode(cause) === 'EEXIST';
    if (exists && (await isEmpty(directory))) return false;
    throw new InputError(say('directory.notMade', { directory, why: exists ? say('directory.exists') : messageOf(cause) }), { hints: [say('directory.nameNew')], cause });
  }
}

/** A disk's own `lost+found` is nothing. */
async function isEmpty(directory: string): Promise<boolean> {
  const names = await readdir(directory).catch(() => undefined);
  return names?.every((name) => name === 'lost+found') ?? false;
}
