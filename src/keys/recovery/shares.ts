import { createHash, randomBytes } from 'node:crypto';
import { combine, split } from 'shamir-secret-sharing';
import { InputError } from '../../errors.js';
import { Secret } from '../../secret.js';
import { fromBase32, toBase32 } from './base32.js';
import { encodeParts } from '../envelope/envelope-format.js';
import { ALPHABET, inGroups } from '../passphrase.js';
import { say } from './words.js';

export const MOST_SHARES = 16;
/** 26 characters of the passphrase and 6 of check value: 160 bits, so no bit is left over. */
const PASSPHRASE_CHARACTERS = 26;
const CHECK_CHARACTERS = 6;
const SET_BYTES = 5;
const GENERATED = new RegExp(`^[${ALPHABET}]{5}(?:-[${ALPHABET}]{5}){4}-[${ALPHABET}]$`);

/** One share of the passphrase of a recovery key, version 1. Specified in docs/formats.md. */
export interface Share {
  /** Random, the same for all shares that were made together: 8 characters of base 32. */
  set: string;
  /** So many shares give the passphrase; fewer tell nothing about it. */
  threshold: number;
  /** So many were made. */
  count: number;
  /** 1 to `count`. */
  index: number;
  /** 34 characters of base 32: 20 bytes of Shamir's share and its x coordinate. */
  value: Secret;
}

/**
 * Splits a passphrase that this program generated: 130 random bits. One that a person chose is refused, because every
 * sheet also holds the private key, and its holder could try passphrases on it. Throws InputError.
 */
export async function splitPassphrase(passphrase: Secret, { count, threshold }: { count: number; threshold: number }): Promise<Share[]> {
  if (!(Number.isInteger(count) && Number.isInteger(threshold) && threshold >= 2 && threshold <= count && count <= MOST_SHARES)) {
    throw new InputError(say('shares.count', { mostShares: MOST_SHARES, threshold, count }), {
      hints: ['koprogo-infra keys split --shares 3 --threshold 2'],
    });
  }
  if (!GENERATED.test(passphrase.reveal())) {
    throw new InputError(say('shares.chosen'), {
      hints: [say('shares.apart')],
    });
  }
  const plan = { set: toBase32(randomBytes(SET_BYTES)), threshold, count };
  const characters = passphrase.reveal().replaceAll('-', '');
  const values = await split(fromBase32(characters + checkValue(plan, characters)), count, threshold);
  const shares = values.map((value, i) => ({ ...plan, index: i + 1, value: new Secret(toBase32(value)) }));
  await prove(passphrase, shares, threshold);
  return shares;
}

/** Combines the first and the last shares before anybody is told to rely on them. */
async function prove(passphrase: Secret, shares: readonly Share[], threshold: number): Promise<void> {
  for (const some of [shares.slice(0, threshold), shares.slice(-threshold)]) {
    if ((await combineShares(some)).reveal() !== passphrase.reveal()) throw new Error('the shares that were made do not give the passphrase again');
  }
}

/**
 * Throws InputError when a share cannot be combined with those that are there: it is of another set, or there already.
 */
export function checkFits(share: Share, others: readonly Share[]): void {
  for (const other of others) {
    if (other.set !== share.set) {
      throw new InputError(say('shares.sets', { one: other.index, setOfOne: other.set, other: share.index, setOfOther: share.set }), {
        hints: [say('shares.oneSet'), say('shares.otherSet')],
      });
    }
    if (other.threshold !== share.threshold || other.count !== share.count) {
      throw new InputError(say('shares.contradict', { index: other.index, index2: share.index, set: share.set, threshold: other.threshold, count: other.count, threshold2: share.threshold, count2: share.count }));
    }
    if (other.index === share.index) {
      throw new InputError(say('shares.twice', { index: share.index }), { hints: [say('shares.different', { threshold: share.threshold, count: share.count })] });
    }
  }
}

/** Throws InputError when these are fewer than their set needs. */
export function checkEnough(shares: readonly Share[]): Share {
  const [first] = shares;
  if (first && shares.length >= first.threshold) return first;
  const need = first ? say('shares.need', { threshold: first.threshold, count: first.count }) : say('shares.needTwo');
  throw new InputError(shares.length === 1 ? say('shares.onlyOne', { need }) : say('shares.only', { need, count: shares.length }), {
    hints: [first ? say('shares.bring', { missing: first.threshold - shares.length, set: first.set }) : say('shares.name')],
  });
}

/**
 * The passphrase. Throws InputError for too few shares, for shares that do not belong together, and when what comes out
 * does not have its check value: Shamir's method itself gives a wrong secret for wrong shares without a word.
 */
export async function combineShares(shares: readonly Share[]): Promise<Secret> {
  shares.forEach((share, i) => {
    checkFits(share, shares.slice(0, i));
  });
  const first = checkEnough(shares);
  const values = shares.map((share) => fromBase32(share.value.reveal()));
  // The last byte is the x coordinate: two shares of one point cannot be combined.
  const points = new Set(values.map((value) => value.at(-1)));
  if (points.size < values.length || points.has(0)) throw doNotFit(first);
  const text = toBase32(await combine(values));
  const characters = text.slice(0, PASSPHRASE_CHARACTERS);
  if (text.slice(PASSPHRASE_CHARACTERS) !== checkValue(first, characters)) throw doNotFit(first);
  return new Secret(inGroups(characters));
}

function doNotFit({ set, threshold }: Share): InputError {
  return new InputError(say('shares.unfit', { set }), {
    hints: [say('shares.try', { threshold })],
  });
}

/**
 * 30 bits that bind the passphrase to its set. They are split together with it: below the threshold nobody has them
 * either, so nothing can be tried on them.
 */
function checkValue({ set, threshold, count }: Pick<Share, 'set' | 'threshold' | 'count'>, characters: string): string {
  const hash = createHash('sha256').update(encodeParts(['koprogo-infra recovery passphrase 1', set, String(threshold), String(count), characters])).digest();
  return toBase32(hash).slice(0, CHECK_CHARACTERS);
}
