import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, syncDirectory, writeDurably } from '../edges/files.js';
import { InfraError, InputError, messageOf } from '../errors.js';

/** Files of mode 0600 in a directory of mode 0700 that did not exist; all of them or none. Throws InputError where the directory cannot be made. */
export async function writeNewDirectory(directory: string, files: readonly (readonly [name: string, content: string])[]): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (cause) {
    const why = errorCode(cause) === 'EEXIST' ? 'it exists already' : messageOf(cause);
    throw new InputError(`the directory ${directory} cannot be made: ${why}`, { hints: ['name one that does not exist yet: --to DIRECTORY'], cause });
  }
  try {
    for (const [name, content] of files) await writeDurably(join(directory, name), content);
    await syncDirectory(directory);
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw new InfraError(`the files cannot be written to ${directory}: ${messageOf(cause)}`, { hints: [`df -h ${directory}`], cause });
  }
}
