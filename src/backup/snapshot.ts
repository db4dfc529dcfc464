import { createInterface } from 'node:readline';
import { z } from 'zod';
import { type Child, LocalHost } from '../edges/process.js';
import { InfraError, messageOf } from '../errors.js';
import { APPLICATION_NAME, type DatabaseAccess, psql } from './database.js';
import { say } from './words.js';

/** What the manifest says of the database, all of it seen in one snapshot. */
export interface SnapshotFacts {
  snapshot: string;
  serverVersion: string;
  serverVersionNumber: number;
  sizeBytes: number;
  extensions: { name: string; version: string; schema: string }[];
  rowCounts: Record<string, number>;
}

const LIMIT_SECONDS = 7 * 3600;
const LOCK_TIMEOUT = '5min';

/**
 * Ends what a killed run left in the server: a `docker exec` that is killed leaves its program running in the
 * container, where it holds its snapshot and with it the clean-up of dead rows. The caller holds the lock of backups.
 */
const END_LEFTOVERS = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
  WHERE application_name = '${APPLICATION_NAME}' AND usename = current_user AND pid <> pg_backend_pid();`;

/** Row security would hide rows without a word; off, it makes the count fail instead. */
const BEGIN = `SET search_path = pg_catalog; SET row_security = off; SET lock_timeout = '${LOCK_TIMEOUT}'; SET statement_timeout = 0;
SET idle_in_transaction_session_timeout = 0; SET client_encoding = 'UTF8';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT json_build_object(
  'snapshot', pg_export_snapshot(),
  'serverVersion', current_setting('server_version'),
  'serverVersionNumber', current_setting('server_version_num')::int,
  'sizeBytes', pg_database_size(current_database()),
  'extensions', (SELECT coalesce(json_agg(json_build_object('name', e.extname, 'version', e.extversion, 'schema', n.nspname) ORDER BY e.extname), '[]')
                 FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace))::text;`;

/**
 * One count for each ordinary table and leaf partition (relkind r: a partitioned parent holds no rows, and ONLY keeps the
 * rows of inheriting tables out), not those of extensions. PostgreSQL quotes the names; \\gexec runs what comes out.
 * JSON keeps each answer on one line, whatever a table is called.
 */
const COUNT_ROWS = `SELECT format('SELECT json_build_object(''table'', %L, ''rows'', count(*))::text FROM ONLY %I.%I',
    format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
  ORDER BY 1 \\gexec`;

const headSchema = z.object({
  snapshot: z.string(),
  serverVersion: z.string(),
  serverVersionNumber: z.number().int(),
  sizeBytes: z.number().int(),
  extensions: z.array(z.object({ name: z.string(), version: z.string(), schema: z.string() })),
});
const countSchema = z.object({ table: z.string(), rows: z.number().int() });

/**
 * The same after a failure, over a connection of its own. Tries once: whatever made the backup fail may stand in its
 * way too, and the next backup begins with it.
 */
export async function endLeftovers(access: DatabaseAccess): Promise<void> {
  await new LocalHost()
    .run({ ...psql(access, { application: APPLICATION_NAME }), input: END_LEFTOVERS, timeout: 20, purpose: say('snapshot.endLeft') })
    .catch(() => undefined);
}

/** A psql that holds one read-only transaction open, so that its snapshot can be shared with pg_dump. */
export class SnapshotSession {
  readonly #child: Child;
  readonly #lines: AsyncIterator<string>;
  #sent = 0;

  private constructor(host: LocalHost, access: DatabaseAccess) {
    this.#child = host.stream({ ...psql(access, { application: APPLICATION_NAME }), timeout: LIMIT_SECONDS, purpose: say('snapshot.hold') });
    this.#lines = createInterface({ input: this.#child.stdout, crlfDelay: Infinity })[Symbol.asyncIterator]();
    // psql may go away while something is written to it; its exit status tells why.
    this.#child.stdin.on('error', () => undefined);
  }

  /**
   * Opens the snapshot and counts the rows of every table in it. Until `close` nothing can drop or rewrite a counted
   * table. Throws InfraError when the database cannot be reached or asked.
   */
  static async open(host: LocalHost, access: DatabaseAccess): Promise<{ session: SnapshotSession; facts: SnapshotFacts }> {
    const session = new SnapshotSession(host, access);
    try {
      await session.#ask(END_LEFTOVERS);
      const [head = ''] = await session.#ask(BEGIN);
      const counts = (await session.#ask(COUNT_ROWS)).map((line) => countSchema.parse(JSON.parse(line)));
      const rowCounts = Object.fromEntries(counts.map(({ table, rows }) => [table, rows]));
      return { session, facts: { ...headSchema.parse(JSON.parse(head)), rowCounts } };
    } catch (error) {
      session.abandon();
      if (error instanceof InfraError) throw error;
      throw new InfraError(say('snapshot.strange', { why: messageOf(error) }), { cause: error });
    }
  }

  /** Ends the transaction. Throws InfraError when it was lost in the meantime: then nothing that was read in it may be trusted. */
  async close(): Promise<void> {
    await this.#ask('COMMIT;');
    this.#child.stdin.end();
    await this.#child.done;
  }

  /** For a failed backup: the connection goes away, and the server ends the transaction. */
  abandon(): void {
    this.#child.stdin.destroy();
    this.#child.kill();
  }

  /** Sends SQL and reads the lines that it prints. */
  async #ask(sql: string): Promise<string[]> {
    this.#sent += 1;
    const mark = `koprogo-end-${this.#sent}`;
    this.#child.stdin.write(`${sql}\n\\echo ${mark}\n`);
    const lines: string[] = [];
    for (;;) {
      const next = await this.#lines.next();
      if (next.done === true) {
        // Throws what psql said, when it said anything by its exit status.
        await this.#child.done;
        throw new InfraError(say('snapshot.ended'));
      }
      if (next.value === mark) return lines;
      lines.push(next.value);
    }
  }
}
