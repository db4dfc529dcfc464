import { CommandFailed, type Host, script } from '../edges/command.js';
import { InfraError, InputError } from '../errors.js';
import { COMPOSE_FILE, type Container, readContainers, type Service, SERVICES } from './containers.js';
import { say } from './words.js';

export interface ServiceStatus {
  service: Service;
  /** As Docker says: "running", "exited" …; "missing" when there is no container. */
  state: Container['state'] | 'missing';
  health: Container['health'];
  image: string | undefined;
  /** What the image is: "registry", or the name of a set of stand-ins. */
  imagesLabel: string | undefined;
  /** When it was last started, in UTC; undefined when it does not run. */
  runningSince: Date | undefined;
  /** How often Docker started it again since it was created. */
  restarts: number;
  /** Running, and healthy where it can say. */
  ok: boolean;
}

/** Every service of the stack. A server without Docker, or with Docker stopped, has none running. */
export async function stackStatus(server: Host): Promise<ServiceStatus[]> {
  const containers = await readContainers(server);
  return SERVICES.map((service) => {
    const container = containers.find((candidate) => candidate.service === service);
    if (!container) return { service, state: 'missing', health: 'none', image: undefined, imagesLabel: undefined, runningSince: undefined, restarts: 0, ok: false };
    const { state, health, image, imagesLabel, startedAt, restarts } = container;
    const running = state === 'running';
    return {
      service,
      state,
      health,
      image,
      imagesLabel: imagesLabel ?? undefined,
      runningSince: running ? new Date(startedAt) : undefined,
      restarts,
      ok: running && (health === 'healthy' || health === 'none'),
    };
  });
}

const MOST_LINES = 10_000;

/** The newest lines of one service's log, or of all; with `since`, none that are older. What the containers wrote, without control characters. */
export async function stackLogs(server: Host, service?: string, tail = 100, since?: Date): Promise<string> {
  const names = service === undefined ? [] : [serviceNamed(service)];
  const lines = Math.min(Math.max(Math.trunc(tail), 1), MOST_LINES);
  const { stdout } = await compose(server, ['logs', '--no-color', '--timestamps', '--tail', String(lines), ...(since === undefined ? [] : ['--since', since.toISOString()]), ...names], 120, say('operate.logs'));
  return stdout.replace(/[^\P{Cc}\n\t]/gu, '');
}

const RESTART_SECONDS = 600;

/** Restarts one service, or all, and returns when they are healthy. Gives back what then runs. */
export async function stackRestart(server: Host, service?: string): Promise<ServiceStatus[]> {
  const names = service === undefined ? [] : [serviceNamed(service)];
  await compose(server, ['restart', ...names], 300, say('operate.restart'));
  // "restart" returns when the processes run; this waits for their health, and starts what was stopped.
  await compose(server, ['up', '--detach', '--wait', '--wait-timeout', String(RESTART_SECONDS), '--pull', 'never', '--no-recreate', ...names], RESTART_SECONDS + 60, say('operate.wait'));
  return stackStatus(server);
}

/** Stops the only service that writes to the database, so that another can take its place. */
export async function stopApp(server: Host): Promise<void> {
  await compose(server, ['stop', 'backend'], 180, say('operate.stop'));
}

/** Starts what `stopApp` stopped and returns when it is healthy. */
export async function startApp(server: Host): Promise<void> {
  await compose(server, ['up', '--detach', '--wait', '--wait-timeout', String(RESTART_SECONDS), '--pull', 'never', '--no-recreate', 'backend'], RESTART_SECONDS + 60, say('operate.start'));
}

function serviceNamed(name: string): Service {
  const found = SERVICES.find((service) => service === name);
  if (found === undefined) throw new InputError(say('operate.noService', { name: name.slice(0, 40) }), { hints: [say('operate.oneOf', { names: SERVICES.join(', ') })] });
  return found;
}

/** Where the stack is not there: Docker is stopped when the volumes are locked, and then the file is out of sight as well. */
const COMPOSE = '[ -f "$1" ] || exit 66; systemctl is-active --quiet docker.service || exit 67; exec docker compose -f "$@"';
const ABSENT: Readonly<Record<number, () => string>> = {
  66: () => say('operate.noStack'),
  67: () => say('operate.noDocker'),
};

async function compose(server: Host, args: readonly string[], timeout: number, purpose: string) {
  try {
    return await server.run({ ...script(COMPOSE, COMPOSE_FILE, ...args), root: true, timeout, purpose });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const absent = ABSENT[error.output.exitCode];
    if (absent !== undefined) throw new InfraError(say('operate.absent', { purpose, absent: absent() }), { hints: ['koprogo-infra luks status', 'koprogo-infra setup'], cause: error });
    throw new InfraError(error.message, { hints: ['koprogo-infra status', 'koprogo-infra stack logs'], cause: error });
  }
}
