import { ALPHABET } from '../passphrase.js';

const BITS = 5;

/** Bytes as Crockford's base 32, the highest bit first; the last character is filled up with zeros. */
export function toBase32(bytes: Uint8Array): string {
  let text = '';
  let held = 0;
  let bits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff;
    bits += 8;
    for (; bits >= BITS; bits -= BITS) text += ALPHABET.charAt((held >>> (bits - BITS)) & 31);
  }
  return bits > 0 ? text + ALPHABET.charAt((held << (BITS - bits)) & 31) : text;
}

/** The bytes again; bits that fill no byte are left out. Throws RangeError for a character that is not of the alphabet. */
export function fromBase32(text: string): Uint8Array {
  const bytes: number[] = [];
  let held = 0;
  let bits = 0;
  for (const character of text) {
    held = ((held << BITS) | valueOf(character)) & 0xfff;
    bits += BITS;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((held >>> bits) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}

/** 0 to 31. Throws RangeError, which does not say which character it was: it may be one of a secret. */
export function valueOf(character: string): number {
  const value = ALPHABET.indexOf(character);
  if (value < 0 || character.length !== 1) throw new RangeError('a character that base 32 does not have');
  return value;
}

/** Small letters, and what people read or type for a 0 or a 1. */
export function asBase32(typed: string): string {
  return typed.toLowerCase().replaceAll('o', '0').replaceAll(/[il]/g, '1');
}

/**
 * One character that tells a typing error in a group of others: over GF(32) with the polynomial x^5 + x^2 + 1, each
 * character is multiplied by a power of x of its own. Every single wrong character is found, every two that changed
 * places, and every sound group in another `position` (0 to 31).
 */
export function checkCharacter(position: number, group: string): string {
  let sum = position;
  for (const character of group) sum = timesX(sum) ^ valueOf(character);
  return ALPHABET.charAt(timesX(sum));
}

function timesX(value: number): number {
  return ((value << 1) ^ ((value & 16) === 0 ? 0 : 0b100101)) & 31;
}
