import { InfraError } from '../../errors.js';
import type { PostgresConnection } from './postgres-connection.js';
import { say } from './words.js';

const FORMAT = 1;
/** Any number that nobody else takes: of two programs that make the schema at once, one waits for the other. */
const LOCK = 5_715_043_290_447_699n;

const MAKE = [
  'CREATE TABLE koprogo_infra.format (format integer NOT NULL, single boolean PRIMARY KEY DEFAULT true CHECK (single))',
  `INSERT INTO koprogo_infra.format (format) VALUES (${FORMAT})`,
  'CREATE TABLE koprogo_infra.objects (id text COLLATE "C" PRIMARY KEY, revision text NOT NULL, bytes bytea NOT NULL)',
  // What is encrypted does not get smaller: do not try to compress it.
  'ALTER TABLE koprogo_infra.objects ALTER COLUMN bytes SET STORAGE EXTERNAL',
];

/** Makes the schema and its tables where they are missing. Throws InfraError when a newer version of this program made them. */
export async function ensurePostgresSchema(connection: PostgresConnection): Promise<void> {
  const found = await connection.query(say('doing.open'), "SELECT to_regclass('koprogo_infra.format') IS NOT NULL AS made");
  if (found.rows[0]?.['made'] !== true) await make(connection);
  const { rows } = await connection.query(say('doing.open'), 'SELECT format FROM koprogo_infra.format');
  const format = rows[0]?.['format'];
  if (format === FORMAT) return;
  if (typeof format === 'number' && format > FORMAT) {
    throw new InfraError(say('newer', { where: connection.place.where, format, known: FORMAT }), {
      hints: [say('newer.use')],
    });
  }
  throw new InfraError(say('pg.notOurs', { where: connection.place.where }), {
    hints: [say('pg.another'), say('pg.orPutBack')],
  });
}

async function make(connection: PostgresConnection): Promise<void> {
  await connection.transaction(say('doing.tables'), async (run) => {
    await run(`SELECT pg_advisory_xact_lock(${LOCK})`);
    const { rows } = await run("SELECT to_regclass('koprogo_infra.format') IS NOT NULL AS made, to_regnamespace('koprogo_infra') IS NOT NULL AS schema");
    if (rows[0]?.['made'] === true) return;
    // Not IF NOT EXISTS: PostgreSQL asks for the right to create schemas even when there is nothing to create.
    if (rows[0]?.['schema'] !== true) await run('CREATE SCHEMA koprogo_infra');
    for (const statement of MAKE) await run(statement);
  });
}
