import { type FileHandle, stat } from 'node:fs/promises';
import { auditFiles } from './file.js';
import { type AuditHead, type AuditLine, decodeLine, type DecodedLine, lineHash, NO_LINE, type SealKey, sealKey } from './format.js';
import { openForReading, type RawLine, readLines } from './reader.js';
import { say } from './words.js';

export type { AuditLine } from './format.js';

/** Something in the log that is not as the program wrote it, and where. */
export interface AuditFinding {
  kind: 'altered' | 'unsealed' | 'unreadable' | 'missing' | 'misplaced' | 'unlinked' | 'end-missing' | 'rewritten';
  file: string;
  /** Line in the file, from 1; 0 where the finding is about the log as a whole. */
  line: number;
  /** In words, one sentence. */
  what: string;
}

export interface AuditVerification {
  /**
   * "cut": sound, but for lines that were cut off while they were written, by a power cut or a kill.
   * "unproven": nothing is wrong with it, but it has lines that are sealed by keys that are not at hand.
   */
  verdict: 'intact' | 'cut' | 'unproven' | 'tampered' | 'empty';
  files: string[];
  lines: number;
  /** Lines whose seal was checked with a key, those sealed without one, and those of a key that is not at hand: of these only the place in the chain was checked. */
  sealedByKey: number;
  sealedWithoutKey: number;
  sealedByAnotherKey: number;
  /** Lines that could never be written, as the log itself says: the disk was full. */
  lost: number;
  cuts: { file: string; line: number; bytes: number }[];
  /** The first hundred. */
  findings: AuditFinding[];
  moreFindings: number;
  head: AuditHead | undefined;
  /** Whether the end was compared with one that was kept elsewhere. */
  anchored: boolean;
}

export interface AuditTrust {
  /** The keys by which lines may be sealed: one for each state that writes into this log. With none, a log that has no line sealed by a key is taken as it is. */
  auditKeys?: readonly Uint8Array[];
  /** An end of the log that was kept elsewhere: without one, a log whose last lines were removed looks whole. */
  anchor?: AuditHead;
}

/**
 * Done without a state, or before it is open, so without a key. A line of any other operation that has no key's seal
 * was written by somebody who did not have the key.
 */
const WITHOUT_KEY: ReadonlySet<string> = new Set(['unlock', 'generate', 'split', 'combine', 'rehearse', 'begin', 'cut', 'lost']);

const MAX_FINDINGS = 100;
const PASSES = 5;

/**
 * Reads the whole log, the numbered files first, and compares every line with its seal, its number and the line before.
 * What looks wrong is looked at again when another process was writing meanwhile. Throws InfraError when a file cannot be read.
 */
export async function verifyAuditLog(path: string, trust: AuditTrust = {}): Promise<AuditVerification> {
  for (let pass = 1; ; pass++) {
    const before = await describeFiles(path);
    const result = await verifyOnce(path, trust);
    const looksWrong = result.findings.length > 0 || result.cuts.length > 0;
    if (!looksWrong || pass === PASSES || (await describeFiles(path)) === before) return result;
  }
}

/** Changes with every line that is written. */
async function describeFiles(path: string): Promise<string> {
  const descriptions = auditFiles(path).map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => undefined);
    return [file, found?.ino, found?.size, found?.mtimeNs].join(' ');
  });
  return (await Promise.all(descriptions)).join('\n');
}

async function verifyOnce(path: string, { auditKeys = [], anchor }: AuditTrust): Promise<AuditVerification> {
  const checker = new ChainChecker(path, auditKeys.map(sealKey), anchor);
  await withFiles(path, async (file, handle) => {
    for await (const raw of readLines(file, handle)) checker.check(raw);
    checker.endOfFile(file === path);
  });
  return checker.conclude();
}

/** Entries as they stand in the log, without looking whether they are genuine; lines that are none are counted. */
export async function readAuditLog(path: string, visit: (line: AuditLine) => void): Promise<{ unreadable: number }> {
  let unreadable = 0;
  await withFiles(path, async (file, handle) => {
    for await (const { bytes } of readLines(file, handle)) {
      const decoded = decodeLine(bytes);
      if (decoded) visit(decoded.line);
      else unreadable += 1;
    }
  });
  return { unreadable };
}

/** Opens all files before the first is read: a file that is given its number meanwhile is still the same file. */
async function withFiles(path: string, work: (file: string, handle: FileHandle) => Promise<void>): Promise<void> {
  const opened: [string, FileHandle][] = [];
  try {
    for (const file of auditFiles(path)) {
      const handle = await openForReading(file);
      if (handle) opened.push([file, handle]);
    }
    for (const [file, handle] of opened) await work(file, handle);
  } finally {
    for (const [, handle] of opened) await handle.close();
  }
}

class ChainChecker {
  readonly #files = new Set<string>();
  readonly #findings: AuditFinding[] = [];
  readonly #cuts: AuditVerification['cuts'] = [];
  readonly #count = { lines: 0, sealedByKey: 0, sealedWithoutKey: 0, sealedByAnotherKey: 0, lost: 0, findings: 0 };
  /** The line with the highest number so far. */
  #last: AuditHead = { seq: 0, hash: NO_LINE };
  /** Whether the hash of that line can be relied on: an altered line breaks no second time at the line after it. */
  #lastIsSound = true;
  /** A line that is none: the one after it may explain it. */
  #unexplained: RawLine[] = [];

  constructor(
    private readonly path: string,
    private readonly keys: readonly SealKey[],
    private readonly anchor: AuditHead | undefined,
  ) {}

  check(raw: RawLine): void {
    this.#files.add(raw.file);
    this.#count.lines += 1;
    const decoded = raw.terminated && !raw.overlong ? decodeLine(raw.bytes, this.keys) : undefined;
    if (!decoded) {
      this.#unexplained.push(raw);
      if (this.#unexplained.length > 1) this.#reportUnexplained();
      return;
    }
    if (!this.#explains(decoded.line)) {
      this.#reportUnexplained();
      if (decoded.line.cut) this.#report('missing', raw, say('found.remains', { seq: decoded.head.seq }));
    }
    this.#checkSeal(raw, decoded);
    if (decoded.sealed === false) {
      // Nothing in it can be relied on, its number neither: it takes the place of the line that was to come.
      this.#last = { seq: this.#last.seq + 1, hash: decoded.head.hash };
      this.#lastIsSound = false;
      return;
    }
    this.#checkPlace(raw, decoded);
    if (decoded.line.lost !== undefined) this.#count.lost += decoded.line.lost;
  }

  /** A line that ends without a newline, at the end of all, is what a power cut leaves before the next operation has marked it. */
  endOfFile(isLast: boolean): void {
    const [only] = this.#unexplained;
    if (isLast && only && this.#unexplained.length === 1 && !only.terminated && this.#couldBeCut(only.bytes)) {
      this.#cuts.push({ file: only.file, line: only.number, bytes: only.bytes.length });
      this.#unexplained = [];
    }
    this.#reportUnexplained();
  }

  conclude(): AuditVerification {
    const { seq } = this.#last;
    if (this.anchor && seq < this.anchor.seq) {
      const what = seq === 0 ? say('found.gone', { seq: this.anchor.seq }) : say('found.cutEnd', { first: seq + 1, last: this.anchor.seq });
      this.#report('end-missing', undefined, what);
    }
    const { findings, ...counts } = this.#count;
    const whole = this.#cuts.length > 0 ? 'cut' : seq === 0 ? 'empty' : 'intact';
    const sound = counts.sealedByAnotherKey > 0 ? 'unproven' : whole;
    return {
      verdict: findings > 0 ? 'tampered' : sound,
      files: [...this.#files],
      ...counts,
      cuts: this.#cuts,
      findings: this.#findings,
      moreFindings: findings - this.#findings.length,
      head: seq === 0 ? undefined : this.#last,
      anchored: this.anchor !== undefined,
    };
  }

  #checkSeal(raw: RawLine, { line, sealed }: DecodedLine): void {
    if (sealed === false) this.#report('altered', raw, say('found.altered', { seq: line.seq }));
    else if (sealed === undefined) this.#count.sealedByAnotherKey += 1;
    else if (line.keyed === undefined) this.#count.sealedWithoutKey += 1;
    else this.#count.sealedByKey += 1;
    if (line.keyed === undefined && this.keys.length > 0 && !WITHOUT_KEY.has(line.operation)) {
      this.#report('unsealed', raw, say('found.unsealed', { seq: line.seq }));
    }
  }

  #checkPlace(raw: RawLine, { line, head }: DecodedLine): void {
    const expected = this.#last.seq + 1;
    if (head.seq < expected) {
      this.#report('misplaced', raw, say('found.misplaced', { seq: head.seq, before: this.#last.seq }));
      return;
    }
    if (head.seq > expected) {
      this.#report('missing', raw, head.seq === expected + 1 ? say('found.missing', { expected }) : say('found.missingLines', { expected, last: head.seq - 1 }));
    } else if (this.#lastIsSound && line.prev !== this.#last.hash) {
      this.#report('unlinked', raw, say('found.unlinked', { seq: head.seq }));
    }
    if ((line.operation === 'begin') !== (raw.number === 1 || this.#isCutBeginning(raw))) {
      this.#report('misplaced', raw, line.operation === 'begin' ? say('found.beginning') : say('found.noBeginning'));
    }
    if (this.anchor?.seq === head.seq && this.anchor.hash !== head.hash) {
      this.#report('rewritten', raw, say('found.rewritten', { seq: head.seq }));
    }
    this.#last = head;
    this.#lastIsSound = true;
  }

  /** The very first line of a file was cut: then the beginning is its second. */
  #isCutBeginning(raw: RawLine): boolean {
    const cut = this.#cuts.at(-1);
    return raw.number === 2 && cut?.file === raw.file && cut.line === 1;
  }

  #explains({ cut }: AuditLine): boolean {
    const [fragment] = this.#unexplained;
    if (cut === undefined) return fragment === undefined;
    const fits = fragment && this.#unexplained.length === 1 && cut.bytes === fragment.bytes.length && cut.sha256 === lineHash(fragment.bytes);
    if (!fits || !this.#couldBeCut(fragment.bytes)) return false;
    this.#cuts.push({ file: fragment.file, line: fragment.number, bytes: fragment.bytes.length });
    this.#unexplained = [];
    return true;
  }

  /** Whether the bytes are the beginning of the line that was to come, or zeros, which some file systems leave. */
  #couldBeCut(bytes: Buffer): boolean {
    const written = bytes.toString('latin1').replace(/\0+$/, '');
    const beginning = `{"seq":${this.#last.seq + 1},`;
    return written.startsWith(beginning) || beginning.startsWith(written);
  }

  #reportUnexplained(): void {
    for (const raw of this.#unexplained) this.#report('unreadable', raw, say('found.none'));
    this.#unexplained = [];
  }

  #report(kind: AuditFinding['kind'], raw: RawLine | undefined, what: string): void {
    this.#count.findings += 1;
    if (this.#findings.length < MAX_FINDINGS) this.#findings.push({ kind, file: raw?.file ?? this.path, line: raw?.number ?? 0, what });
  }
}
