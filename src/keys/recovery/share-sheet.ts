import { InputError, InfraError } from '../../errors.js';
import { Secret } from '../../secret.js';
import { parseShare, shareRows } from './share-text.js';
import type { Share } from './shares.js';

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

/** One page to be printed: at most 80 characters wide and 60 lines long, ASCII only. */
export function sheet(share: Share, { installation, fingerprint, privateKey, made }: SheetSubject): string {
  const { index, count, threshold, set } = share;
  return `KoproGo recovery share ${index} of ${count}, set ${set}

Installation  ${installation}
Recovery key  ${fingerprint}
Made          ${made.toISOString().slice(0, 10)}

Any ${threshold} of the ${count} shares of this set open every backup of this installation.
${threshold === 2 ? 'One alone opens' : 'Fewer open'} nothing. Keep this sheet where you would keep a house key: away
from the other sheets and the operator's computer. Do not mail or photograph it.

${BEGIN}
${shareRows(share).join('\n')}
${END}

Capital letters count as small ones. There is no letter i, l, o or u: what looks
like one is a digit 1 or 0 (or a v).

When a backup must be opened and the operator's computer is lost:
 1. Bring ${threshold} sheets of this set together, at a computer with koprogo-infra.
 2. koprogo-infra keys combine ${sheetName(share)} --to recovered
    with the other files, if there are files; a sheet on paper is asked for.
 3. koprogo-infra backup restore --private-key recovered/recovery-key.asc \\
      --passphrase-file recovered/recovery-key-passphrase.txt
Without koprogo-infra: docs/combine-shares.py of its sources, and gpg.
To see once a quarter that it would work: koprogo-infra keys rehearse, with the
same files. It writes no secret down.

The private key, the same on each sheet, useless without the shares:

${privateKey.reveal().trim().replaceAll('\r\n', '\n')}
`;
}

/**
 * Reads a sheet, or a file that holds nothing but a typed share. Throws InputError, which names `where` it was read
 * and quotes nothing.
 */
export function readSheet(text: string, where: string): { share: Share; privateKey: Secret | undefined } {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END, begin + 1);
  if (begin >= 0 && end < 0) throw new InputError(`${where}: the share is cut short: the line "${END}" is missing`);
  if (begin >= 0 && text.includes(BEGIN, end)) throw new InputError(`${where} holds more than one share`, { hints: ['one file, one share'] });
  const armored = PRIVATE_KEY.exec(text)?.[0];
  try {
    const share = parseShare(begin < 0 ? text : text.slice(begin + BEGIN.length, end));
    return { share, privateKey: armored === undefined ? undefined : new Secret(`${armored}\n`) };
  } catch (cause) {
    if (cause instanceof InfraError) throw new InputError(`${where}: ${cause.message}`, { hints: cause.hints, cause });
    throw cause;
  }
}
