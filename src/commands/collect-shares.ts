import { readRegularFile } from '../edges/files.js';
import { askFromPaper, hasTerminal } from '../edges/prompts.js';
import { InfraError, InputError } from '../errors.js';
import { readSheet } from '../keys/recovery/share-sheet.js';
import { parseShare } from '../keys/recovery/share-text.js';
import { checkEnough, checkFits, type Share } from '../keys/recovery/shares.js';
import { Secret } from '../secret.js';
import { type Invocation, textOption } from './invocation.js';
import { say } from './store-words.js';

/** A sheet has about 3 kB. */
const MOST_BYTES = 64 * 1024;

export interface Collected {
  /** Of one set, each once, and enough of them. */
  shares: Share[];
  /** Armored, from --private-key or from the sheets. */
  privateKey: Secret | undefined;
}

/**
 * The shares in the files that were named; at a terminal the missing ones are asked for. Every share is looked at by
 * itself and beside the others before anything is combined. Throws InputError.
 */
export async function collectShares(invocation: Invocation): Promise<Collected> {
  const keyFile = textOption(invocation, 'privateKey');
  const given = keyFile === undefined ? undefined : new Secret(await read(keyFile));
  const shares: Share[] = [];
  const keys = new Map<string, string>();
  for (const file of invocation.arguments) {
    const { share, privateKey } = readSheet(await read(file), file);
    inFile(file, () => {
      checkFits(share, shares);
    });
    shares.push(share);
    if (privateKey) keys.set(privateKey.reveal().replaceAll(/\s/g, ''), privateKey.reveal());
  }
  if (!given && keys.size > 1) {
    throw new InputError(say('shares.keysDiffer'), { hints: [say('shares.nameRight')] });
  }
  while (hasTerminal() && shares.length < (shares[0]?.threshold ?? 1)) shares.push(await typed(shares));
  checkEnough(shares);
  const [found] = keys.values();
  return { shares, privateKey: given ?? (found === undefined ? undefined : new Secret(found)) };
}

async function typed(others: readonly Share[]): Promise<Share> {
  const [first] = others;
  const question = first ? say('shares.typeNext', { next: others.length + 1, threshold: first.threshold, set: first.set }) : say('shares.typeFirst');
  const text = await askFromPaper(question, (answer) => {
    try {
      checkFits(parseShare(answer), others);
      return undefined;
    } catch (error) {
      if (error instanceof InfraError) return [error.message, ...error.hints].join(' - ');
      throw error;
    }
  });
  return parseShare(text);
}

async function read(file: string): Promise<string> {
  const content = await readRegularFile(file, MOST_BYTES);
  if (!content) throw new InputError(say('shares.noFile', { file }));
  return content.toString('utf8');
}

function inFile(file: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    if (cause instanceof InfraError) throw new InputError(say('shares.inFile', { file, why: cause.message }), { hints: cause.hints, cause });
    throw cause;
  }
}
