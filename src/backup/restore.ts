import { InfraError, messageOf } from '../errors.js';
import type { Progress } from '../progress.js';
import { allEqual, compareCounts, countRows, type TableResult } from './restore-counts.js';
import { checkTarget, createMissingRoles, dropRoles, loadDump, readGlobals } from './restore-load.js';
import { type BackupSource, checkKey } from './restore-stream.js';
import { type App, swapDatabases } from './restore-swap.js';
import { createScratch, type DatabaseTarget, dropLeftovers, dropScratch, keepScratch, runSql, scratchName } from './scratch.js';
import { lockRestores } from './scratch-lock.js';
import { say } from './words.js';

/**
 * Where the restored data goes. `scratch`: a database of its own, dropped after the comparison unless `keep`.
 * `in-place`: takes the live database's name, after `prepare` has given it what a live one must have; the old one is kept beside it.
 */
export type RestoreMode = { kind: 'scratch'; keep?: boolean } | { kind: 'in-place'; app: App; sessionLimitSeconds?: number; prepare?: (database: string) => Promise<void> };

export interface RestoreOptions extends BackupSource {
  target: DatabaseTarget;
  progress: Progress;
  mode: RestoreMode;
}

export interface RestoreReport {
  id: string;
  /** Every table of the manifest and of the restored database; all `equal`, or the restore has thrown RestoreDiffers. */
  tables: TableResult[];
  /** The name under which the restored database is now; undefined when it was dropped. */
  database: string | undefined;
  /** In place: the name under which the old database is kept, for `discardDatabase`. */
  previous: string | undefined;
  /** Roles that did not exist and were created for good. */
  rolesCreated: string[];
}

function verdictText(verdict: TableResult['verdict']): string {
  const text = { equal: () => say('verdict.equal'), differs: () => say('verdict.differs'), missing: () => say('verdict.missing'), extra: () => say('verdict.extra') };
  return text[verdict]();
}

/** The restored rows are not those of the backup. */
export class RestoreDiffers extends InfraError {
  override readonly name = 'RestoreDiffers';

  constructor(
    id: string,
    readonly tables: TableResult[],
  ) {
    const wrong = tables.filter((table) => table.verdict !== 'equal');
    const lines = wrong.slice(0, 20).map(({ table, verdict, expected, found }) => say('differs.table', { table, verdict: verdictText(verdict), expected: expected ?? say('differs.none'), found: found ?? say('differs.none') }));
    super(say('differs', { id, wrong: wrong.length, all: tables.length, lines: lines.join('\n') }), {
      hints: [say('olderBackup')],
    });
  }
}

/**
 * Restores a backup and proves it by the row count of every table. This computer downloads, decrypts and decompresses;
 * the server's psql gets plain SQL through its standard input. The live database is not touched before the swap of an
 * in-place restore. A failed scratch database is dropped. Throws InfraError of many kinds; see docs/restore.md.
 */
export async function restoreBackup(options: RestoreOptions): Promise<RestoreReport> {
  checkKey(options);
  const { target, manifest, progress } = options;
  await checkTarget(target, manifest);
  const lock = await lockRestores(target);
  const signal = AbortSignal.any([lock.lost, ...(options.signal ? [options.signal] : [])]);
  try {
    const left = await dropLeftovers(target);
    if (left.length > 0) progress.note(say('restore.dropped', { names: left.join(', ') }));
    return await restoreBeside({ ...options, signal });
  } finally {
    await lock.release();
  }
}

async function restoreBeside(options: RestoreOptions): Promise<RestoreReport> {
  const { target, manifest, progress, mode } = options;
  const name = scratchName(manifest.id);
  const globals = await readGlobals(options);
  await createScratch(target, name);
  const bare = mode.kind === 'scratch';
  let roles: string[] = [];
  try {
    roles = await createMissingRoles(target, globals, bare);
    await loadDump(options, target, name, progress);
    progress.update(say('restore.counting'));
    const tables = compareCounts(manifest.database.rowCounts, await countRows(target, name));
    if (!allEqual(tables)) throw new RestoreDiffers(manifest.id, tables);
    const report = { id: manifest.id, tables, rolesCreated: bare && mode.keep !== true ? [] : roles };
    if (mode.kind === 'scratch') {
      if (mode.keep === true) {
        await keepScratch(target, name);
        return { ...report, database: name, previous: undefined };
      }
      await cleanUp(target, name, roles);
      return { ...report, database: undefined, previous: undefined };
    }
    options.signal?.throwIfAborted();
    progress.update(say('restore.statistics'));
    await runSql(target, 'ANALYZE;', { database: name, purpose: say('restore.analyze', { name }), timeout: 3600 });
    await mode.prepare?.(name);
    const previous = await swapDatabases(target, name, { ...mode, progress });
    return { ...report, database: target.access.database, previous };
  } catch (error) {
    await cleanUp(target, name, bare ? roles : []).catch((failure: unknown) => {
      progress.warn(say('restore.notDropped', { name, why: messageOf(failure) }));
    });
    throw error;
  }
}

async function cleanUp(target: DatabaseTarget, name: string, roles: readonly string[]): Promise<void> {
  await dropScratch(target, name);
  await dropRoles(target, roles);
}
