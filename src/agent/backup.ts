import { join } from 'node:path';
import { type AgentConfig, agentConfigSchema, CONFIG_FILE, describeError, LAST_BACKUP_FILE, type LastBackup, parseJson, RUNTIME_DIRECTORY } from '../backup/agent-config.js';
import { objectOf, type Manifest, storedBytes } from '../backup/manifest.js';
import { createBackup } from '../backup/pipeline.js';
import { readRegularFile, writeDurably } from '../edges/files.js';
import { openS3 } from '../edges/s3.js';
import { EXIT, type ExitCode, InfraError, messageOf } from '../errors.js';
import { lockBackups } from './lock.js';
import { ProgressFile } from './progress-file.js';

export interface BackupRun {
  configFile?: string;
  resultFile?: string;
  runtimeDirectory?: string;
  /** systemd's name of this run; "" without one. */
  invocation: string;
  signal: AbortSignal;
  /** One line for the journal: sizes, counts and ids, never a name of a person or a table. */
  log: (line: string) => void;
}

/** The subcommand `backup`. Answers with its exit code: 0 done, 6 another backup runs, 3 failed. Throws only for a bug. */
export async function runAgentBackup(run: BackupRun): Promise<ExitCode> {
  const runtime = run.runtimeDirectory ?? RUNTIME_DIRECTORY;
  const resultFile = run.resultFile ?? LAST_BACKUP_FILE;
  let lock;
  try {
    lock = await lockBackups(runtime);
  } catch (error) {
    // The result belongs to the backup that is running: it is not touched here.
    return report(run, error);
  }
  const startedAt = new Date();
  const warnings: string[] = [];
  const warn = (text: string) => {
    warnings.push(text);
    run.log(`warning: ${text}`);
  };
  const finish = (rest: Partial<LastBackup> & Pick<LastBackup, 'outcome'>): LastBackup => {
    const finishedAt = new Date();
    const seconds = Math.round((finishedAt.getTime() - startedAt.getTime()) / 100) / 10;
    return { version: 1, invocation: run.invocation, startedAt: startedAt.toISOString(), finishedAt: finishedAt.toISOString(), seconds: Math.max(0, seconds), warnings, ...rest };
  };
  try {
    if (lock.killed) warn(`an earlier backup (begun ${lock.killed.since}) was killed; what it left in the bucket is removed`);
    const manifest = await backUp(await readConfig(run.configFile ?? CONFIG_FILE), runtime, AbortSignal.any([run.signal, lock.lost]), run, warn);
    const result = finish({ outcome: 'ok', ...sizesOf(manifest) });
    await writeDurably(resultFile, `${JSON.stringify(result, undefined, 2)}\n`);
    run.log(`backup ${manifest.id} done: ${result.plaintextBytes ?? 0} bytes of database in ${result.tables ?? 0} tables, ${result.storedBytes ?? 0} bytes stored, ${result.seconds} s`);
    return EXIT.ok;
  } catch (error) {
    await writeDurably(resultFile, `${JSON.stringify(finish({ outcome: 'failed', error: describeError(error) }), undefined, 2)}\n`).catch((failure: unknown) => {
      run.log(`error: the result cannot be written to ${resultFile}: ${messageOf(failure)}`);
    });
    return report(run, error);
  } finally {
    await lock.release();
  }
}

async function backUp(config: AgentConfig, runtime: string, signal: AbortSignal, run: BackupRun, warn: (text: string) => void): Promise<Manifest> {
  const store = await openS3({ ...config.storage, from: 'server' });
  const progress = new ProgressFile(join(runtime, 'progress.json'), run.invocation);
  let phase = '';
  try {
    return await createBackup({
      config,
      store,
      signal,
      warn,
      onProgress: (state) => {
        if (state.phase !== phase) run.log(`phase: ${state.phase}`);
        phase = state.phase;
        progress.report(state);
      },
    });
  } finally {
    await progress.close();
    store.close();
  }
}

async function readConfig(file: string): Promise<AgentConfig> {
  const content = await readRegularFile(file);
  if (!content) throw new InfraError(`there is no ${file}: the volume is not mounted, or the agent was never set up`, { hints: ['on your computer: koprogo-infra setup'] });
  return parseJson(content.toString('utf8'), agentConfigSchema, file);
}

function sizesOf(manifest: Manifest): Partial<LastBackup> {
  const database = objectOf(manifest, 'database');
  return {
    id: manifest.id,
    plaintextBytes: database?.plaintextBytes ?? 0,
    compressedBytes: database?.compressedBytes ?? 0,
    storedBytes: storedBytes(manifest),
    tables: Object.keys(manifest.database.rowCounts).length,
  };
}

function report(run: BackupRun, error: unknown): ExitCode {
  const { message, hints } = describeError(error);
  run.log(`error: ${message}`);
  for (const hint of hints) run.log(`hint: ${hint}`);
  if (!(error instanceof InfraError)) {
    run.log('this is a bug in koprogo-infra');
    if (error instanceof Error && error.stack !== undefined) run.log(error.stack);
  }
  return error instanceof InfraError && error.exitCode === EXIT.busy ? EXIT.busy : EXIT.failed;
}
