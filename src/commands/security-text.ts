import type { SecurityLine, SecurityReport } from '../keys/hardening/posture.js';
import { bytes } from '../ui/format.js';

const WIDTH = 80;
const INDENT = 30;

/** For a person: what is as it should be in one line each, what is weaker with all that is known. At most 80 columns. */
export function reportText(report: SecurityReport): string {
  const weak = report.lines.filter(({ ok }) => !ok);
  const verdict = weak.length === 0 ? 'as asked' : `WEAKER THAN ASKED in ${weak.length} of ${report.lines.length} points`;
  return [...wrap(`Security of what is stored: ${verdict}`, WIDTH), '', ...report.lines.flatMap(lineText), ...keysText(report)].join('\n');
}

/** What a short report says of a state that is as it should be. */
const IN_SHORT = ['provider', 'memory-locking', 'core-dumps', 'audit-log', 'fips'];

/** The verdict in one sentence, and every weaker point in one line. */
export function shortText({ overall, lines }: SecurityReport): { summary: string; weaker: string[] } {
  const weak = lines.filter(({ ok }) => !ok);
  if (overall !== 'ok') {
    const points = weak.length === 1 ? 'one point' : `${weak.length} points`;
    const weaker = weak.map(({ title, asked, found, hint }) => `  ${title}: asked ${asked}, found ${found}${hint === undefined ? '' : ` → ${hint}`}`);
    return { summary: `Security of what is stored: weaker than asked in ${points} (koprogo-infra security report)`, weaker };
  }
  const shown = lines.filter(({ id }) => IN_SHORT.includes(id)).map(({ title, found }) => `${title}: ${found.replace(/[,:].*/s, '')}`);
  return { summary: `Security of what is stored: as asked (${shown.join(', ')})`, weaker: [] };
}

function lineText({ title, asked, found, ok, hint }: SecurityLine): string[] {
  const texts = ok ? [found] : [`asked ${asked}`, `found ${found}`, ...(hint === undefined ? [] : [`-> ${hint}`])];
  const rows = texts.flatMap((text) => wrap(text, WIDTH - INDENT));
  return rows.map((row, at) => `${at === 0 ? `${ok ? 'ok   ' : 'WEAK '} ${title}`.padEnd(INDENT) : ' '.repeat(INDENT)}${row}`.trimEnd());
}

function keysText({ keys }: SecurityReport): string[] {
  if (keys.length === 0) return [];
  const rows = keys.map(({ keyId, objects, bytes: size, state }) => [state, String(objects), bytes(size), keyId] as const);
  const columns = [['KEY', 'OBJECTS', 'BYTES', 'VERSION'] as const, ...rows];
  return ['', ...columns.flatMap(([state, objects, size, keyId]) => wrap(keyId, WIDTH - INDENT).map((part, at) => (at === 0 ? `${state.padEnd(10)}${objects.padEnd(10)}${size}`.padEnd(INDENT) : ' '.repeat(INDENT)) + part))];
}

/** Breaks at spaces; a word that is longer than a row (a path, an ARN) is broken where the row ends. */
function wrap(text: string, width: number): string[] {
  const rows: string[] = [];
  let row = '';
  for (const word of text.split(' ')) {
    if (row !== '' && row.length + 1 + word.length > width) {
      rows.push(row);
      row = '';
    }
    row = row === '' ? word : `${row} ${word}`;
    for (; row.length > width; row = row.slice(width)) rows.push(row.slice(0, width));
  }
  return [...rows, row];
}
