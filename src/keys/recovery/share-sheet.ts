import { InputError, InfraError } from '../../errors.js';
import { Secret } from '../../secret.js';
import { parseShare, shareRows } from './share-text.js';
import type { Share } from './shares.js';
import { say } from './words.js';

const BEGIN = '-----BEGIN KOPROGO RECOVERY SHARE-----';
const END = '-----END KOPROGO RECOVERY SHARE-----';
const PRIVATE_KEY = /-----BEGIN PGP PRIVATE KEY BLOCK-----[\s\S]*?-----END PGP PRIVATE KEY BLOCK-----/;

/** What stands on every sheet of a set, the same on each. */
export interface SheetSubject {
  installation: string;
  fingerprint: string;
  /** Armored and protected by the passphrase that the shares give. */
  privateKey: Secret;
  made: Date;
}

export function sheetName({ index, count }: Share): string {
  return `share-${index}-of-${count}.txt`;
}

/** One page to be printed: at most 80 characters wide and 60 lines long; ASCII only, but for the accents of French. */
export function sheet(share: Share, { installation, fingerprint, privateKey, made }: SheetSubject): string {
  const { index, count, threshold, set } = share;
  return say('sheet', { index, count, set, installation, fingerprint, made: made.toISOString().slice(0, 10), threshold, alone: threshold === 2 ? say('sheet.one') : say('sheet.fewer'), beginLine: BEGIN, rows: shareRows(share).join('\n'), endLine: END, file: sheetName(share), privateKey: privateKey.reveal().trim().replaceAll('\r\n', '\n') });
}

/**
 * Reads a sheet, or a file that holds nothing but a typed share. Throws InputError, which names `where` it was read
 * and quotes nothing.
 */
export function readSheet(text: string, where: string): { share: Share; privateKey: Secret | undefined } {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin + 1);
  if (begin >= 0 && end < 0) throw new InputError(say('sheet.short', { where, end: END }));
  if (begin >= 0 && text.includes(BEGIN, end)) throw new InputError(say('sheet.several', { where }), { hints: [say('sheet.oneShare')] });
  const armored = PRIVATE_KEY.exec(text)?.[0];
  try {
    const share = parseShare(begin < 0 ? text : text.slice(begin + BEGIN.length, end));
    return { share, privateKey: armored === undefined ? undefined : new Secret(`${armored}\n`) };
  } catch (cause) {
    if (cause instanceof InfraError) throw new InputError(`${where}: ${cause.message}`, { hints: cause.hints, cause });
    throw cause;
  }
}
