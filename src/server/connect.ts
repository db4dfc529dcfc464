import { type Host, script, TimedOut } from '../edges/command.js';
import { type ServerAddress, SshHost, type SshIdentity, Unreachable } from '../edges/ssh.js';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { say } from './words.js';

/** Time, in milliseconds since 1970 and seconds to wait; a test brings its own. */
export interface Clock {
  now(): number;
  sleep(seconds: number): Promise<void>;
}

export const realClock: Clock = {
  now: Date.now,
  sleep: (seconds) =>
    new Promise((resolve) => {
      setTimeout(resolve, seconds * 1000);
    }),
};

export interface ConnectOptions<H extends Host> {
  address: ServerAddress;
  identity: SshIdentity;
  /** One attempt. Default: SshHost.connect. */
  connect: (address: ServerAddress, identity: SshIdentity) => Promise<H>;
  progress: Progress;
  clock?: Clock;
  /** How long to try. Default 600: a first boot under emulation takes 75 s, at a provider a few minutes. */
  timeoutSeconds?: number;
}

const PATIENCE_SECONDS = 600;
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 10;

type Defaults = Omit<ConnectOptions<SshHost>, 'connect'>;

/**
 * Connects, trying again while nothing answers. Another host key (HostKeyChanged) or a refused user key (InputError)
 * does not get better by waiting and is thrown at once. Throws Unreachable when the time is over.
 */
export function connectToServer(options: Defaults): Promise<SshHost>;
export function connectToServer<H extends Host>(options: ConnectOptions<H>): Promise<H>;
export function connectToServer(options: Defaults & Partial<ConnectOptions<Host>>): Promise<Host> {
  return connectPatiently({ connect: (address, identity) => SshHost.connect(address, identity), ...options });
}

async function connectPatiently<H extends Host>(options: ConnectOptions<H>): Promise<H> {
  const { address, identity, progress, clock = realClock, timeoutSeconds = PATIENCE_SECONDS } = options;
  const started = clock.now();
  for (let pause = FIRST_PAUSE_SECONDS; ; pause = Math.min(pause * 1.6, LONGEST_PAUSE_SECONDS)) {
    try {
      return await options.connect(address, identity);
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error;
      const waited = (clock.now() - started) / 1000;
      if (waited + pause > timeoutSeconds) {
        throw new Unreachable(say('connect.none', { user: address.user, host: address.host, port: address.port, seconds: Math.round(timeoutSeconds), message: error.message }), {
          hints: [`ssh -p ${address.port} ${address.user}@${address.host}`, say('connect.starting')],
          cause: error,
        });
      }
      progress.update(say('connect.waiting', { host: address.host, port: address.port, timeoutSeconds }));
      await clock.sleep(pause);
    }
  }
}

/**
 * Connects, then waits until the server's first boot is over: cloud-init has ended and nobody holds dpkg's locks
 * (unattended-upgrades does for minutes on a new server). Throws as `connectToServer` does, and InfraError when
 * the first boot does not end in time.
 */
export function waitForServer(options: Defaults): Promise<SshHost>;
export function waitForServer<H extends Host>(options: ConnectOptions<H>): Promise<H>;
export async function waitForServer(options: Defaults & Partial<ConnectOptions<Host>>): Promise<Host> {
  const server = await connectToServer(options);
  await waitForFirstBoot(server, options);
  return server;
}

/** cloud-init's own exit status is not trusted: it can be an error for a server that works, so that only warns. */
const FIRST_BOOT = `
result=/run/cloud-init/result.json
if ! command -v cloud-init >/dev/null; then
  echo "cloud-init absent"
elif [ -s "$result" ]; then
  # Written when all of this boot's work has ended; asking cloud-init itself takes seconds.
  if grep -qE '"errors": \\[\\]' "$result"; then echo "cloud-init 0"; else echo "cloud-init 1"; fi
else
  status=0
  timeout "$1" cloud-init status --wait >/dev/null 2>&1 || status=$?
  echo "cloud-init $status"
fi
for lock in /var/lib/dpkg/lock-frontend /var/lib/dpkg/lock /var/lib/apt/lists/lock; do
  if [ -e "$lock" ] && grep -qE ":$(stat -c %i "$lock") [0-9]+ (EOF|[0-9]+)$" /proc/locks; then echo "locked $lock"; fi
done
`;
/** How long one look may take while cloud-init is still working. */
const LOOK_SECONDS = 20;

/** Throws InfraError when the first boot is not over in time (default 600 s). */
export async function waitForFirstBoot(
  server: Host,
  { progress, clock = realClock, timeoutSeconds = PATIENCE_SECONDS }: Pick<ConnectOptions<Host>, 'progress' | 'clock' | 'timeoutSeconds'>,
): Promise<void> {
  const started = clock.now();
  for (;;) {
    const { stdout } = await server.run({ ...script(FIRST_BOOT, String(LOOK_SECONDS)), timeout: LOOK_SECONDS + 40, purpose: say('boot.look') });
    const cloudInit = /^cloud-init (\w+)$/m.exec(stdout)?.[1];
    const locked = /^locked (\/[\w/-]+)$/m.exec(stdout)?.[1];
    const busy = cloudInit === '124' ? say('boot.cloudInit') : locked === undefined ? undefined : say('boot.locked', { locked });
    if (busy === undefined) {
      if (cloudInit !== 'absent' && cloudInit !== '0') {
        progress.warn(say('boot.error', { status: cloudInit ?? say('unknown') }));
      }
      return;
    }
    const waited = (clock.now() - started) / 1000;
    if (waited > timeoutSeconds) {
      throw new InfraError(say('boot.notOver', { seconds: Math.round(waited), busy }), {
        hints: [say('boot.hint'), say('boot.lockFile')],
        cause: new TimedOut({ argv: ['cloud-init'], purpose: say('boot.wait'), timeout: timeoutSeconds }, say('theServer')),
      });
    }
    progress.update(say('boot.waiting', { busy, timeoutSeconds }));
    await clock.sleep(5);
  }
}
