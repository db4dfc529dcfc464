import { z } from 'zod';
import { InfraError } from '../errors.js';
import type { StateStore } from '../state/store.js';
import { done, needed, type Step } from '../step.js';
import type { Progress } from '../progress.js';
import { restoreBackup } from './restore.js';
import type { BackupSource } from './restore-stream.js';
import type { DatabaseTarget } from './scratch.js';
import { say } from './words.js';

export const RESTORE_TEST_DOCUMENT = 'restore-test';

/** The newest restore test that passed; a failed one throws and is not stored over it. */
export const restoreTestSchema = z.object({
  version: z.literal(1),
  backupId: z.string(),
  result: z.literal('passed'),
  at: z.iso.datetime(),
  tables: z.number().int().nonnegative(),
  rows: z.number().int().nonnegative(),
});
export type RestoreTest = z.infer<typeof restoreTestSchema>;

export interface RestoreTestDependencies {
  state: StateStore;
  progress: Progress;
  target: () => Promise<DatabaseTarget>;
  /** Runs the work with the newest complete backup and its unlocked key; with undefined when there is none. */
  withNewest: <T>(work: (source: BackupSource | undefined) => Promise<T>) => Promise<T>;
}

/** Restores the newest backup into a scratch database, compares all row counts, and stores that it passed. Throws as `restoreBackup` does. */
export async function runRestoreTest(dependencies: RestoreTestDependencies): Promise<RestoreTest> {
  const { id, tables } = await dependencies.withNewest(async (source) => {
    if (!source) throw new InfraError(say('test.none'), { hints: ['koprogo-infra backup run'] });
    return restoreBackup({ ...source, target: await dependencies.target(), progress: dependencies.progress, mode: { kind: 'scratch' } });
  });
  const test: RestoreTest = {
    version: 1,
    backupId: id,
    result: 'passed',
    at: new Date().toISOString(),
    tables: tables.length,
    rows: tables.reduce((sum, table) => sum + (table.found ?? 0), 0),
  };
  await dependencies.state.put(RESTORE_TEST_DOCUMENT, test);
  return test;
}

/**
 * The set-up's last proof. Done when a restore has passed once: a later set-up must change nothing, and the nightly
 * backups of the meantime are tested by the monthly test, not by it.
 */
export function restoreTestStep(dependencies: RestoreTestDependencies): Step {
  return {
    id: 'restore-test',
    title: say('test.title'),
    onServer: true,
    async check() {
      const test = await dependencies.state.get(RESTORE_TEST_DOCUMENT, restoreTestSchema);
      if (!test) return needed(say('test.needed'));
      return done(say('test.done', { id: test.backupId, tables: test.tables, rows: test.rows, day: test.at.slice(0, 10) }));
    },
    async apply() {
      await runRestoreTest(dependencies);
    },
  };
}
