import { readFile } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import { InputError, messageOf } from '../../errors.js';

/** The certificates in the file that a parameter of the URL names. Links are followed: the system's own files are links. Throws InputError. */
export async function readCertificates(parameter: string, path: string): Promise<string> {
  const hints = [`${parameter} names a file of certificates in PEM: ${parameter}=/etc/ssl/certs/ca-certificates.crt`];
  if (!isAbsolute(path)) throw new InputError(`${parameter} must be an absolute path`, { hints });
  let text;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(`the certificates of ${parameter} cannot be read: ${messageOf(cause)}`, { hints, cause });
  }
  if (!text.includes('-----BEGIN CERTIFICATE-----')) throw new InputError(`${path} holds no certificate in PEM`, { hints });
  return text;
}
