import { bucketStep } from '../backup/bucket-step.js';
import { openFromHere, type OpenStore, withStore } from '../backup/access.js';
import { timeOfBackupId } from '../backup/layout.js';
import { newestBackup } from '../backup/list.js';
import { RESTORE_TEST_DOCUMENT, restoreTestSchema } from '../backup/restore-test.js';
import { describeSeen, lookAtCertificate } from '../certificates/handshake.js';
import { siteHosts } from '../dns/names.js';
import type { Host } from '../edges/command.js';
import { EXIT, type ExitCode, InfraError } from '../errors.js';
import { RECOVERY_KEY_DOCUMENT, recoveryKeySchema } from '../keys/recovery/recovery-key.js';
import { describeCopy, newestCopy } from '../keys/recovery/copies.js';
import { REHEARSAL_DOCUMENT, rehearsalsSchema } from '../keys/recovery/rehearsal.js';
import { luksStatus, type LuksReport } from '../luks/status.js';
import { VOLUME_LIST } from '../luks/volumes.js';
import { baselineStep } from '../server/baseline.js';
import { dockerStep } from '../server/docker.js';
import { portsStep } from '../server/ports-step.js';
import { serverReadyStep } from '../server/ready.js';
import { type Upkeep, upkeepOf } from '../server/upkeep.js';
import { backupPrefix, storageAccess } from '../setup/backups.js';
import type { Context } from '../setup/context.js';
import { stackStatus } from '../stack/operate.js';
import { siteStep } from '../stack/site-step.js';
import type { Step } from '../step.js';
import { bytes, duration } from '../ui/format.js';
import { exitCodeOf, type Finding, line } from './findings.js';
import { say } from './doctor-words.js';
import type { Invocation } from './invocation.js';
import { withInstallation } from './open.js';
import { print } from './print.js';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** A backup is made every night. */
const BACKUP_LATE = 30 * HOUR;
const BACKUP_OLD = 3 * DAY;
/** Security updates are looked for daily. */
const UPDATES_LATE = 3 * DAY;
const UPDATES_OLD = 8 * DAY;
/** A restore is tried every month, a rehearsal of the sheets every year. */
const RESTORE_LATE = 45 * DAY;
const REHEARSAL_LATE = 400 * DAY;
/** Let's Encrypt's last 90 days and are renewed 30 before. */
const CERTIFICATE_LATE = 25 * DAY;
const CERTIFICATE_SHORT = 7 * DAY;
const CLOCK_SECONDS = 60;

export type Examined = Pick<Context, 'name' | 'state' | 'config' | 'tls' | 'target' | 'reporter' | 'server' | 'machine'>;

export interface Examination {
  findings: Finding[];
  /** 3 when the server cannot be reached, 5 when a volume is locked, 4 for anything else that is missing. */
  exitCode: ExitCode;
}

/** `doctor --installation NAME`: this computer, then the server and all that belongs to it. Changes nothing. */
export async function doctorInstallation(invocation: Invocation, here: readonly Finding[]): Promise<ExitCode> {
  const { installation, findings, exitCode } = await withInstallation(invocation, {}, async (context) => ({ installation: context.name, ...(await examine(context)) }));
  const all = [...here, ...findings];
  print(invocation, { installation, findings: all }, () => all.map(line).join('\n'));
  return exitCode === EXIT.ok ? exitCodeOf(here) : exitCode;
}

/** Every look is made, whatever the others find: what cannot be looked at is a finding. */
export async function examine(context: Examined, { open = openFromHere, now = Date.now }: { open?: OpenStore; now?: () => number } = {}): Promise<Examination> {
  const { reporter } = context;
  const findings: Finding[] = [];
  async function look<T>(what: string, work: () => Promise<T>): Promise<T | undefined> {
    reporter.update(say('doctor.looking', { what }));
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof InfraError)) throw error;
      findings.push(missing(what, error.message, error.hints));
      return undefined;
    }
  }
  async function checked(step: Step): Promise<void> {
    await look(step.title, async () => {
      findings.push(await findingOf(step));
    });
  }

  const server = await look(say('doctor.ssh'), () => reached(context, findings));
  const kept = server && (await look(say('doctor.upkeep'), () => upkeepOf(server, VOLUME_LIST.map(({ mountPoint }) => mountPoint))));
  const clocks = { server: kept?.clock === undefined ? undefined : kept.clock - now() / 1000, storage: undefined as number | undefined };
  let volumes: LuksReport | undefined;
  if (server) {
    const on = { server: () => Promise.resolve(server), progress: reporter };
    await checked(serverReadyStep(on));
    await checked(baselineStep(on));
    if (kept) findings.push(...upkeepFindings(kept, now() / 1000));
    volumes = await look(say('doctor.volumes'), () => luksStatus(server, context.state));
    if (volumes) findings.push(...volumeFindings(volumes));
    await checked(dockerStep(on));
    await look(say('doctor.services'), () => services(server, findings));
  }
  await checked(portsStep({ machine: context.machine, tls: context.tls !== 'none', progress: reporter, timeoutSeconds: 5 }));
  await checked(siteStep({ machine: context.machine, domain: context.config.domain, www: context.config.www, tls: context.tls, progress: reporter }));
  if (context.tls !== 'none') await look(say('doctor.certificates'), () => certificates(context, findings, now()));
  await checked(bucketStep({ access: () => storageAccess(context), prefix: backupPrefix(context), create: false, progress: reporter, open }));
  await look(say('doctor.backup'), async () => {
    clocks.storage = await backup(context, open, findings, now());
  });
  findings.push(...clockFindings(clocks), await restoreFinding(context, now()), await recoveryFinding(context, now()));
  reporter.clear();
  return { findings, exitCode: exitCodeFor(findings, server === undefined, volumes) };
}

function exitCodeFor(findings: readonly Finding[], unreachable: boolean, volumes: LuksReport | undefined): ExitCode {
  if (unreachable) return EXIT.failed;
  if (volumes?.overall === 'locked') return EXIT.locked;
  return findings.some(({ ok, optional }) => !ok && !optional) ? EXIT.degraded : EXIT.ok;
}

function fine(what: string, found: string): Finding {
  return { what, ok: true, optional: false, found };
}

function note(what: string, found: string, ...fixes: readonly string[]): Finding {
  return { ...missing(what, found, fixes), optional: true };
}

function missing(what: string, found: string, fixes: readonly string[]): Finding {
  return { what, ok: false, optional: false, found, ...(fixes.length === 0 ? {} : { fix: fixes.join(' · ') }) };
}

/** As set-up sees it: what it would do is what is missing. */
async function findingOf(step: Step): Promise<Finding> {
  const found = await step.check();
  if (found.state === 'done') return fine(step.title, found.detail ?? say('doctor.asItMust'));
  return found.state === 'blocked' ? missing(step.title, found.reason, found.hints) : missing(step.title, found.changes.join('; '), ['koprogo-infra setup']);
}

async function reached({ server, machine }: Examined, findings: Finding[]): Promise<Host> {
  const host = await server();
  const { user, host: address, port } = (await machine()).address;
  findings.push(fine(say('doctor.ssh'), say('doctor.reached', { user, address, port })));
  return host;
}

function upkeepFindings(kept: Upkeep, now: number): Finding[] {
  const places = ['/', ...VOLUME_LIST.map(({ mountPoint }) => mountPoint)];
  return [...places.map((place) => diskFinding(place, kept)), ...memoryFinding(kept), rebootFinding(kept), unitsFinding(kept), updatesFinding(kept, now)];
}

function diskFinding(place: string, { disks }: Upkeep): Finding {
  const what = say('doctor.disk', { place });
  const disk = disks.find((one) => one.place === place);
  if (!disk || disk.total === 0) return missing(what, say('doctor.notMounted'), ['koprogo-infra luks status']);
  const share = disk.free / disk.total;
  const found = say('doctor.free', { free: bytes(disk.free * 1024), total: bytes(disk.total * 1024) });
  if (share >= 0.15) return fine(what, found);
  const fixes = [`koprogo-infra ssh -- sudo du -xh --max-depth=2 ${place}`, ...(place === '/' ? ['koprogo-infra ssh -- sudo journalctl --vacuum-size=200M'] : [])];
  return share < 0.05 ? missing(what, found, fixes) : note(what, found, ...fixes);
}

function memoryFinding({ memory }: Upkeep): Finding[] {
  if (!memory || memory.total === 0) return [];
  const found = say('doctor.free', { free: bytes(memory.available * 1024), total: bytes(memory.total * 1024) });
  return [memory.available / memory.total >= 0.1 ? fine(say('doctor.memory'), found) : note(say('doctor.memory'), found, 'koprogo-infra ssh -- sudo docker stats --no-stream')];
}

function rebootFinding({ reboot }: Upkeep): Finding {
  if (!reboot) return fine(say('doctor.reboot'), say('doctor.none'));
  return note(say('doctor.reboot'), say('doctor.rebootFor', { names: reboot.join(', ') || '-' }), say('doctor.rebootFix'), 'koprogo-infra ssh -- sudo systemctl reboot', 'koprogo-infra luks status');
}

function unitsFinding({ failedUnits }: Upkeep): Finding {
  const [first] = failedUnits;
  if (first === undefined) return fine(say('doctor.units'), say('doctor.none'));
  return missing(say('doctor.units'), failedUnits.join(', '), [`koprogo-infra ssh -- systemctl status ${first}`]);
}

function updatesFinding({ updated }: Upkeep, now: number): Finding {
  const what = say('doctor.updates');
  const fix = 'koprogo-infra ssh -- systemctl status apt-daily-upgrade.timer apt-daily-upgrade.service';
  if (updated === undefined) return note(what, say('doctor.neverUpdated'), fix);
  const found = ago(now - updated);
  if (now - updated <= UPDATES_LATE) return fine(what, found);
  return now - updated > UPDATES_OLD ? missing(what, found, [fix]) : note(what, found, fix);
}

function volumeFindings({ volumes, problems, dockerGate }: LuksReport): Finding[] {
  const each = volumes.map(({ name, verdict, mountedOn, problems: own }) => {
    const what = say('doctor.volume', { name });
    if (verdict === 'healthy') return fine(what, say('doctor.volumeOpen', { place: mountedOn ?? '-' }));
    if (verdict === 'locked') return missing(what, say('doctor.locked'), ['koprogo-infra luks unlock']);
    return missing(what, own.join('; ') || verdict, ['koprogo-infra luks status', 'koprogo-infra setup']);
  });
  const gate = say('doctor.gate');
  return [...each, dockerGate.inPlace ? fine(gate, say('doctor.asItMust')) : missing(gate, say('doctor.noGate'), ['koprogo-infra setup']), ...problems.map((problem) => note(say('doctor.volumes'), problem, 'koprogo-infra luks status'))];
}

async function services(server: Host, findings: Finding[]): Promise<void> {
  for (const { service, state, health, ok } of await stackStatus(server)) {
    const what = say('doctor.service', { service });
    const found = health === 'none' ? state : `${state}, ${health}`;
    findings.push(ok ? fine(what, found) : missing(what, found, [`koprogo-infra stack logs ${service}`, `koprogo-infra stack restart ${service}`]));
  }
}

async function certificates({ machine, config }: Examined, findings: Finding[], now: number): Promise<void> {
  const { web } = await machine();
  for (const name of siteHosts(config.domain, config.www)) {
    const seen = await lookAtCertificate({ host: web.host, port: web.https, name });
    const [what, fix] = [say('doctor.certificate', { name }), 'koprogo-infra stack logs traefik'];
    if (seen.state !== 'trusted') {
      findings.push(missing(what, describeSeen(seen), ['koprogo-infra setup', fix]));
      continue;
    }
    const [found, left] = [say('doctor.ends', { date: seen.until.toISOString().slice(0, 10) }), (seen.until.getTime() - now) / 1000];
    findings.push(left > CERTIFICATE_LATE ? fine(what, found) : left > CERTIFICATE_SHORT ? note(what, found, fix) : missing(what, found, [fix]));
  }
}

/** How far this computer's clock is ahead of the storage's, in seconds. */
async function backup(context: Examined, open: OpenStore, findings: Finding[], now: number): Promise<number | undefined> {
  return withStore(open, await storageAccess(context), async (store) => {
    const newest = await newestBackup(store, backupPrefix(context));
    const made = newest && timeOfBackupId(newest.id);
    const [what, seconds] = [say('doctor.backup'), made ? (now - made.getTime()) / 1000 : 0];
    const fixes = ['koprogo-infra backup run', 'koprogo-infra ssh -- systemctl status koprogo-backup.timer koprogo-backup.service'];
    if (!made) findings.push(missing(what, say('doctor.none'), fixes));
    else findings.push(seconds <= BACKUP_LATE ? fine(what, ago(seconds)) : seconds > BACKUP_OLD ? missing(what, ago(seconds), fixes) : note(what, ago(seconds), ...fixes));
    return store.clockAhead();
  });
}

/** `server`: how far its clock is ahead of this computer's; `storage`: how far this computer's is ahead of that. */
function clockFindings({ server, storage }: { server: number | undefined; storage: number | undefined }): Finding[] {
  const off = (what: string, seconds: number | undefined, fix: string): Finding[] => {
    if (seconds === undefined) return [];
    const found = say('doctor.off', { seconds: Math.round(seconds) });
    return [Math.abs(seconds) <= CLOCK_SECONDS ? fine(what, found) : missing(what, found, [fix])];
  };
  return [...off(say('doctor.serverClock'), server, 'koprogo-infra ssh -- timedatectl'), ...off(say('doctor.storageClock'), storage === undefined ? undefined : -storage, 'timedatectl')];
}

async function restoreFinding({ state }: Examined, now: number): Promise<Finding> {
  const test = await state.get(RESTORE_TEST_DOCUMENT, restoreTestSchema);
  const what = say('doctor.restore');
  if (!test) return note(what, say('doctor.notTried'), 'koprogo-infra backup restore');
  const seconds = (now - Date.parse(test.at)) / 1000;
  return seconds <= RESTORE_LATE ? fine(what, ago(seconds)) : note(what, ago(seconds), 'koprogo-infra backup restore');
}

/** Where copies lie nobody can see from here: only whether some were made, and tried. */
async function recoveryFinding({ state }: Examined, now: number): Promise<Finding> {
  const what = say('doctor.recovery');
  if (!(await state.get(RECOVERY_KEY_DOCUMENT, recoveryKeySchema))) return missing(what, say('doctor.noRecoveryKey'), ['koprogo-infra setup']);
  const rehearsals = (await state.get(REHEARSAL_DOCUMENT, rehearsalsSchema))?.rehearsals ?? [];
  const opened = rehearsals.findLast(({ result }) => result === 'opened');
  const copy = await newestCopy(state);
  if (!opened && copy) return note(what, say('doctor.notTriedCopy', { copy: describeCopy(copy) }), 'koprogo-infra keys rehearse');
  if (!opened) return note(what, say('doctor.noCopy'), 'koprogo-infra recovery-kit --to DIRECTORY', 'koprogo-infra keys split');
  const seconds = (now - Date.parse(opened.at)) / 1000;
  return seconds <= REHEARSAL_LATE ? fine(what, say('doctor.rehearsed', { ago: ago(seconds) })) : note(what, say('doctor.rehearsed', { ago: ago(seconds) }), 'koprogo-infra keys rehearse');
}

function ago(seconds: number): string {
  if (seconds < 2 * DAY) return say('doctor.ago', { time: duration(seconds) });
  return say('doctor.daysAgo', { days: Math.floor(seconds / DAY) });
}
