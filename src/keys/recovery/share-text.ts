import { createHash } from 'node:crypto';
import { InputError } from '../../errors.js';
import { Secret } from '../../secret.js';
import { asBase32, checkCharacter, toBase32, valueOf } from './base32.js';
import { encodeParts } from '../envelope/envelope-format.js';
import { ALPHABET } from '../passphrase.js';
import { MOST_SHARES, type Share } from './shares.js';
import { say } from './words.js';

/**
 * A share as people read and type it, version 1: 13 groups of 4 characters and a check character. The 52 characters are
 * version (1), set (8), threshold (1), count (1), index (1), value (34), and a check value of all these (6).
 */
const VERSION = 1;
const DATA = 4;
const GROUP = DATA + 1;
const GROUPS = 13;
const GROUPS_IN_A_ROW = 5;
const SET = 8;
const VALUE = 34;
const WHOLE_CHECK = 6;
const BODY = GROUPS * DATA - WHOLE_CHECK;
const FOREIGN = new RegExp(`[^${ALPHABET}]`);
/** No share is nearly so long; a text that is, is none. */
const MOST_CHARACTERS = 400;

/** Three rows: 5, 5 and 3 groups. */
export function shareRows({ set, threshold, count, index, value }: Share): string[] {
  const body = `${digit(VERSION)}${set}${digit(threshold)}${digit(count)}${digit(index)}${value.reveal()}`;
  if (body.length !== BODY) throw new RangeError('not a share of version 1');
  const groups = (body + wholeCheck(body)).match(/.{4}/g) ?? [];
  const checked = groups.map((group, i) => group + checkCharacter(i + 1, group));
  return [0, 1, 2].map((row) => checked.slice(row * GROUPS_IN_A_ROW, (row + 1) * GROUPS_IN_A_ROW).join(' '));
}

/**
 * Reads what somebody typed: spaces, line ends, hyphens and capital letters do not matter. Throws InputError that says
 * in which group the typing error is, never what it says.
 */
export function parseShare(text: string): Share {
  if (text.length > MOST_CHARACTERS) throw new InputError(say('text.long', { mostCharacters: MOST_CHARACTERS }));
  const groups = inGroups(text);
  checkGroups(groups);
  const all = groups.map((group) => group.slice(0, DATA)).join('');
  const body = all.slice(0, BODY);
  if (all.slice(BODY) !== wholeCheck(body)) throw new InputError(say('text.check'), { hints: [say('text.compare')] });
  const [threshold, count, index] = Array.from(body.slice(1 + SET, 1 + SET + 3), valueOf);
  const value = body.slice(-VALUE);
  if (threshold === undefined || count === undefined || index === undefined || threshold < 2 || count < threshold || count > MOST_SHARES || index < 1 || index > count) {
    throw new InputError(say('text.numbers'));
  }
  return { set: body.slice(1, 1 + SET), threshold, count, index, value: new Secret(value) };
}

/** As many groups of five as there must be, in the alphabet. */
function inGroups(text: string): string[] {
  const typed = asBase32(text).split(/[\s-]+/).filter((group) => group !== '');
  // Somebody who left out the spaces is read all the same; only then can no group be named.
  const groups = typed.length === GROUPS ? typed : (typed.join('').match(/.{1,5}/gsu) ?? []);
  const wrong = groups.findIndex((group) => FOREIGN.test(group));
  if (wrong >= 0) throw new InputError(say('text.foreign', { place: place(wrong) }), { hints: [say('text.alphabet')] });
  const short = groups.findIndex((group) => group.length !== GROUP);
  if (typed.length === GROUPS && short >= 0) throw new InputError(say('text.group', { place: place(short), length: groups[short]?.length ?? 0, group: GROUP }));
  return groups;
}

function checkGroups(groups: readonly string[]): void {
  const wrong = groups.flatMap((group, i) => (group.length === GROUP && checkCharacter(i + 1, group.slice(0, DATA)) === group.slice(DATA) ? [] : [i]));
  const [first] = wrong;
  // Every version begins with a group of this form, so that a newer one is told from a typing error.
  const version = first === 0 || groups[0] === undefined ? VERSION : valueOf(groups[0].charAt(0));
  if (version !== VERSION) {
    throw new InputError(say('text.version', { version, known: VERSION }), { hints: [say('text.newest')] });
  }
  const characters = groups.join('').length;
  if (characters !== GROUPS * GROUP) {
    const sound = first ?? groups.length;
    throw new InputError(say('text.length', { characters, all: GROUPS * GROUP, groups: GROUPS, group: GROUP }), {
      hints: [sound === 0 ? say('text.first') : sound === 1 ? say('text.firstRight') : say('text.right', { sound })],
    });
  }
  if (first === undefined) return;
  const named = wrong.length > 4 ? say('text.more', { place: place(first), count: wrong.length - 1 }) : wrong.length > 1 ? say('text.groups', { numbers: wrong.map((i) => i + 1).join(', ') }) : say('text.one', { place: place(first) });
  throw new InputError(say('text.typing', { named }), { hints: [say('text.compareAll')] });
}

/** Counted as the sheet shows them. */
function place(group: number): string {
  return say('text.place', { group: group + 1, row: Math.floor(group / GROUPS_IN_A_ROW) + 1, number: (group % GROUPS_IN_A_ROW) + 1 });
}

function digit(value: number): string {
  return ALPHABET.charAt(value);
}

/** 30 bits over everything, for what the groups' own characters miss. Stays on the sheet with the share itself. */
function wholeCheck(body: string): string {
  return toBase32(createHash('sha256').update(encodeParts(['koprogo-infra recovery share 1', body])).digest()).slice(0, WHOLE_CHECK);
}
