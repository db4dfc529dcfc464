import { fillIn } from '../words.js';
import { CATALOGUE } from './catalogue.js';
import type { Entry, Trouble } from './trouble.js';

/** How much of a text is looked at, in characters: its beginning and, mostly the more telling part, its end. */
const FROM_BEGINNING = 64 * 1024;
const FROM_END = 192 * 1024;
const MOST_TROUBLES = 3;
/** Of what is quoted from foreign text, in characters. */
const LONGEST_NAME = 100;

/**
 * What the catalogue knows about the words of a program: at most one trouble of each area and three in all, the most
 * exact first. General ones only where nothing else was recognised. Empty for unknown words.
 */
export function recognise(text: string): Trouble[] {
  const flat = flatten(cut(text));
  const found: Trouble[] = [];
  for (const entry of CATALOGUE) {
    if (found.length === MOST_TROUBLES || (entry.general && found.length > 0)) break;
    if (found.some(({ area }) => area === entry.area)) continue;
    const match = entry.pattern.exec(flat);
    if (match) found.push({ id: entry.id, area: entry.area, ...said(entry, match.groups ?? {}) });
  }
  return found;
}

/** Text on one line, without colours, Terraform's frames and escaped quotes of a log. Takes time in proportion to the text. */
export function flatten(text: string): string {
  return text
    .replace(/\u001b\[[\d;]{0,20}[A-Za-z]/g, '')
    .replace(/\\(["'])/g, '$1')
    .replace(/[\s╷│╵]+/g, ' ');
}

function cut(text: string): string {
  return text.length <= FROM_BEGINNING + FROM_END ? text : `${text.slice(0, FROM_BEGINNING)} ${text.slice(-FROM_END)}`;
}

function said({ cause, fix }: Entry, groups: Readonly<Record<string, string | undefined>>): { cause: string; fix: string } {
  const filling = Object.fromEntries(Object.entries(groups).flatMap(([name, value]) => (value === undefined ? [] : [[name, value.slice(0, LONGEST_NAME)]])));
  return { cause: fillIn(cause, filling), fix: fillIn(fix, filling) };
}
