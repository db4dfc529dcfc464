import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, type Host, script } from '../edges/command.js';
import { EXIT, InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { apart, together } from '../server/together.js';
import { type BackupProgress, backupProgressSchema, LAST_BACKUP_FILE, type LastBackup, lastBackupSchema, parseJson, PROGRESS_FILE } from './agent-config.js';
import { say } from './words.js';

export const BACKUP_SERVICE = 'koprogo-backup.service';
export const BACKUP_TIMER = 'koprogo-backup.timer';

export interface RunBackupOptions {
  server: Host;
  progress: Progress;
  /** Milliseconds between two looks at the progress. */
  interval?: number;
}

const RUNNING = 75;
const LIMIT_SECONDS = 6 * 3600 + 120;
const INTERVAL_MS = 2000;
const hint = () => say('run.journal', { BACKUP_SERVICE });

/**
 * Waits for the unit's end. systemd would join a second start to a running one; that is said instead, also to the
 * second of two who look at the same moment: hence the lock.
 */
const START = `
exec 9>/run/koprogo-backup-start
flock --nonblock 9 || exit "$2"
case $(systemctl show --property=ActiveState --value -- "$1") in activating|active|deactivating|reloading) exit "$2";; esac
systemctl reset-failed -- "$1" 2>/dev/null || true
systemctl start -- "$1"
`;

const LOOK = `
systemctl show --property=InvocationID --value -- "$1"
systemctl show --property=ExecMainStatus --value -- "$1"
`;

const JOURNAL = 'id=$(systemctl show --property=InvocationID --value -- "$1"); [ -z "$id" ] || journalctl --quiet --no-pager --output=cat --lines=15 _SYSTEMD_INVOCATION_ID="$id" || true';

const start = (): Command => ({ ...script(START, BACKUP_SERVICE, String(RUNNING)), root: true, accept: [0, 1, RUNNING], timeout: LIMIT_SECONDS, purpose: say('run.make') });
const readProgress = (): Command => ({ ...script('cat "$1" 2>/dev/null || true', PROGRESS_FILE), root: true, purpose: say('run.readProgress') });
const readResult = () =>
  together(say('run.readResult'), [
  { ...script(LOOK, BACKUP_SERVICE), root: true },
  { ...script('cat "$1" 2>/dev/null || true', LAST_BACKUP_FILE), root: true },
  { ...script(JOURNAL, BACKUP_SERVICE), root: true },
]);

/**
 * Makes a backup now, by the server's own unit, and waits for it. A lost connection does not end it.
 * Throws InfraError with EXIT.busy when one is running already, else with the unit's own words.
 */
export async function runBackup({ server, progress, interval = INTERVAL_MS }: RunBackupOptions): Promise<LastBackup> {
  progress.update(say('run.startingBackup'));
  const ended = new AbortController();
  const watching = watch(server, progress, interval, ended.signal);
  let output;
  try {
    output = await server.run(start());
  } finally {
    ended.abort();
    await watching;
  }
  if (output.exitCode === RUNNING) throw running();
  const [look = '', resultText = '', journal = ''] = apart((await server.run(readResult())).stdout);
  const [invocation = '', status = ''] = look.split('\n');
  if (status.trim() === String(EXIT.busy)) throw running();
  const result = resultText.trim() === '' ? undefined : parseJson(resultText, lastBackupSchema, say('run.resultFile', { LAST_BACKUP_FILE }));
  // A unit that systemd did not even start (a volume that is not mounted) leaves the result of an earlier run in place.
  const ours = result?.invocation === invocation.trim() && invocation.trim() !== '' ? result : undefined;
  if (output.exitCode === 0 && ours?.outcome === 'ok') {
    for (const warning of ours.warnings) progress.warn(warning);
    return ours;
  }
  if (output.exitCode !== 0 && ours?.error) throw new InfraError(say('run.failed', { why: ours.error.message }), { hints: [...ours.error.hints, hint()] });
  throw new InfraError(say('run.failed', { why: lastWords(output.stderr) || lastWords(journal) || say('run.noReason') }), { hints: [hint()] });
}

function running(): InfraError {
  return new InfraError(say('run.already'), { exitCode: EXIT.busy, hints: [say('run.wait'), say('run.follow', { BACKUP_SERVICE })] });
}

/** Shows the progress until the signal fires. A look that fails is only a missed look: the backup does not need it. */
async function watch(server: Host, progress: Progress, interval: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const slept = await sleep(interval, true, { signal }).catch(() => false);
    if (!slept) return;
    const text = await server.run(readProgress()).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
    const state = readState(text);
    if (!state) continue;
    const { phase, bytes, estimate } = state;
    const amount = phase === 'database' ? { done: bytes, unit: 'bytes' as const, ...(estimate > bytes ? { total: estimate } : {}) } : undefined;
    progress.update(say('run.phase', { phase: phaseText(phase) }), amount);
  }
}

function phaseText(phase: BackupProgress['phase']): string {
  const text = {
    starting: () => say('phase.starting'),
    counting: () => say('phase.counting'),
    roles: () => say('phase.roles'),
    configuration: () => say('phase.configuration'),
    database: () => say('phase.database'),
    manifest: () => say('phase.manifest'),
  };
  return text[phase]();
}

function readState(text: string): BackupProgress | undefined {
  if (text === '') return undefined;
  try {
    return parseJson(text, backupProgressSchema, PROGRESS_FILE);
  } catch {
    return undefined;
  }
}

function lastWords(text: string): string {
  return text
    .trim()
    .split('\n')
    .slice(-8)
    .map((line) => line.replace(/\p{Cc}+/gu, ' '))
    .join('\n');
}
