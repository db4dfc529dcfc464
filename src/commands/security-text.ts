import type { SecurityLine, SecurityReport } from '../keys/hardening/posture.js';
import { bytes } from '../ui/format.js';
import { say } from './store-words.js';

const WIDTH = 80;
const INDENT = 30;

/** For a person: what is as it should be in one line each, what is weaker with all that is known. At most 80 columns. */
export function reportText(report: SecurityReport): string {
  const weak = report.lines.filter(({ ok }) => !ok);
  const verdict = weak.length === 0 ? say('security.asAsked') : say('security.weaker', { weak: weak.length, all: report.lines.length });
  const marks = { ok: say('security.ok'), weak: say('security.weak') };
  // Titles have another length in another language: the second column begins after the longest.
  const indent = Math.max(INDENT, ...report.lines.map(({ title }) => marks.weak.length + title.length + 3));
  return [...wrap(verdict, WIDTH), '', ...report.lines.flatMap((line) => lineText(line, marks, indent)), ...keysText(report)].join('\n');
}

/** What a short report says of a state that is as it should be. */
const IN_SHORT = ['provider', 'memory-locking', 'core-dumps', 'audit-log', 'fips'];

/** The verdict in one sentence, and every weaker point in one line. */
export function shortText({ overall, lines }: SecurityReport): { summary: string; weaker: string[] } {
  const weak = lines.filter(({ ok }) => !ok);
  if (overall !== 'ok') {
    const summary = weak.length === 1 ? say('security.weakerOne') : say('security.weakerMany', { count: weak.length });
    const weaker = weak.map(({ title, asked, found, hint }) => `  ${say('security.point', { title, asked, found })}${hint === undefined ? '' : ` → ${hint}`}`);
    return { summary, weaker };
  }
  const shown = lines.filter(({ id }) => IN_SHORT.includes(id)).map(({ title, found }) => say('security.shown', { title, found: found.replace(/\s*[,:].*/s, '') }));
  return { summary: `${say('security.asAsked')} (${shown.join(', ')})`, weaker: [] };
}

function lineText({ title, asked, found, ok, hint }: SecurityLine, marks: { ok: string; weak: string }, indent: number): string[] {
  const texts = ok ? [found] : [say('security.asked', { asked }), say('security.found', { found }), ...(hint === undefined ? [] : [`-> ${hint}`])];
  const rows = texts.flatMap((text) => wrap(text, WIDTH - indent));
  return rows.map((row, at) => `${at === 0 ? `${ok ? marks.ok : marks.weak} ${title}`.padEnd(indent) : ' '.repeat(indent)}${row}`.trimEnd());
}

function keysText({ keys }: SecurityReport): string[] {
  if (keys.length === 0) return [];
  const states = { current: say('security.current'), older: say('security.older'), missing: say('security.missing') };
  const rows = keys.map(({ keyId, objects, bytes: size, state }) => [states[state], String(objects), bytes(size), keyId] as const);
  const [key = '', count = '', total = '', version = ''] = say('security.columns').split('|');
  const columns = [[key, count, total, version] as const, ...rows];
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
