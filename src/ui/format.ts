import { language } from '../words.js';
import { say } from './words.js';

/** "1.4 GB" (decimal, as disks and S3 count); "1,4 Go" in French. */
export function bytes(count: number): string {
  const units = language() === 'fr' ? ['o', 'ko', 'Mo', 'Go', 'To'] : ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = count;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? value.toFixed(0) : value.toFixed(1);
  return `${language() === 'fr' ? digits.replace('.', ',') : digits} ${units[unit] ?? ''}`;
}

/** "48 s", "3 min 05 s", "2 h 10 min"; seconds in. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`;
}

/** How far a wait is, and how long it will last at the speed so far. */
export function amount(progress: { done: number; total?: number; unit?: 'bytes' | 'items' }, seconds: number): string {
  const show = progress.unit === 'bytes' ? bytes : String;
  if (progress.total === undefined || progress.total === 0) return show(progress.done);
  const share = Math.min(1, progress.done / progress.total);
  const sofar = { done: show(progress.done), total: show(progress.total), percent: Math.floor(share * 100) };
  return share > 0.02 && seconds > 2 ? say('amount.left', { ...sofar, left: duration((seconds / share) * (1 - share)) }) : say('amount.plain', sofar);
}

const FEWEST_COLUMNS = 20;

/** Lines of at most so many columns, broken between words. What is broken goes on below its beginning, or below its cell of a table. */
export function folded(text: string, columns: number): string {
  const fold = (line: string) => {
    if (line.length <= columns) return [line];
    const before = /^(?:.*\S)? {2,}(?=\S)/.exec(line.slice(0, columns / 2))?.[0] ?? /^ */.exec(line)?.[0] ?? '';
    const [first = '', ...more] = foldedLine(line.slice(before.length), Math.max(FEWEST_COLUMNS, columns - before.length));
    return [before + first, ...more.map((part) => ' '.repeat(before.length) + part)];
  };
  return text.split('\n').flatMap(fold).join('\n');
}

/** What is copied from the screen and typed: in two pieces it would be another command. */
const COMMAND = /`[^`]+`|koprogo-infra(?: (?:--?[a-z-]+|[a-z][a-z-]+|[A-Z][A-Z-]+)){0,4}/g;
/** Stands for a blank that is not broken at; `printable` lets none through. */
const UNBROKEN = '\u0001';

function foldedLine(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.replace(COMMAND, (command) => command.replaceAll(' ', UNBROKEN)).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((whole) => whole.replaceAll(UNBROKEN, ' '));
}

/** Rows as aligned columns, two spaces between. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) row.forEach((cell, i) => (widths[i] = Math.max(widths[i] ?? 0, cell.length)));
  return rows
    .map((row) => row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join('  '))
    .join('\n');
}

/** Text from a server, an S3 listing or a file without what could steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[^\P{C}\n\t]/gu, '\uFFFD');
}

/** A text that may be anything, as it fits into one line of a message. */
export function inShort(text: string, most = 60): string {
  const line = printable(text).replaceAll(/\s+/g, ' ').trim();
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}
