import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { InputError, messageOf } from '../../errors.js';
import { say } from './words.js';

/** The certificates in the file that a parameter of the URL names. Links are followed: the system's own files are links. Throws InputError. */
export async function readCertificates(parameter: string, path: string): Promise<string> {
  const hints = [say('pem', { parameter })];
  if (!isAbsolute(path)) throw new InputError(say('pem.absolute', { parameter }), { hints });
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(say('pem.unreadable', { parameter, reason: messageOf(cause) }), { hints, cause });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new InputError(say('pem.none', { path }), { hints });
  return text;
}
