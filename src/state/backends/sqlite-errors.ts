import { dirname } from 'node:path';
import { EXIT, InfraError, messageOf } from '../../errors.js';
import { say } from './words.js';

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
    new InfraError(say('sqlite.failed', { doing, path, why }), { hints, exitCode, cause: error });
  if (code === READONLY_DBMOVED) return fail(say('sqlite.moved'), [`ls -l ${dirname(path)}`, say('again')]);
  switch (code & 0xff) {
    case BUSY:
    case LOCKED:
      return fail(say('sqlite.locked'), [say('sqlite.who', { path }), say('again')], EXIT.busy);
    case READONLY:
      return fail(say('sqlite.readOnly'), [`ls -l ${path}`, `findmnt --target ${path}`]);
    case CORRUPT:
    case NOTADB:
      return fail(say('sqlite.damaged'), [say('sqlite.look', { path }), say('sqlite.putBack')]);
    case FULL:
      return fail(say('sqlite.full'), [`df -h ${dirname(path)}`, say('sqlite.room')]);
    case CANTOPEN:
      return fail(say('sqlite.unopened'), [`ls -la ${dirname(path)}`]);
    default:
      return fail(say('sqlite.code', { reason: messageOf(error), code }), [`df -h ${dirname(path)}`, 'look for errors of the disk: sudo dmesg | tail']);
  }
}

function resultCode(error: unknown): number | undefined {
  return error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode : undefined;
}
