import { InfraError } from '../../errors.js';
import type { SqliteDatabase } from './sqlite-library.js';
import { say } from './words.js';

/** "KPGS" in ASCII: tells our files from other SQLite databases, also to file(1). */
export const APPLICATION_ID = 0x4b504753;
export const SCHEMA_VERSION = 1;
const TABLE = 'CREATE TABLE objects (id TEXT NOT NULL PRIMARY KEY, revision TEXT NOT NULL, bytes BLOB NOT NULL) STRICT';

/**
 * Makes the table in an empty database; of two processes that do it at once one waits and finds it made. Throws InfraError
 * for a file of a newer version of this program, and for a database that is not ours: nothing is written into those.
 */
export function ensureSchema(database: SqliteDatabase, path: string): void {
  if (isReady(database, path)) return;
  database.exec('BEGIN IMMEDIATE');
  try {
    if (!isReady(database, path)) {
      database.exec(TABLE);
      database.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
      database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
    }
    database.exec('COMMIT');
  } catch (error) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // Some failures, a full disk for one, have rolled it back already.
    }
    throw error;
  }
}

/** Whether the table is there; false for a database without anything. */
function isReady(database: SqliteDatabase, path: string): boolean {
  const application = pragma(database, 'application_id');
  const version = pragma(database, 'user_version');
  const schema = database.prepare('SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL').all() as { sql: string }[];
  if (application === 0 && version === 0 && schema.length === 0) return false;
  if (application !== APPLICATION_ID) {
    throw new InfraError(say('sqlite.notOurs', { path }), {
      hints: [say('sqlite.another')],
    });
  }
  if (version > SCHEMA_VERSION) {
    throw new InfraError(say('sqlite.newer', { path, version, known: SCHEMA_VERSION }), {
      hints: [say('newer.use')],
    });
  }
  if (version !== SCHEMA_VERSION || schema.length !== 1 || schema[0]?.sql !== TABLE) {
    throw new InfraError(say('sqlite.changed', { path }), { hints: [say('sqlite.copy')] });
  }
  return true;
}

function pragma(database: SqliteDatabase, name: 'application_id' | 'user_version'): number {
  const row = database.prepare(`PRAGMA ${name}`).get() as Record<string, number>;
  return row[name] ?? 0;
}
