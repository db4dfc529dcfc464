import { type Manifest, storedBytes } from '../backup/manifest.js';
import { newestBackup } from '../backup/list.js';
import { type RestoreTest, RESTORE_TEST_DOCUMENT, restoreTestSchema } from '../backup/restore-test.js';
import type { ServerAddress } from '../edges/ssh.js';
import { EXIT, type ExitCode } from '../errors.js';
import { exitCodeOf, type LuksReport, luksStatus, type VolumeReport } from '../luks/status.js';
import { describeCopy, newestCopy, type RecoveryCopy } from '../keys/recovery/copies.js';
import { withBackups } from '../setup/backups.js';
import type { Context } from '../setup/context.js';
import { ADMIN_EMAIL } from '../stack/admin.js';
import { type HealthAnswer, type HealthResult, healthCheck } from '../stack/health.js';
import { describeLabel } from '../stack/images.js';
import { type ServiceStatus, stackStatus } from '../stack/operate.js';
import { bytes, table } from '../ui/format.js';
import { say } from './words.js';

/** An installation at a glance. */
export interface Summary {
  installation: string;
  target: string;
  server: Omit<ServerAddress, 'hostKey'>;
  site: { http: string; domain: string; health: HealthResult };
  services: ServiceStatus[];
  volumes: LuksReport;
  /** The newest complete one. `ratio`: bytes of SQL per byte of gzip. */
  backup: { id: string; storedBytes: number; ratio: number; tables: number } | undefined;
  restoreTest: RestoreTest | undefined;
  /** Of the present recovery key, away from this computer; null when none was ever made. */
  recoveryCopy: Pick<RecoveryCopy, 'kind' | 'at'> | null;
}

/** Throws as the rooms do: a server that cannot be reached has no summary. */
export async function summarize(context: Context): Promise<Summary> {
  const { name, config, state, tls } = context;
  const machine = await context.machine();
  const server = await context.server();
  const { host, port, user } = machine.address;
  const copy = await newestCopy(state);
  const newest = await withBackups(context, newestBackup);
  return {
    installation: name,
    target: config.target,
    server: { host, port, user },
    site: { http: `http://${machine.web.host}:${machine.web.http}`, domain: config.domain, health: await healthCheck({ machine, domain: config.domain, www: config.www, tls }) },
    services: await stackStatus(server),
    volumes: await luksStatus(server, state),
    backup: newest && backupOf(newest),
    restoreTest: await state.get(RESTORE_TEST_DOCUMENT, restoreTestSchema),
    recoveryCopy: copy ? { kind: copy.kind, at: copy.at } : null,
  };
}

function backupOf(manifest: Manifest): NonNullable<Summary['backup']> {
  const { id, objects, database } = manifest;
  const dump = objects.find(({ role }) => role === 'database');
  return {
    id,
    storedBytes: storedBytes(manifest),
    ratio: dump === undefined || dump.compressedBytes === 0 ? 1 : Math.round((dump.plaintextBytes / dump.compressedBytes) * 10) / 10,
    tables: Object.keys(database.rowCounts).length,
  };
}

/** `locked` and `degraded` as the volumes are; `degraded`, too, when the site or a service does not answer. */
export function exitCodeOfSummary({ volumes, site, services }: Summary): ExitCode {
  const code = exitCodeOf(volumes);
  if (code !== EXIT.ok) return code;
  return site.health.ok && services.every(({ ok }) => ok) ? EXIT.ok : EXIT.degraded;
}

export function summaryText(summary: Summary): string {
  const { server, site, services, volumes, backup, restoreTest, recoveryCopy } = summary;
  const standIn = services.find(({ imagesLabel }) => imagesLabel !== undefined && imagesLabel !== 'registry')?.imagesLabel;
  const rows = [
    [say('status.server'), say('status.address', { address: `${server.user}@${server.host}`, port: String(server.port) })],
    [say('status.site'), say('status.siteLine', { http: site.http, domain: site.domain, answers: site.health.answers.map(answerText).join(', ') })],
    ...services.map((service) => [say('status.service'), serviceText(service)]),
    ...(standIn === undefined ? [] : [['', say('status.standIn', { label: describeLabel(standIn) })]]),
    ...volumes.volumes.map((volume) => [say('status.volume'), volumeText(volume)]),
    [say('status.backup'), backup ? say('status.backupLine', { id: backup.id, size: bytes(backup.storedBytes), tables: backup.tables, ratio: backup.ratio }) : say('status.noBackup')],
    [say('status.restore'), restoreTest ? say('status.restoreLine', { id: restoreTest.backupId, tables: restoreTest.tables, rows: restoreTest.rows }) : say('status.noRestore')],
    [say('status.login'), say('status.loginLine', { email: ADMIN_EMAIL })],
    ...(recoveryCopy ? [[say('status.copy'), describeCopy(recoveryCopy)]] : []),
  ];
  const alarm = recoveryCopy ? '' : `\n\n${say('status.noCopy')}`;
  return `${table(rows)}${alarm}\n\n${say('status.next')}`;
}

function answerText({ what, ok, problem }: HealthAnswer): string {
  const name = what === 'database' ? say('status.database') : what === 'redirect' ? say('status.redirect') : what;
  return ok ? say('status.answers', { what: name }) : `${name} ${problem ?? say('status.fails')}`;
}

function serviceText({ service, state, health, ok }: ServiceStatus): string {
  const how = health === 'none' ? state : `${state}, ${health}`;
  return ok ? say('status.runs', { service, how }) : say('status.doesNotRun', { service, how });
}

function volumeText({ name, verdict, unlock, mountedOn }: VolumeReport): string {
  const verdicts = { healthy: say('status.healthy'), degraded: say('status.degraded'), locked: say('status.locked'), absent: say('status.absent') };
  const filling = { name, verdict: verdicts[verdict], mounted: mountedOn ?? say('status.notMounted') };
  return unlock === 'tpm' ? say('status.opensByTpm', filling) : say('status.opensByHand', filling);
}
