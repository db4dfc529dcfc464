import { InfraError, messageOf } from '../../errors.js';
import { say } from './words.js';

/** As much of Node's `node:sqlite` as is used here; `@photostructure/sqlite` has the same API. */
export interface SqliteLibrary {
  DatabaseSync: new (path: string) => SqliteDatabase;
}

export interface SqliteDatabase {
  exec(sql: string): void;
  prepare(sql: string): SqliteStatement;
  close(): void;
}

export interface SqliteStatement {
  run(...values: (string | Uint8Array)[]): { changes: number | bigint };
  get(...values: string[]): unknown;
  all(): unknown[];
}

/** Node's own SQLite (from 22.13 on), else the package that brings its own. Loaded when the first database is opened. */
export async function loadSqlite(): Promise<SqliteLibrary> {
  const own = withoutExperimentalWarning(() => process.getBuiltinModule('node:sqlite'));
  if (own !== undefined) return own as SqliteLibrary;
  try {
    return await import('@photostructure/sqlite');
  } catch (cause) {
    throw new InfraError(say('sqlite.library', { reason: messageOf(cause) }), {
      cause,
      hints: [say('sqlite.node'), say('sqlite.elsewhere')],
    });
  }
}

/**
 * Node 22 and 24 warn on the user's screen that their SQLite is experimental. What is used of it is small, and the
 * contract suite runs on it. The warning is raised while the module is loaded, which happens here without a pause.
 */
function withoutExperimentalWarning<T>(load: () => T): T {
  const emitWarning = process.emitWarning.bind(process);
  process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
    if (!/SQLite is an experimental feature/.test(messageOf(warning))) Reflect.apply(emitWarning, process, [warning, ...rest]);
  };
  try {
    return load();
  } finally {
    process.emitWarning = emitWarning;
  }
}
