import { randomInt } from 'node:crypto';
import { Secret } from '../secret.js';

/**
 * Crockford's base 32 in lower case: letters and digits that nobody mistakes for one another on paper
 * (a 0 is never an o, a 1 never an i or l, there is no u). 32 of them make the entropy exact: 5 bits a character.
 */
export const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const BITS_PER_CHARACTER = 5;
const GROUP = 5;
const MIN_BITS = 100;

/**
 * A random passphrase of at least `bits` bits of entropy (5 bits a character, groups joined by hyphens that add none):
 * 130 bits are 26 characters. Throws RangeError below 100 bits.
 */
export function generatePassphrase(bits = 130): Secret {
  if (!(bits >= MIN_BITS)) throw new RangeError(`a passphrase needs at least ${MIN_BITS} bits, not ${bits}`);
  const count = Math.ceil(bits / BITS_PER_CHARACTER);
  const characters = Array.from({ length: count }, () => ALPHABET.charAt(randomInt(ALPHABET.length)));
  return new Secret(inGroups(characters.join('')));
}

/** The form of a generated passphrase: five characters, a hyphen, five characters, … */
export function inGroups(characters: string): string {
  const groups: string[] = [];
  for (let at = 0; at < characters.length; at += GROUP) groups.push(characters.slice(at, at + GROUP));
  return groups.join('-');
}
