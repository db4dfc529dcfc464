import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Backend, Conflict, type Expected, type StoredObject } from './backend.js';
import { checkBytes, checkId, isId } from './limits.js';
import { isBusy, translateSqlite } from './sqlite-errors.js';
import { prepareFile } from './sqlite-file.js';
import { loadSqlite, type SqliteDatabase } from './sqlite-library.js';
import { ensureSchema } from './sqlite-schema.js';
import { say } from './words.js';

/** How long to wait for other processes that use the file. */
const PATIENCE_MS = 30_000;

/**
 * A rollback journal and not WAL: then one file is all there is while nobody writes, so that a copy of it is whole. EXTRA,
 * because with FULL the removal of the journal, which is the commit, may be undone by a power cut. The short busy timeout
 * is SQLite's own, which blocks the whole process; the longer patience is ours. What is removed is overwritten with zeros.
 */
const SETTINGS = `
  PRAGMA busy_timeout = 20;
  PRAGMA journal_mode = DELETE;
  PRAGMA synchronous = EXTRA;
  PRAGMA secure_delete = ON;
  PRAGMA temp_store = MEMORY;
  PRAGMA trusted_schema = OFF;
  PRAGMA cell_size_check = ON`;

/**
 * Opens the database file, or makes it with a directory that only this user can enter. Any number of processes may have
 * it open. Throws InputError for a file that others can reach, and InfraError for one that is something else.
 */
export async function openSqlite(path: string, options: { patience?: number } = {}): Promise<Backend> {
  const patience = options.patience ?? PATIENCE_MS;
  await prepareFile(path);
  const { DatabaseSync } = await loadSqlite();
  let database: SqliteDatabase | undefined;
  try {
    database = await patiently(path, say('sqlite.open'), patience, () => new DatabaseSync(path));
    const opened = database;
    await patiently(path, say('sqlite.open'), patience, () => {
      opened.exec(SETTINGS);
      ensureSchema(opened, path);
    });
    return new SqliteBackend(path, opened, patience);
  } catch (error) {
    database?.close();
    throw error;
  }
}

class SqliteBackend implements Backend {
  readonly where: string;
  readonly #statements;

  constructor(
    private readonly path: string,
    private readonly database: SqliteDatabase,
    private readonly patience: number,
  ) {
    this.where = say('sqlite.where', { path });
    this.#statements = {
      read: database.prepare('SELECT revision, bytes FROM objects WHERE id = ?'),
      // Some versions of node:sqlite bind an empty array as NULL.
      insert: database.prepare("INSERT INTO objects (id, revision, bytes) VALUES (?, ?, ifnull(?, x'')) ON CONFLICT (id) DO NOTHING"),
      update: database.prepare("UPDATE objects SET revision = ?, bytes = ifnull(?, x'') WHERE id = ? AND revision = ?"),
      remove: database.prepare('DELETE FROM objects WHERE id = ? AND revision = ?'),
      ids: database.prepare('SELECT id FROM objects'),
    };
  }

  async read(id: string): Promise<StoredObject | undefined> {
    checkId(this.where, id);
    const row = await this.#run(say('sqlite.read'), () => this.#statements.read.get(id));
    if (row === undefined) return undefined;
    const { revision, bytes } = row as { revision: string; bytes: Uint8Array };
    return { revision, bytes: Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) };
  }

  async write(id: string, bytes: Uint8Array, expected: Expected): Promise<string> {
    checkId(this.where, id);
    checkBytes(this.where, bytes);
    const revision = randomUUID();
    const { insert, update } = this.#statements;
    // Each is one statement and so one transaction: there is no moment between the comparison and the change.
    const { changes } = await this.#run(say('sqlite.write'), () => (expected === 'absent' ? insert.run(id, revision, bytes) : update.run(revision, bytes, id, expected.revision)));
    if (Number(changes) !== 1) throw new Conflict(this.where, id);
    return revision;
  }

  async remove(id: string, expected: { revision: string }): Promise<void> {
    checkId(this.where, id);
    const { changes } = await this.#run(say('sqlite.write'), () => this.#statements.remove.run(id, expected.revision));
    if (Number(changes) !== 1) throw new Conflict(this.where, id);
  }

  async ids(): Promise<string[]> {
    const rows = (await this.#run(say('sqlite.read'), () => this.#statements.ids.all())) as { id: string }[];
    return rows.map(({ id }) => id).filter(isId).sort();
  }

  async warnings(): Promise<string[]> {
    return Promise.resolve([]);
  }

  /** The package of Node 20 has no way to end statements: there the file stays open, unlocked, until they are collected. */
  async close(): Promise<void> {
    this.database.close();
    return Promise.resolve();
  }

  async #run<T>(doing: string, work: () => T): Promise<T> {
    return patiently(this.path, doing, this.patience, work);
  }
}

/** Runs work on the file, again while another process has it locked; a statement that failed so has changed nothing. */
async function patiently<T>(path: string, doing: string, patience: number, work: () => T): Promise<T> {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || Date.now() > end) throw translateSqlite(error, doing, path);
    }
    await sleep(10 + Math.random() * 40);
  }
}
