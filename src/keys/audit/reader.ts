import { type FileHandle, open } from 'node:fs/promises';
import { constants } from 'node:fs';
import { errorCode } from '../../edges/files.js';
import { InfraError, messageOf } from '../../errors.js';
import { MAX_LINE_BYTES } from './format.js';
import { say } from './words.js';

/** A line of a file, counted from 1, without its newline. */
export interface RawLine {
  file: string;
  number: number;
  bytes: Buffer;
  /** Whether a newline follows: the last line of a file may be cut. */
  terminated: boolean;
  /** Longer than any line that is written; `bytes` is its beginning. */
  overlong: boolean;
}

const NEWLINE = 0x0a;
/** Some two hundred lines: what one command writes. */
const BACKWARD_BYTES = 64 * 1024;

/** A file of the log for reading, undefined where there is none. A symbolic link is refused. Throws InfraError. */
export async function openForReading(path: string): Promise<FileHandle | undefined> {
  try {
    const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw new InfraError(say('log.unreadable', { path, reason: messageOf(cause) }), { hints: [`ls -l ${path}`], cause });
  }
  throw new InfraError(say('log.irregular', { path }), { hints: [`ls -l ${path}`] });
}

/** All lines of an open file, with constant memory. The file stays open. */
export async function* readLines(path: string, file: FileHandle): AsyncGenerator<RawLine> {
  let held = Buffer.alloc(0);
  let number = 1;
  let overlong = false;
  const raw = (bytes: Buffer, terminated: boolean): RawLine => ({ file: path, number: number++, bytes, terminated, overlong });
  const buffer = Buffer.alloc(256 * 1024);
  for (let position = 0; ; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    let start = 0;
    for (let end = buffer.subarray(0, bytesRead).indexOf(NEWLINE); end >= 0; end = buffer.subarray(0, bytesRead).indexOf(NEWLINE, start)) {
      yield raw(Buffer.concat([held, buffer.subarray(start, end)]), true);
      held = Buffer.alloc(0);
      overlong = false;
      start = end + 1;
    }
    held = Buffer.concat([held, buffer.subarray(start, bytesRead)]);
    if (held.length > MAX_LINE_BYTES) {
      overlong = true;
      held = Buffer.from(held.subarray(0, MAX_LINE_BYTES + 1));
    }
  }
  if (held.length > 0) yield raw(held, false);
}

/** All lines of an open file, the last first and without their newlines, with constant memory. The file stays open. */
export async function* readLinesBackwards(file: FileHandle): AsyncGenerator<Buffer> {
  let position = (await file.stat()).size;
  let held = Buffer.alloc(0);
  while (position > 0) {
    const start = Math.max(0, position - BACKWARD_BYTES);
    held = Buffer.concat([await readWhole(file, start, position - start), held]);
    position = start;
    for (let newline = held.lastIndexOf(NEWLINE); newline >= 0; newline = held.lastIndexOf(NEWLINE)) {
      if (newline + 1 < held.length) yield held.subarray(newline + 1);
      held = held.subarray(0, newline);
    }
    // Too long to be a line, and it stays so whatever comes before it.
    if (held.length > MAX_LINE_BYTES) held = Buffer.from(held.subarray(held.length - MAX_LINE_BYTES - 1));
  }
  if (held.length > 0) yield held;
}

async function readWhole(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; ) {
    const { bytesRead } = await file.read(bytes, at, length - at, position + at);
    if (bytesRead === 0) return bytes.subarray(0, at);
    at += bytesRead;
  }
  return bytes;
}
