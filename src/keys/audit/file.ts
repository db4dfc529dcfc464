import {
  closeSync,
  constants,
  existsSync,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  type Stats,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode } from '../../edges/files.js';
import { InfraError, InputError, messageOf } from '../../errors.js';
import { type AuditHead, BEGINNING, decodeLine, encodeLine, lineHash, MAX_LINE_BYTES, NO_LINE, type SealKey, type UnchainedLine } from './format.js';
import { type LockOwner, tryLock, unlock } from '../../edges/file-lock.js';
import { say } from './words.js';

/** A file that has grown past this is given a number, and a new one begins. */
export const MAX_FILE_BYTES = 16 * 1024 * 1024;
const NEWLINE = 0x0a;
/** Enough for the last sound line, whatever a power cut left after it. */
const TAIL_BYTES = 4 * MAX_LINE_BYTES;

/** What the end of a file says: the last sound line, and bytes after it that are none. */
interface Tail {
  head: AuditHead;
  rest: Buffer;
}

export interface AuditFileOptions {
  path: string;
  key: SealKey | undefined;
  /** Completes a line of the log's own: who writes, and when. */
  stamp: (line: Pick<UnchainedLine, 'operation' | 'result'> & Partial<UnchainedLine>) => UnchainedLine;
  maxBytes?: number;
}

/**
 * Appends lines to the log's file. Every call is synchronous, so that the process that has the lock has it for the time
 * of a few system calls only, and so that lines can still be written while the process exits.
 */
export class AuditFile {
  readonly #options: AuditFileOptions;
  readonly #lock: string;
  /** The end as this process left it: read again only when the file is not as it was then. */
  #known: { device: number; inode: number; size: number; head: AuditHead } | undefined;

  constructor(options: AuditFileOptions) {
    this.#options = options;
    this.#lock = `${options.path}.lock`;
  }

  /**
   * Appends the lines in one write, whole or not at all, and returns the head of the chain; or returns who has the lock
   * at this moment. With `durable` it returns when the lines (and all before them) would survive a power cut.
   * Without a line and without a file it makes none, and the head has the number 0. Throws InfraError.
   */
  append(lines: readonly UnchainedLine[], durable: boolean): { head: AuditHead } | { heldBy: LockOwner } {
    const { path } = this.#options;
    try {
      if (!existsSync(dirname(path))) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      const heldBy = tryLock(this.#lock);
      if (heldBy) return { heldBy };
      try {
        return { head: this.#appendLocked(lines, durable) };
      } finally {
        unlock(this.#lock);
      }
    } catch (error) {
      this.#known = undefined;
      throw error instanceof InfraError ? error : unwritable(path, error);
    }
  }

  #appendLocked(lines: readonly UnchainedLine[], durable: boolean): AuditHead {
    if (lines.length === 0 && !existsSync(this.#options.path)) return lastOfNumbered(this.#options.path);
    const file = this.#open();
    try {
      const tail = this.#tailOf(file);
      const isFull = file.stat.size > (this.#options.maxBytes ?? MAX_FILE_BYTES) && tail.rest.length === 0 && lines.length > 0;
      if (!isFull) {
        const head = this.#write(file, tail, lines);
        if (durable) fdatasyncSync(file.descriptor);
        return head;
      }
      fsyncSync(file.descriptor);
    } finally {
      closeSync(file.descriptor);
    }
    renameSync(this.#options.path, nextNumbered(this.#options.path));
    return this.#appendLocked(lines, durable);
  }

  #open(): { descriptor: number; stat: Stats } {
    const { path } = this.#options;
    const fresh = !existsSync(path);
    const descriptor = openSync(path, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o600);
    try {
      const stat = fstatSync(descriptor);
      checkOwn(path, stat);
      if (fresh) syncFolder(dirname(path));
      return { descriptor, stat };
    } catch (error) {
      closeSync(descriptor);
      throw error;
    }
  }

  #tailOf({ descriptor, stat }: { descriptor: number; stat: Stats }): Tail {
    if (this.#known?.device === stat.dev && this.#known.inode === stat.ino && this.#known.size === stat.size) {
      return { head: this.#known.head, rest: Buffer.alloc(0) };
    }
    const bytes = readEnd(descriptor, stat.size);
    const tail = findTail(bytes);
    if (tail) return tail;
    if (bytes.length === stat.size) return { head: lastOfNumbered(this.#options.path), rest: bytes };
    throw notALog(this.#options.path);
  }

  #write({ descriptor, stat }: { descriptor: number; stat: Stats }, tail: Tail, lines: readonly UnchainedLine[]): AuditHead {
    const { key, stamp } = this.#options;
    const chain = [...lines];
    const { rest } = tail;
    const cut = rest.length > 0 ? { cut: { bytes: rest.length, sha256: lineHash(rest) } } : {};
    // A file whose only content is the remains of its first line has not begun yet.
    if (stat.size === rest.length) chain.unshift(stamp({ ...BEGINNING, ...cut }));
    else if (rest.length > 0) chain.unshift(stamp({ operation: 'cut', result: 'ok', ...cut }));
    let text = rest.length > 0 && rest.at(-1) !== NEWLINE ? '\n' : '';
    let head = tail.head;
    for (const line of chain) {
      const encoded = encodeLine(line, head, key);
      text += `${encoded}\n`;
      head = { seq: head.seq + 1, hash: lineHash(encoded) };
    }
    const bytes = Buffer.from(text, 'utf8');
    writeWhole(descriptor, bytes, stat.size);
    this.#known = { device: stat.dev, inode: stat.ino, size: stat.size + bytes.length, head };
    return head;
  }
}

/** All of it or, when the disk is full, nothing: a line that was begun is taken back. */
function writeWhole(descriptor: number, bytes: Buffer, size: number): void {
  try {
    let written = 0;
    while (written < bytes.length) written += writeSync(descriptor, bytes, written);
  } catch (error) {
    ftruncateSync(descriptor, size);
    throw error;
  }
}

function readEnd(descriptor: number, size: number): Buffer {
  const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
  let at = 0;
  while (at < bytes.length) {
    const count = readSync(descriptor, bytes, at, bytes.length - at, size - bytes.length + at);
    if (count === 0) break;
    at += count;
  }
  return bytes.subarray(0, at);
}

/** The last line that can be read, going back from the end. Its seal is not checked here: `audit verify` does that. */
function findTail(bytes: Buffer): Tail | undefined {
  for (let end = bytes.lastIndexOf(NEWLINE); end > 0; ) {
    const start = bytes.lastIndexOf(NEWLINE, end - 1) + 1;
    const decoded = decodeLine(bytes.subarray(start, end));
    if (decoded) return { head: decoded.head, rest: bytes.subarray(end + 1) };
    end = start - 1;
  }
  return undefined;
}

/** The files of a log, the oldest first: those that were given a number, then the present one (which may not exist). */
export function auditFiles(path: string): string[] {
  const prefix = `${basename(path)}.`;
  let names: string[];
  try {
    names = readdirSync(dirname(path));
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return [path];
    throw error;
  }
  const numbers = names.filter((name) => name.startsWith(prefix) && /^[1-9][0-9]{0,8}$/.test(name.slice(prefix.length))).map((name) => Number(name.slice(prefix.length)));
  return [...numbers.sort((a, b) => a - b).map((number) => join(dirname(path), `${prefix}${number}`)), path];
}

function nextNumbered(path: string): string {
  const last = auditFiles(path).at(-2);
  return `${path}.${last === undefined ? 1 : Number(last.slice(path.length + 1)) + 1}`;
}

/** Where a new file goes on: at the end of the file before it, or at the very beginning. */
function lastOfNumbered(path: string): AuditHead {
  const last = auditFiles(path).at(-2);
  if (last === undefined) return { seq: 0, hash: NO_LINE };
  const descriptor = openSync(last, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const tail = findTail(readEnd(descriptor, fstatSync(descriptor).size));
    if (!tail) throw notALog(last);
    return tail.head;
  } finally {
    closeSync(descriptor);
  }
}

function checkOwn(path: string, stat: Stats): void {
  const me = process.getuid?.();
  if (!stat.isFile()) throw new InputError(say('log.irregular', { path }), { hints: [`ls -l ${path}`] });
  if (me !== undefined && stat.uid !== me) {
    throw new InputError(say('log.owner', { path, uid: stat.uid, me }), { hints: [say('log.asUser'), say('log.nameAnother')] });
  }
  if ((stat.mode & 0o077) !== 0) throw new InputError(say('log.reachable', { path }), { hints: [`chmod 600 ${path}`] });
  if ((statSync(dirname(path)).mode & 0o002) !== 0) {
    throw new InputError(say('log.folder', { directory: dirname(path) }), { hints: [say('log.ownFolder')] });
  }
}

function syncFolder(path: string): void {
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function notALog(path: string): InfraError {
  return new InfraError(say('log.end', { path }), {
    hints: ['koprogo-infra audit verify', say('log.begin', { path })],
  });
}

function unwritable(path: string, cause: unknown): InfraError {
  const code = errorCode(cause);
  if (code === 'ELOOP') return new InfraError(say('log.link', { path }), { cause });
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new InfraError(say('log.unwritable', { path, why: full ? say('log.full') : messageOf(cause) }), {
    hints: [full ? `df -h ${dirname(path)}` : `ls -ld ${dirname(path)}`, say('log.another'), say('log.without')],
    cause,
  });
}
