import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, syncDirectory, writeDurably } from '../edges/files.js';
import { InfraError, InputError, messageOf } from '../errors.js';
import { say } from './words.js';

/** Files of mode 0600 in a directory of mode 0700 that did not exist; all of them or none. Throws InputError where the directory cannot be made. */
export async function writeNewDirectory(directory: string, files: readonly (readonly [name: string, content: string])[]): Promise<void> {
  try {
    await mkdir(directory, { mode: 0o700 });
  } catch (cause) {
    const why = errorCode(cause) === 'EEXIST' ? say('directory.exists') : messageOf(cause);
    throw new InputError(say('directory.notMade', { directory, why }), { hints: [say('directory.nameNew')], cause });
  }
  try {
    for (const [name, content] of files) await writeDurably(join(directory, name), content);
    await syncDirectory(directory);
  } catch (cause) {
    await rm(directory, { recursive: true, force: true });
    throw new InfraError(say('directory.notWritten', { directory, why: messageOf(cause) }), { hints: [`df -h ${directory}`], cause });
  }
}
