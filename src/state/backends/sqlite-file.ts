import { lstat, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { checkPrivate, ensurePrivateDirectory, errorCode, syncDirectory } from '../../edges/files.js';
import { InfraError, InputError, messageOf } from '../../errors.js';
import { say } from './words.js';

/**
 * Makes an empty file of mode 0600 where there is none (to SQLite that is an empty database), in a directory of mode 0700.
 * SQLite gives its journal the permissions of the file. Throws InputError when others can reach the file or its directory, or
 * when one of them is a symbolic link; InfraError when it cannot be made.
 */
export async function prepareFile(path: string): Promise<void> {
  try {
    await ensurePrivateDirectory(dirname(path));
    await create(path);
    await checkPrivate(path);
    if (!(await lstat(path)).isFile()) throw new InputError(say('file.irregular', { path }), { hints: [say('file.name')] });
  } catch (cause) {
    if (cause instanceof InfraError) throw cause;
    throw new InfraError(say('file.unmade', { path, reason: messageOf(cause) }), {
      cause,
      hints: [`df -h ${dirname(path)}`, `ls -ld ${dirname(path)}`, say('file.another')],
    });
  }
}

async function create(path: string): Promise<void> {
  try {
    await (await open(path, 'wx', 0o600)).close();
  } catch (error) {
    if (errorCode(error) === 'EEXIST' || (errorCode(error) === 'EROFS' && (await exists(path)))) return;
    throw error;
  }
  // The names of a new file and of a new directory must survive a power cut as well as what is written later.
  await syncDirectory(dirname(path));
  await syncDirectory(dirname(dirname(path)));
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
