import { z } from 'zod';
import { InfraError } from '../errors.js';
import { type DatabaseTarget, runSql } from './scratch.js';
import { say } from './words.js';

/** One table: rows when the backup was taken and rows now; undefined where the table does not exist. */
export interface TableResult {
  table: string;
  expected: number | undefined;
  found: number | undefined;
  verdict: 'equal' | 'differs' | 'missing' | 'extra';
}

/** Counting reads every table once. */
const COUNT_TIMEOUT_SECONDS = 6 * 3600;

/**
 * Exact rows of every ordinary table and leaf partition, without those of extensions: the same set that the manifest
 * has. Names are PostgreSQL's `format('%I.%I', schema, table)`.
 */
export async function countRows(target: DatabaseTarget, database: string): Promise<Map<string, number>> {
  const lines = await runSql(
    target,
    `SELECT format('SELECT json_build_array(%L, count(*)) FROM ONLY %I.%I', format('%I.%I', n.nspname, c.relname), n.nspname, c.relname)
     FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
       AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
     ORDER BY 1 \\gexec
`,
    { database, purpose: say('counts.purpose', { database }), timeout: COUNT_TIMEOUT_SECONDS },
  );
  const pair = z.tuple([z.string(), z.number().int().nonnegative()]);
  return new Map(
    lines.map((line) => {
      const read = pair.safeParse(JSON.parse(line));
      if (!read.success) throw new InfraError(say('counts.unreadable', { database }));
      return read.data;
    }),
  );
}

/** Table by table, in the order of names; those in the manifest first. */
export function compareCounts(expected: Readonly<Record<string, number>>, found: ReadonlyMap<string, number>): TableResult[] {
  const known = Object.entries(expected).map(([table, rows]): TableResult => {
    const now = found.get(table);
    return { table, expected: rows, found: now, verdict: now === undefined ? 'missing' : now === rows ? 'equal' : 'differs' };
  });
  const extra = [...found]
    .filter(([table]) => !Object.hasOwn(expected, table))
    .map(([table, rows]): TableResult => ({ table, expected: undefined, found: rows, verdict: 'extra' }));
  const byName = (a: TableResult, b: TableResult) => (a.table < b.table ? -1 : 1);
  return [...known.sort(byName), ...extra.sort(byName)];
}

export const allEqual = (tables: readonly TableResult[]) => tables.every((table) => table.verdict === 'equal');
