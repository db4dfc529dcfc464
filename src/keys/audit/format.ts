import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { z } from 'zod';

/**
 * The lines of the audit log, version 1. Specified in docs/formats.md.
 *
 * A line is JSON whose last field seals all that is before it: `mac` by HMAC-SHA-256 where there is a key, else `hash`
 * by SHA-256. `prev` is the SHA-256 of the whole line before, seal included: so a line of another installation, whose
 * key is not at hand, cannot be changed either without breaking the line after it.
 */
const FORMAT = 'koprogo-audit';
const VERSION = 1;
const SEAL_LABEL = 'koprogo-infra audit line 1\n';
const KEY_LABEL = 'koprogo-infra audit key 1\n';
const KEY_MIN_BYTES = 16;

/** No line is longer: the writer's fields are bounded, and a reader need not hold more. */
export const MAX_LINE_BYTES = 16 * 1024;
/** `prev` of the first line of all. */
export const NO_LINE = '0'.repeat(64);
/** The longest name of an installation, kind or object, user or computer that is written; the rest is cut off. */
export const MAX_NAME = 200;

/** The kind of the object that remembers an end of the log: reading and writing it leaves lines too, which are not worth remembering anew. */
export const ANCHOR_KIND = 'audit-anchor';

/** What may be recorded. The list is closed, so that a typing mistake is found by the compiler and filters are exact. */
export const AUDIT_OPERATIONS = [
  'encrypt',
  'decrypt',
  'remove',
  'wrap',
  'unwrap',
  'rewrap',
  'generate',
  'rotate',
  'migrate',
  'retire',
  'protect',
  'unlock',
  'force-unlock',
  'accept',
  'export',
  'import',
  'split',
  'combine',
  'rehearse',
  'take-over',
] as const;
export type AuditOperation = (typeof AUDIT_OPERATIONS)[number];

/** These are refused when they cannot be recorded, and are recorded before they begin. All others are recorded once, afterwards. */
export const CRITICAL: ReadonlySet<AuditOperation> = new Set<AuditOperation>(['generate', 'rotate', 'migrate', 'retire', 'protect', 'force-unlock', 'accept', 'export', 'import', 'split', 'combine', 'take-over']);

/** What the log says of itself: a file begins, a line was found cut, so many lines could not be written. */
const OWN_OPERATIONS = ['begin', 'cut', 'lost'] as const;

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const count = z.number().int().min(0);
const text = z.string().max(MAX_NAME);

export const auditLineSchema = z.strictObject({
  seq: z.number().int().min(1),
  time: z.iso.datetime(),
  operation: z.enum([...AUDIT_OPERATIONS, ...OWN_OPERATIONS]),
  key: z.string().max(255).optional(),
  object: z.strictObject({ installation: text, kind: text, name: text, serial: count.optional() }).optional(),
  by: z.strictObject({ user: text, uid: z.number().int(), host: text, pid: count, version: z.string().max(64) }),
  /** "ok", "begun", or the class name of an error. */
  result: z.string().regex(/^[A-Za-z][A-Za-z0-9_$]{0,63}$/),
  /** With "begin". */
  format: z.literal(FORMAT).optional(),
  version: z.number().int().optional(),
  /** What was found after the last sound line: a power cut's remains. */
  cut: z.strictObject({ bytes: count, sha256: hex(64) }).optional(),
  /** How many lines before this one could not be written. */
  lost: count.optional(),
  prev: hex(64),
  /** Which key sealed the line: tells another key from a changed line. */
  keyed: hex(16).optional(),
  mac: hex(64).optional(),
  hash: hex(64).optional(),
});
export type AuditLine = z.infer<typeof auditLineSchema>;
/** A line before it has its place in the chain. */
export type UnchainedLine = Omit<AuditLine, 'seq' | 'prev' | 'keyed' | 'mac' | 'hash'>;

export const BEGINNING = { operation: 'begin', result: 'ok', format: FORMAT, version: VERSION } as const;

/** A key that seals lines, with the mark by which lines name it. */
export interface SealKey {
  key: KeyObject;
  mark: string;
}

/** Throws RangeError for less than 16 bytes. */
export function sealKey(bytes: Uint8Array): SealKey {
  if (bytes.length < KEY_MIN_BYTES) throw new RangeError(`a key of the audit log has at least ${KEY_MIN_BYTES} bytes, not ${bytes.length}`);
  const key = createSecretKey(bytes);
  return { key, mark: createHmac('sha256', key).update(KEY_LABEL).digest('hex').slice(0, 16) };
}

/** A place in the chain: the number of a line, and the SHA-256 of its bytes, in hexadecimal. */
export interface AuditHead {
  seq: number;
  hash: string;
}

/** The line (without its newline) that comes after `before`. */
export function encodeLine(line: UnchainedLine, before: AuditHead, key: SealKey | undefined): string {
  const { time, operation, ...rest } = line;
  const fields = { seq: before.seq + 1, time, operation, ...rest, prev: before.hash, ...(key ? { keyed: key.mark } : {}) };
  const body = JSON.stringify(fields).slice(0, -1);
  return key ? `${body},"mac":"${seal(body, key)}"}` : `${body},"hash":"${seal(body)}"}`;
}

function seal(body: string | Uint8Array, key?: SealKey): string {
  const digest = key ? createHmac('sha256', key.key) : createHash('sha256');
  return digest.update(SEAL_LABEL).update(body).digest('hex');
}

export function lineHash(line: string | Uint8Array): string {
  return createHash('sha256').update(line).digest('hex');
}

export interface DecodedLine {
  line: AuditLine;
  head: AuditHead;
  /** Whether the seal fits; undefined when it is by a key that is not at hand. */
  sealed: boolean | undefined;
}

const SEAL_FIELD = /,"(?:mac|hash)":"([0-9a-f]{64})"\}$/;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a line; undefined for what is none. Quotes nothing of it. */
export function decodeLine(bytes: Buffer, keys: readonly SealKey[] = []): DecodedLine | undefined {
  if (bytes.length > MAX_LINE_BYTES) return undefined;
  let line: AuditLine;
  let whole: string;
  try {
    whole = utf8.decode(bytes);
    line = auditLineSchema.parse(JSON.parse(whole));
  } catch {
    return undefined;
  }
  const field = SEAL_FIELD.exec(whole);
  if (!field || !isConsistent(line)) return undefined;
  const head = { seq: line.seq, hash: lineHash(bytes) };
  const body = whole.slice(0, field.index);
  if (line.keyed === undefined) return { line, head, sealed: seal(body) === line.hash };
  const key = keys.find(({ mark }) => mark === line.keyed);
  return { line, head, sealed: key && seal(body, key) === line.mac };
}

function isConsistent({ keyed, mac, hash, operation, format, version, cut, lost }: AuditLine): boolean {
  const sealedOnce = keyed === undefined ? mac === undefined && hash !== undefined : mac !== undefined && hash === undefined;
  const begins = operation === 'begin' ? format === FORMAT && version === VERSION : format === undefined && version === undefined;
  return sealedOnce && begins && (operation === 'cut' ? cut !== undefined : cut === undefined || operation === 'begin') && (operation === 'lost') === (lost !== undefined);
}

/** An error's class as it may be written: a name says nothing of its content, unless it is no name. */
export function className(name: string): string {
  return /^[A-Za-z][A-Za-z0-9_$]{0,63}$/.test(name) ? name : 'Error';
}
