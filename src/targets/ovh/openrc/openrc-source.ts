import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errorCode } from '../../../edges/files.js';
import { OpenRcError } from './openrc-error.js';
import { say, type Said } from '../words.js';

/** OpenRC files have about 2 KB. */
const MAX_BYTES = 64 * 1024;
const MAX_PATH = 1000;
const MOST_SHOWN = 120;
/** How such files begin. No path that a person types does. */
const BEGINS = /^(#|export\s|set\s|unset\s|if\s|echo\s)/;
const SETS_VARIABLE = /(^|[\s;&"'])OS_[A-Z_]+\+?=/;

export interface Source {
  text: string;
  /** Undefined where the text itself was pasted. */
  path?: string;
}

/** The text of an OpenRC file, given its path or the text itself; lines end in "\n". Throws OpenRcError for anything else. */
export async function readSource(pathOrText: string): Promise<Source> {
  const given = pathOrText.trim();
  if (isOpenRcText(given)) return { text: checkedText(Buffer.from(pathOrText, 'utf8')) };
  const path = expanded(given);
  if (path === '') throw new OpenRcError(say('openrc.nothing', {}), [say('openrc.download', {})]);
  return { text: checkedText(await contentOf(path)), path };
}

/** Whether this is no path, but the text of a file, or how one begins. */
export function isOpenRcText(given: string): boolean {
  return given.length > MAX_PATH || /[\n\r]/.test(given) || SETS_VARIABLE.test(given) || BEGINS.test(given);
}

/** Takes off what a terminal adds when a file is dropped on it, and knows "~/" as a shell does. */
function expanded(typed: string): string {
  const bare = /^(['"])(.*)\1$/.exec(typed)?.[2] ?? typed;
  return bare.startsWith('~/') ? join(homedir(), bare.slice(2)) : bare;
}

async function contentOf(path: string): Promise<Buffer> {
  let file;
  try {
    // Without O_NONBLOCK a named pipe would keep us waiting.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new OpenRcError(...notOpened(path, errorCode(cause)), cause);
  }
  try {
    const stat = await file.stat();
    if (stat.isDirectory()) throw new OpenRcError(say('openrc.directory', { path }), [say('openrc.download', {})]);
    if (!stat.isFile()) throw new OpenRcError(say('openrc.noFile', { path }), [say('openrc.download', {})]);
    if (stat.size > MAX_BYTES) throw tooLarge();
    return await file.readFile();
  } finally {
    await file.close();
  }
}

function notOpened(path: string, code: string | undefined): [Said, Said[]] {
  const fix = [say('openrc.download', {})];
  if (code === 'ENOENT' || code === 'ENOTDIR') return [say('openrc.notThere', { path: path.length > MOST_SHOWN ? `${path.slice(0, MOST_SHOWN)}…` : path }), fix];
  if (code === 'EACCES' || code === 'EPERM') return [say('openrc.notReadable', { path }), [say('openrc.permissions', { path })]];
  // Such as a name that is too long, or holds a NUL: no path at all.
  return [say('openrc.notOpenRc', {}), fix];
}

function checkedText(bytes: Buffer): string {
  if (bytes.length > MAX_BYTES) throw tooLarge();
  let text: string;
  try {
    // Removes a byte order mark, too.
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new OpenRcError(say('openrc.notText', {}), [say('openrc.download', {})], cause);
  }
  const other = looksLike(text);
  if (other !== undefined) throw new OpenRcError(other, [say('openrc.download', {})]);
  return text.replaceAll('\r\n', '\n');
}

/** What a text is that is no OpenRC file. Nothing of it is quoted: it may be a key. */
function looksLike(text: string): Said | undefined {
  if (/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/.test(text)) return say('openrc.privateKey', {});
  if (/^\s*(<!doctype|<html|<\?xml)/i.test(text)) return say('openrc.webPage', {});
  if (text.includes('\0')) return say('openrc.notText', {});
  if (/^\s*\$env:OS_/im.test(text) || /^\s*set OS_[A-Z_]+=/im.test(text)) return say('openrc.windows', {});
  if (/^clouds:\s*$/m.test(text)) return say('openrc.cloudsYaml', {});
  return SETS_VARIABLE.test(text) ? undefined : say('openrc.notOpenRc', {});
}

function tooLarge(): OpenRcError {
  return new OpenRcError(say('openrc.tooLarge', { limit: `${MAX_BYTES / 1024} KiB` }), [say('openrc.download', {})]);
}
