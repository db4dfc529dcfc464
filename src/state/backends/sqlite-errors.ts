import { dirname } from 'node:path';
import { EXIT, InfraError, messageOf } from '../../errors.js';

/** SQLite's result codes, https://sqlite.org/rescode.html: the low byte of an extended code is the primary one. */
const BUSY = 5;
const LOCKED = 6;
const READONLY = 8;
const READONLY_DBMOVED = READONLY | (4 << 8);
const CORRUPT = 11;
const FULL = 13;
const CANTOPEN = 14;
const NOTADB = 26;

export function isBusy(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && [BUSY, LOCKED].includes(code & 0xff);
}

/** The error for people. `doing` completes "cannot …". What does not come from SQLite is given back as it is. */
export function translateSqlite(error: unknown, doing: string, path: string): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  const fail = (why: string, hints: readonly string[], exitCode: typeof EXIT.failed | typeof EXIT.busy = EXIT.failed) =>
    new InfraError(`cannot ${doing} the SQLite file ${path}: ${why}`, { hints, exitCode, cause: error });
  if (code === READONLY_DBMOVED) return fail('it was removed or replaced while it was in use', [`ls -l ${dirname(path)}`, 'type the same command again']);
  switch (code & 0xff) {
    case BUSY:
    case LOCKED:
      return fail('another process keeps it locked', [`see which: fuser -v ${path}`, 'type the same command again'], EXIT.busy);
    case READONLY:
      return fail('it cannot be written', [`ls -l ${path}`, `findmnt --target ${path}`]);
    case CORRUPT:
    case NOTADB:
      return fail('it is damaged, or not a SQLite database', [`look closer: sqlite3 ${path} 'PRAGMA integrity_check'`, 'put back a copy of the file; keep the damaged one']);
    case FULL:
      return fail('the disk is full; what was stored before is whole', [`df -h ${dirname(path)}`, 'make room, then type the same command again']);
    case CANTOPEN:
      return fail('it cannot be opened', [`ls -la ${dirname(path)}`]);
    default:
      return fail(`${messageOf(error)} (SQLite result code ${code})`, [`df -h ${dirname(path)}`, 'look for errors of the disk: sudo dmesg | tail']);
  }
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}
