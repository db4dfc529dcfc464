import { InfraError } from '../../errors.js';
import type { SqliteDatabase } from './sqlite-library.js';

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
    throw new InfraError(`${path} is a SQLite database, but not a state of koprogo-infra; nothing was written to it`, {
      hints: ['name another file, which need not exist: KOPROGO_STATE=sqlite:/home/you/koprogo/state.db'],
    });
  }
  if (version > SCHEMA_VERSION) {
    throw new InfraError(`${path} was written by a newer version of koprogo-infra (format ${version}, this one knows ${SCHEMA_VERSION}); nothing was written to it`, {
      hints: ['use the newer version: npx koprogo-infra@latest --version'],
    });
  }
  if (version !== SCHEMA_VERSION || schema.length !== 1 || schema[0]?.sql !== TABLE) {
    throw new InfraError(`${path} is a state of koprogo-infra whose tables were changed; nothing was written to it`, { hints: ['put back a copy of the file'] });
  }
  return true;
}

function pragma(database: SqliteDatabase, name: 'application_id' | 'user_version'): number {
  const row = database.prepare(`PRAGMA ${name}`).get() as Record<string, number>;
  return row[name] ?? 0;
}
