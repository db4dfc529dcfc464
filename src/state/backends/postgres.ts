import { randomUUID } from 'node:crypto';
import { type Backend, Conflict, type Expected, type StoredObject } from './backend.js';
import { checkBytes, checkId, isId } from './limits.js';
import { PostgresConnection } from './postgres-connection.js';
import { ensurePostgresSchema } from './postgres-schema.js';
import { parsePostgresUrl } from './postgres-url.js';
import { say } from './words.js';

/**
 * Opens the state in a PostgreSQL database, in a schema of its own that is made where it is missing. Throws InputError for
 * a wrong URL, InfraError when the server cannot be used. `pauses` are those before further tries, in ms.
 */
export async function openPostgres(url: string, options: { pauses?: readonly number[] } = {}): Promise<Backend> {
  const connection = await PostgresConnection.open(await parsePostgresUrl(url), options.pauses);
  try {
    await ensurePostgresSchema(connection);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new PostgresBackend(connection);
}

/**
 * Each write carries a revision that the writer has made up. So a statement whose answer was lost may be sent again: where it
 * was done already, it finds its own revision and counts as done, and never as somebody else's.
 */
const SQL = {
  read: 'SELECT revision, bytes FROM koprogo_infra.objects WHERE id = $1',
  insert: `INSERT INTO koprogo_infra.objects AS stored (id, revision, bytes) VALUES ($1, $2, $3)
    ON CONFLICT (id) DO UPDATE SET revision = excluded.revision WHERE stored.revision = excluded.revision`,
  update: 'UPDATE koprogo_infra.objects SET revision = $2, bytes = $3 WHERE id = $1 AND revision IN ($4, $2)',
  remove: 'DELETE FROM koprogo_infra.objects WHERE id = $1 AND revision = $2',
  ids: 'SELECT id FROM koprogo_infra.objects',
  durability: "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes')",
};

class PostgresBackend implements Backend {
  readonly where: string;

  constructor(private readonly connection: PostgresConnection) {
    this.where = connection.place.where;
  }

  async read(id: string): Promise<StoredObject | undefined> {
    checkId(this.where, id);
    const { rows } = await this.connection.query(say('doing.read'), SQL.read, [id]);
    return rows[0] as StoredObject | undefined;
  }

  async write(id: string, bytes: Uint8Array, expected: Expected): Promise<string> {
    checkId(this.where, id);
    checkBytes(this.where, bytes);
    const revision = randomUUID();
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const { count } =
      expected === 'absent'
        ? await this.connection.query(say('doing.store'), SQL.insert, [id, revision, content])
        : await this.connection.query(say('doing.store'), SQL.update, [id, revision, content, expected.revision]);
    if (count !== 1) throw new Conflict(this.where, id);
    return revision;
  }

  async remove(id: string, expected: { revision: string }): Promise<void> {
    checkId(this.where, id);
    const { count, repeated } = await this.connection.query(say('doing.remove'), SQL.remove, [id, expected.revision]);
    if (count === 1) return;
    if (repeated && (await this.read(id)) === undefined) return;
    throw new Conflict(this.where, id);
  }

  async ids(): Promise<string[]> {
    const { rows } = await this.connection.query(say('doing.list'), SQL.ids);
    return rows.map(({ id }) => String(id)).filter(isId).sort();
  }

  async warnings(): Promise<string[]> {
    const { rows } = await this.connection.query(say('doing.settings'), SQL.durability);
    const off = rows.filter(({ setting }) => setting === 'off').map(({ name }) => String(name));
    return [...this.connection.place.warnings, ...off.map((name) => say('pg.off', { where: this.where, name }))];
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
