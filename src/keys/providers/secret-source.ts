import { open } from 'node:fs/promises';
import { InputError, messageOf } from '../../errors.js';
import { Secret } from '../../secret.js';
import type { SecretSource } from './settings.js';
import { say } from './words.js';

const MAX_BYTES = 64 * 1024;

/**
 * The secret itself, without one line break at the end of a file. The file is read anew on every call, because an
 * agent may replace it; symbolic links are followed, because Kubernetes mounts its secrets as such. `name` is the
 * variable, for messages. Throws InputError.
 */
export async function readSecret(source: SecretSource, name: string): Promise<Secret> {
  if ('value' in source) return source.value;
  const where = `${source.file} (${name}_FILE)`;
  let bytes: Buffer;
  try {
    const file = await open(source.file, 'r');
    try {
      // A pipe will do too: <(pass show koprogo).
      if ((await file.stat()).size > MAX_BYTES) throw new InputError(say('source.long', { where, maxBytes: MAX_BYTES }));
      bytes = await file.readFile();
      if (bytes.length > MAX_BYTES) throw new InputError(say('source.long', { where, maxBytes: MAX_BYTES }));
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError(say('source.unreadable', { where, reason: messageOf(cause) }), { cause, hints: [`ls -l ${source.file}`] });
  }
  const text = bytes.toString('utf8').replace(/\r?\n$/, '');
  bytes.fill(0);
  if (text === '') throw new InputError(say('source.empty', { where }));
  return new Secret(text);
}
