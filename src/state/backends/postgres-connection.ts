import type { Pool, PoolClient, QueryConfig } from 'pg';
import { again } from './again.js';
import { isTransient, translatePostgres } from './postgres-errors.js';
import type { PostgresPlace } from './postgres-url.js';

export interface Answer {
  /** Text as string, boolean as boolean, bytea as Buffer: it travels in hexadecimal, because `pg` cannot read the binary form. */
  rows: Record<string, unknown>[];
  /** Rows that were found or changed. */
  count: number;
  /** An earlier try was sent and its answer was lost: what this statement finds may be its own work. */
  repeated: boolean;
}

const CONNECT_MS = 10_000;
const STATEMENT_MS = 60_000;
const LOCK_MS = 30_000;
/** Slower lines than this, in bytes per ms, are not waited for: half a MiB per second. */
const SLOWEST = 512;
/** Pauses before further tries: long enough together for a server that restarts. */
const PAUSES_MS = [200, 800, 2000, 4000];

/**
 * What each new connection is told. A server whose synchronous_commit is off would confirm a write before it survives a power
 * cut; what is stricter stays as it is.
 */
const SETTINGS = `SELECT set_config('statement_timeout', '${STATEMENT_MS}', false), set_config('lock_timeout', '${LOCK_MS}', false),
  set_config('bytea_output', 'hex', false),
  set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false)`;

/** Sends statements: again where the connection broke, so each must be one that does no harm twice; failures translated. */
export class PostgresConnection {
  readonly #ready = new WeakSet<PoolClient>();

  constructor(
    private readonly pool: Pool,
    readonly place: PostgresPlace,
    private readonly pauses: readonly number[],
  ) {
    // The server ended an idle connection: the next statement gets a new one.
    pool.on('error', () => undefined);
  }

  static async open(place: PostgresPlace, pauses: readonly number[] = PAUSES_MS): Promise<PostgresConnection> {
    const { default: pg } = await import('pg');
    const { host, port, user, database, password } = place;
    const pool = new pg.Pool({
      host,
      port,
      user,
      database,
      ...(password === undefined ? {} : { password: password.reveal() }),
      ssl: place.tls,
      application_name: 'koprogo-infra',
      connectionTimeoutMillis: CONNECT_MS,
      keepAlive: true,
      max: 4,
      allowExitOnIdle: true,
    });
    return new PostgresConnection(pool, place, pauses);
  }

  /** `doing` completes "cannot …". */
  async query(doing: string, text: string, values: readonly (string | Buffer)[] = []): Promise<Answer> {
    return this.#again(doing, (client) => send(client, text, values));
  }

  /** Runs statements that are done all together or not at all. */
  async transaction(doing: string, work: (run: (text: string) => Promise<Answer>) => Promise<void>): Promise<void> {
    await this.#again(doing, async (client) => {
      await send(client, 'BEGIN', []);
      await work((text) => send(client, text, []));
      return send(client, 'COMMIT', []);
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async #again(doing: string, work: (client: PoolClient) => Promise<Answer>): Promise<Answer> {
    let repeated = false;
    const attempt = async () => {
      const client = await this.#connect();
      try {
        const answer = await work(client);
        client.release();
        return { ...answer, repeated };
      } catch (error) {
        // Not used again: it may be broken, in the middle of an answer, or inside a transaction.
        client.release(true);
        repeated = true;
        throw error;
      }
    };
    try {
      return await again(this.pauses, isTransient, attempt);
    } catch (error) {
      throw translatePostgres(error, doing, this.place);
    }
  }

  async #connect(): Promise<PoolClient> {
    const client = await this.pool.connect();
    if (this.#ready.has(client)) return client;
    // A connection that breaks says so to the statement under way and once more here; unheard, it would end the program.
    client.on('error', () => undefined);
    try {
      await send(client, SETTINGS, []);
    } catch (error) {
      client.release(true);
      throw error;
    }
    this.#ready.add(client);
    return client;
  }
}

async function send(client: PoolClient, text: string, values: readonly (string | Buffer)[]): Promise<Answer> {
  const bytes = values.reduce((sum, value) => sum + value.length, 0);
  // The types of `pg` do not know the last of these settings; it does.
  const config: QueryConfig & { query_timeout: number } = { text, values: [...values], query_timeout: STATEMENT_MS + 5000 + Math.ceil(bytes / SLOWEST) };
  const { rows, rowCount } = await client.query<Record<string, unknown>>(config);
  return { rows, count: rowCount ?? 0, repeated: false };
}
