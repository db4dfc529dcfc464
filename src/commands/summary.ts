import { type Manifest, storedBytes } from '../backup/manifest.js';
import { newestBackup } from '../backup/list.js';
import { type RestoreTest, RESTORE_TEST_DOCUMENT, restoreTestSchema } from '../backup/restore-test.js';
import type { ServerAddress } from '../edges/ssh.js';
import { EXIT, type ExitCode } from '../errors.js';
import { exitCodeOf, type LuksReport, luksStatus } from '../luks/status.js';
import { withBackups } from '../setup/backups.js';
import type { Context } from '../setup/context.js';
import { type HealthResult, healthCheck } from '../stack/health.js';
import { type ServiceStatus, stackStatus } from '../stack/operate.js';
import { bytes, table } from '../ui/format.js';

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
}

/** Throws as the rooms do: a server that cannot be reached has no summary. */
export async function summarize(context: Context): Promise<Summary> {
  const { name, config, state, tls } = context;
  const machine = await context.machine();
  const server = await context.server();
  const { host, port, user } = machine.address;
  const newest = await withBackups(context, newestBackup);
  return {
    installation: name,
    target: config.target,
    server: { host, port, user },
    site: { http: `http://${machine.web.host}:${machine.web.http}`, domain: config.domain, health: await healthCheck({ machine, domain: config.domain, tls }) },
    services: await stackStatus(server),
    volumes: await luksStatus(server, state),
    backup: newest && backupOf(newest),
    restoreTest: await state.get(RESTORE_TEST_DOCUMENT, restoreTestSchema),
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
  const { server, site, services, volumes, backup, restoreTest } = summary;
  const standIn = services.find(({ imagesLabel }) => imagesLabel !== undefined && imagesLabel !== 'registry')?.imagesLabel;
  const rows = [
    ['Server', `${server.user}@${server.host}, port ${server.port}`],
    ['Site', `${site.http} for ${site.domain} and api.${site.domain}: ${site.health.answers.map(({ what, ok, problem }) => `${what} ${ok ? 'answers' : (problem ?? 'fails')}`).join(', ')}`],
    ...services.map(({ service, state, health, ok }) => ['Service', `${service}: ${ok ? 'runs' : 'DOES NOT RUN'} (${state}${health === 'none' ? '' : `, ${health}`})`]),
    ...(standIn === undefined ? [] : [['', `the images are ${standIn}: not KoproGo itself`]]),
    ...volumes.volumes.map(({ name, verdict, unlock, mountedOn }) => ['Volume', `${name}: ${verdict}, opens ${unlock === 'tpm' ? 'by the TPM' : 'by hand: koprogo-infra luks unlock'}, ${mountedOn ?? 'not mounted'}`]),
    ['Backup', backup ? `${backup.id}: ${bytes(backup.storedBytes)}, ${backup.tables} tables, compressed ${backup.ratio} : 1` : 'none yet'],
    ['Restore', restoreTest ? `of ${restoreTest.backupId} ${restoreTest.result}: ${restoreTest.tables} tables, ${restoreTest.rows} rows, all equal` : 'not tried yet'],
  ];
  return `${table(rows)}\n\nNext: koprogo-infra status · luks status · backup list · recovery-kit --to DIRECTORY (then take it off this computer)`;
}
