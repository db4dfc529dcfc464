import { resolve } from 'node:path';
import { EXIT, type ExitCode, InfraError, InputError } from '../errors.js';
import { auditSettings } from '../keys/audit/audit.js';
import { AUDIT_OPERATIONS } from '../keys/audit/format.js';
import { type AuditLine, type AuditTrust, type AuditVerification, readAuditLog, verifyAuditLog } from '../keys/audit/verify.js';
import type { Store } from '../state/installations.js';
import { table } from '../ui/format.js';
import { type Invocation, listOption, textOption } from './invocation.js';
import { theStore } from './open.js';
import { print } from './print.js';
import { say } from './store-words.js';

const OWN_OPERATIONS = ['begin', 'cut', 'lost'];
const MAX_SHOWN = 10_000;
const DEFAULT_SHOWN = 50;

/** Checks the whole log, with the key of the state that is set and the end that it remembers. Without a state it checks what can be checked without. */
export async function auditVerify(invocation: Invocation): Promise<ExitCode> {
  return verifyWith(invocation, await trustFor(logPath(invocation)));
}

/** What a log is judged by. */
export interface Trust extends AuditTrust {
  /** Why the end could not be compared with the one that is remembered; undefined where it can, or where none is. */
  endUnchecked?: string;
}

async function trustFor(path: string): Promise<Trust> {
  try {
    return await trustOf(await theStore(), path);
  } catch (error) {
    if (error instanceof InfraError) return { endUnchecked: say('audit.stateClosed', { why: error.message }) };
    throw error;
  }
}

/** The key of a state, and the end of this log that it remembers. Writes what waits first. */
export async function trustOf({ audit, auditKey, auditEnd }: Store, path: string): Promise<Trust> {
  await audit.head();
  const trust = { auditKeys: [auditKey] };
  try {
    const anchor = await auditEnd.remembered(path);
    return { ...trust, ...(anchor && { anchor }) };
  } catch (error) {
    if (error instanceof InfraError) return { ...trust, endUnchecked: error.message };
    throw error;
  }
}

export async function verifyWith(invocation: Invocation, trust: Trust): Promise<ExitCode> {
  const path = logPath(invocation);
  const result = await verifyAuditLog(path, trust);
  print(invocation, { ...result, endUnchecked: trust.endUnchecked ?? null }, () => verificationText(path, result, trust));
  if (result.verdict === 'tampered') return EXIT.failed;
  return result.verdict === 'unproven' || trust.endUnchecked !== undefined ? EXIT.degraded : EXIT.ok;
}

function logPath(invocation: Invocation): string {
  const file = textOption(invocation, 'file');
  return file === undefined ? auditSettings().path : resolve(file);
}

/** The verdict first, then what it rests on, then every finding. */
export function verificationText(path: string, result: AuditVerification, trust: Trust): string {
  const { verdict, findings, moreFindings, cuts, lost } = result;
  const found = findings.length + moreFindings;
  const verdicts: Record<AuditVerification['verdict'], string> = {
    empty: say('audit.empty', { path }),
    intact: say('audit.intact', { lines: result.lines }),
    cut: cuts.length === 1 ? say('audit.cutOne') : say('audit.cutMany', { count: cuts.length }),
    unproven: say('audit.unproven', { count: result.sealedByAnotherKey, lines: result.lines }),
    tampered: found === 1 ? say('audit.tamperedOne', { lines: result.lines }) : say('audit.tamperedMany', { count: found, lines: result.lines }),
  };
  const places = cuts.map(({ file, line, bytes }) => [`${file}:${line}`, say('audit.cutAfter', { bytes })]);
  const rows = [...findings.map(({ file, line, what }) => [line === 0 ? file : `${file}:${line}`, what]), ...places];
  return [
    verdicts[verdict],
    ...(rows.length > 0 ? ['', table(rows)] : []),
    ...(moreFindings > 0 ? [say('audit.more', { count: moreFindings })] : []),
    ...(verdict === 'empty' ? [] : ['', ...basis(result, trust)]),
    ...(verdict === 'empty' && trust.endUnchecked !== undefined ? ['', endText(result, trust)] : []),
    ...(lost > 0 ? [say('audit.lost', { count: lost })] : []),
  ].join('\n');
}

function basis(result: AuditVerification, trust: Trust): string[] {
  const key =
    (trust.auditKeys ?? []).length > 0
      ? say('audit.withKey', { sealed: result.sealedByKey, unsealed: result.sealedWithoutKey })
      : say('audit.withoutKey');
  return [key, endText(result, trust)];
}

function endText({ head }: AuditVerification, { anchor, endUnchecked }: Trust): string {
  if (endUnchecked !== undefined) return say('audit.endUnchecked', { why: endUnchecked });
  if (!anchor) return say('audit.noEnd');
  const later = Math.max(0, (head?.seq ?? 0) - anchor.seq);
  const line = String(anchor.seq);
  if (later === 0) return say('audit.end', { line });
  return later === 1 ? say('audit.endOneLater', { line }) : say('audit.endManyLater', { line, later });
}

interface Filter {
  matches: (line: AuditLine) => boolean;
  last: number;
}

/** Shows entries, the newest last. Does not check that they are genuine: `audit verify` does. */
export async function auditShow(invocation: Invocation): Promise<ExitCode> {
  const filter = filterFrom(invocation);
  const path = logPath(invocation);
  const shown: AuditLine[] = [];
  let matched = 0;
  const { unreadable } = await readAuditLog(path, (line) => {
    if (!filter.matches(line)) return;
    matched += 1;
    shown.push(line);
    // Cut now and then and not each time: a log has many lines.
    if (shown.length >= 2 * filter.last) shown.splice(0, shown.length - filter.last);
  });
  const entries = shown.slice(-filter.last);
  print(invocation, { entries, matched, unreadable }, () => showText(entries, matched, unreadable));
  return EXIT.ok;
}

function showText(entries: readonly AuditLine[], matched: number, unreadable: number): string {
  if (matched === 0) return unreadable === 0 ? say('audit.noEntries') : say('audit.onlyUnreadable', { count: unreadable });
  const rows = entries.map((line) => [line.time.slice(0, 19).replace('T', ' '), line.operation, line.result, objectText(line), line.key ?? '-', `${line.by.user}@${line.by.host}`]);
  const counts = { shown: entries.length, matched, last: Math.min(matched, MAX_SHOWN) };
  const more = matched > entries.length ? `\n\n${matched > MAX_SHOWN ? say('audit.lastMore', counts) : say('audit.lastAll', counts)}` : '';
  const damaged = unreadable > 0 ? `\n\n${say('audit.unreadable', { count: unreadable })}` : '';
  // A name may hold a newline: that would begin a row of its own making.
  const cells = rows.map((row) => row.map((cell) => cell.replace(/[\n\t]/g, '\uFFFD')));
  return `${table([say('audit.columns').split('|'), ...cells])}${more}${damaged}`;
}

function objectText({ object, cut, lost }: AuditLine): string {
  if (object) return `${object.installation}/${object.kind}/${object.name}${object.serial === undefined ? '' : `#${object.serial}`}`;
  if (lost !== undefined) return say('audit.notWritten', { count: lost });
  return cut ? say('audit.cutLine', { bytes: cut.bytes }) : '-';
}

/** Throws one InputError for everything that is wrong. */
function filterFrom(invocation: Invocation): Filter {
  const problems: string[] = [];
  const operations = listOption(invocation, 'operation');
  for (const name of operations) if (![...AUDIT_OPERATIONS, ...OWN_OPERATIONS].includes(name)) problems.push(say('audit.badOperation', { name, names: AUDIT_OPERATIONS.join(', ') }));
  const since = timeOption(invocation, 'since', problems);
  const until = timeOption(invocation, 'until', problems);
  const last = textOption(invocation, 'last') ?? String(DEFAULT_SHOWN);
  if (!/^[1-9][0-9]{0,4}$/.test(last) || Number(last) > MAX_SHOWN) problems.push(say('audit.badLast', { most: MAX_SHOWN }));
  if (problems.length > 0) throw new InputError(problems.join('\n'));
  const object = textOption(invocation, 'object')?.toLowerCase();
  const key = textOption(invocation, 'key');
  const result = textOption(invocation, 'result');
  return {
    last: Number(last),
    matches: (line) =>
      (operations.length === 0 || operations.includes(line.operation)) &&
      (object === undefined || (line.object !== undefined && objectText(line).toLowerCase().includes(object))) &&
      (key === undefined || line.key === key) &&
      (since === undefined || Date.parse(line.time) >= since) &&
      (until === undefined || Date.parse(line.time) < until) &&
      (result === undefined || (result === 'failed' ? line.result !== 'ok' && line.result !== 'begun' : line.result === result)),
  };
}

/** Milliseconds since 1970 of a day ("2026-11-22", its beginning in UTC) or a time with its zone. */
function timeOption(invocation: Invocation, name: string, problems: string[]): number | undefined {
  const text = textOption(invocation, name);
  if (text === undefined) return undefined;
  const time = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?(Z|[+-]\d\d:\d\d))?$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) problems.push(say('audit.badTime', { option: name }));
  return time;
}
