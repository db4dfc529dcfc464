import { readFile } from 'node:fs/promises';
import { findBackup, type ListedBackup, listBackups } from '../backup/list.js';
import { restoreBackup, type RestoreMode, type RestoreReport } from '../backup/restore.js';
import type { BackupSource } from '../backup/restore-stream.js';
import { runBackup } from '../backup/run.js';
import { discardDatabase } from '../backup/scratch.js';
import { verifyBackup } from '../backup/verify.js';
import { askSecret, askYesNo, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError, messageOf, RefusedError } from '../errors.js';
import { exportRecoveryKey, unlockPrivateKey } from '../keys/recovery/recovery-key.js';
import { Secret } from '../secret.js';
import { databaseTarget, withBackups } from '../setup/backups.js';
import type { Context } from '../setup/context.js';
import { guardAdmin, stackAdmin } from '../stack/admin.js';
import { startApp, stopApp } from '../stack/operate.js';
import { ensureStackState } from '../stack/secrets.js';
import { bytes, table } from '../ui/format.js';
import { flag, type Invocation, textOption } from './invocation.js';
import { withInstallation } from './open.js';
import { print } from './print.js';
import { say } from './words.js';

export async function backupRun(invocation: Invocation): Promise<ExitCode> {
  const result = await withInstallation(invocation, {}, async ({ server, reporter }) => runBackup({ server: await server(), progress: reporter }));
  print(invocation, result, () => say('backup.done', { id: result.id ?? '', size: bytes(result.storedBytes ?? 0) }));
  return EXIT.ok;
}

export async function backupList(invocation: Invocation): Promise<ExitCode> {
  const backups = await withInstallation(invocation, {}, (context) => withBackups(context, listBackups));
  print(invocation, { backups }, () => (backups.length === 0 ? say('backup.none') : table([say('backup.columns').split('|'), ...backups.map(row)])));
  return EXIT.ok;
}

function row(backup: ListedBackup): string[] {
  if (backup.state === 'incomplete') return [backup.id, bytes(backup.storedBytes), '-', '-', say('backup.incomplete', { reason: backup.reason })];
  const counts = Object.values(backup.manifest.database.rowCounts);
  return [backup.id, bytes(backup.storedBytes), String(counts.length), String(counts.reduce((sum, count) => sum + count, 0)), say('backup.complete')];
}

export async function backupRestore(invocation: Invocation): Promise<ExitCode> {
  const inPlace = flag(invocation, 'inPlace');
  const purpose = inPlace ? { purpose: 'backup restore --in-place' } : {};
  const report = await withInstallation(invocation, purpose, (context) =>
    withChosenBackup(invocation, context, async (source) => {
      if (inPlace) await agreeToReplace(invocation, source.manifest.id);
      const server = await context.server();
      const app = { stop: () => stopApp(server), start: () => startApp(server) };
      const mode: RestoreMode = inPlace ? { kind: 'in-place', app, prepare: await guardedAs(context) } : { kind: 'scratch', keep: flag(invocation, 'keep') };
      return restoreBackup({ ...source, target: await databaseTarget(context), progress: context.reporter, mode });
    }),
  );
  print(invocation, report, () => restoreText(report));
  return EXIT.ok;
}

/** A backup may be from before there was a guard against the published password, and must not become live without one. */
async function guardedAs({ state, server }: Context): Promise<(database: string) => Promise<void>> {
  const { adminPassword: password } = await ensureStackState(state);
  const where = stackAdmin(await server());
  return async (database) => {
    await guardAdmin(where, { password, database });
  };
}

async function agreeToReplace(invocation: Invocation, id: string): Promise<void> {
  if (flag(invocation, 'yes')) return;
  if (!hasTerminal()) throw new RefusedError(say('backup.notAgreed'), { hints: [`koprogo-infra backup restore ${id} --in-place --yes`] });
  const agreed = await askYesNo(say('backup.agree', { id }), false);
  if (!agreed) throw new RefusedError(say('backup.nothingChanged'));
}

function restoreText({ id, tables, database, previous }: RestoreReport): string {
  const rows = tables.map((one) => [one.table, String(one.expected ?? '-'), String(one.found ?? '-'), one.verdict === 'equal' ? say('backup.equal') : one.verdict]);
  const where = database === undefined ? say('backup.scratchDropped') : say('backup.scratchKept', { database });
  const kept = previous === undefined ? '' : say('backup.previousKept', { previous });
  return `${table([[...say('backup.restoreColumns').split('|'), ''], ...rows])}\n\n${say('backup.restored', { id, where })}${kept}`;
}

export async function backupVerify(invocation: Invocation): Promise<ExitCode> {
  const report = await withInstallation(invocation, {}, (context) =>
    withChosenBackup(invocation, context, (source) => verifyBackup({ ...source, progress: context.reporter })),
  );
  print(invocation, report, () => say('backup.whole', { id: report.id }));
  return EXIT.ok;
}

export async function backupDiscard(invocation: Invocation): Promise<ExitCode> {
  const name = invocation.arguments[0] ?? '';
  if (!flag(invocation, 'yes')) {
    if (!hasTerminal()) throw new RefusedError(say('backup.dropNotAgreed', { name }), { hints: [`koprogo-infra backup discard ${name} --yes`] });
    if (!(await askYesNo(say('backup.drop', { name }), false))) throw new RefusedError(say('backup.nothingChanged'));
  }
  await withInstallation(invocation, { purpose: 'backup discard' }, async (context) => discardDatabase(await databaseTarget(context), name));
  print(invocation, { discarded: name }, () => say('backup.dropped', { name }));
  return EXIT.ok;
}

/** Finds the backup that was asked for and opens the private key before anything is downloaded. */
function withChosenBackup<T>(invocation: Invocation, context: Context, work: (source: BackupSource) => Promise<T>): Promise<T> {
  return withBackups(context, async (store, prefix) => {
    const manifest = await findBackup(store, prefix, invocation.arguments[0] ?? 'latest');
    context.reporter.clear();
    const { armored, passphrase } = await chosenKey(invocation, context);
    const privateKey = await unlockPrivateKey(armored, passphrase, manifest.recoveryKey.fingerprint);
    return work({ store, prefix, manifest, privateKey });
  });
}

async function chosenKey(invocation: Invocation, context: Context): Promise<{ armored: Secret; passphrase: Secret | undefined }> {
  const keyFile = textOption(invocation, 'privateKey');
  const passphraseFile = textOption(invocation, 'passphraseFile');
  const typed = passphraseFile === undefined ? undefined : new Secret((await readInput(passphraseFile)).replace(/\r?\n$/, ''));
  if (keyFile === undefined) {
    const { privateKey, passphrase } = await exportRecoveryKey(context.state);
    return { armored: privateKey, passphrase: typed ?? passphrase };
  }
  const armored = new Secret(await readInput(keyFile));
  if (typed) return { armored, passphrase: typed };
  return { armored, passphrase: hasTerminal() ? await askSecret(say('backup.passphrase')) : undefined };
}

async function readInput(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(say('backup.notReadable', { path, why: messageOf(cause) }), { cause });
  }
}
