import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, type Host, script } from '../edges/command.js';
import { EXIT, InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { apart, together } from '../server/together.js';
import { type BackupProgress, backupProgressSchema, LAST_BACKUP_FILE, type LastBackup, lastBackupSchema, parseJson, PROGRESS_FILE } from './agent-config.js';

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
const HINT = `on the server: sudo journalctl --unit=${BACKUP_SERVICE} --lines=50`;

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

const start: Command = { ...script(START, BACKUP_SERVICE, String(RUNNING)), root: true, accept: [0, 1, RUNNING], timeout: LIMIT_SECONDS, purpose: 'make a backup' };
const readProgress: Command = { ...script('cat "$1" 2>/dev/null || true', PROGRESS_FILE), root: true, purpose: 'read the progress' };
const readResult = together('read the result of the backup', [
  { ...script(LOOK, BACKUP_SERVICE), root: true },
  { ...script('cat "$1" 2>/dev/null || true', LAST_BACKUP_FILE), root: true },
  { ...script(JOURNAL, BACKUP_SERVICE), root: true },
]);

/**
 * Makes a backup now, by the server's own unit, and waits for it. A lost connection does not end it.
 * Throws InfraError with EXIT.busy when one is running already, else with the unit's own words.
 */
export async function runBackup({ server, progress, interval = INTERVAL_MS }: RunBackupOptions): Promise<LastBackup> {
  progress.update('backup: starting');
  const ended = new AbortController();
  const watching = watch(server, progress, interval, ended.signal);
  let output;
  try {
    output = await server.run(start);
  } finally {
    ended.abort();
    await watching;
  }
  if (output.exitCode === RUNNING) throw running();
  const [look = '', resultText = '', journal = ''] = apart((await server.run(readResult)).stdout);
  const [invocation = '', status = ''] = look.split('\n');
  if (status.trim() === String(EXIT.busy)) throw running();
  const result = resultText.trim() === '' ? undefined : parseJson(resultText, lastBackupSchema, `${LAST_BACKUP_FILE} on the server`);
  // A unit that systemd did not even start (a volume that is not mounted) leaves the result of an earlier run in place.
  const ours = result?.invocation === invocation.trim() && invocation.trim() !== '' ? result : undefined;
  if (output.exitCode === 0 && ours?.outcome === 'ok') {
    for (const warning of ours.warnings) progress.warn(warning);
    return ours;
  }
  if (output.exitCode !== 0 && ours?.error) throw new InfraError(`the backup failed: ${ours.error.message}`, { hints: [...ours.error.hints, HINT] });
  throw new InfraError(`the backup failed: ${lastWords(output.stderr) || lastWords(journal) || 'the unit gives no reason'}`, { hints: [HINT] });
}

function running(): InfraError {
  return new InfraError('a backup is already running on the server', { exitCode: EXIT.busy, hints: ['wait until it has ended', `on the server: sudo journalctl --unit=${BACKUP_SERVICE} --follow`] });
}

/** Shows the progress until the signal fires. A look that fails is only a missed look: the backup does not need it. */
async function watch(server: Host, progress: Progress, interval: number, signal: AbortSignal): Promise<void> {
  for (;;) {
    const slept = await sleep(interval, true, { signal }).catch(() => false);
    if (!slept) return;
    const text = await server.run(readProgress).then(
      ({ stdout }) => stdout.trim(),
      () => '',
    );
    const state = readState(text);
    if (!state) continue;
    const { phase, bytes, estimate } = state;
    const amount = phase === 'database' ? { done: bytes, unit: 'bytes' as const, ...(estimate > bytes ? { total: estimate } : {}) } : undefined;
    progress.update(`backup: ${phase}`, amount);
  }
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
