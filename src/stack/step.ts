import { CommandFailed, type Host, script } from '../edges/command.js';
import { InfraError, RefusedError } from '../errors.js';
import type { Progress } from '../progress.js';
import { filesThatDiffer, type ManagedFile, readFiles } from '../server/files.js';
import { apart, together } from '../server/together.js';
import { writeFiles } from '../server/write-files.js';
import type { StateStore } from '../state/store.js';
import { blocked, type Check, done, needed, type Step } from '../step.js';
import { COMPOSE_FILE, probeStack, readStack, SERVICES, STACK_FOLDER, type StackFacts } from './containers.js';
import { type ImageSource, imagesOf, labelOf } from './images.js';
import { renderStack, type Tls } from './render.js';
import { ensureStackState, SECRET_PATHS, secretFiles, SECRETS_FOLDER, STACK_DOCUMENT, stackStateSchema } from './secrets.js';

export interface StackOptions {
  server: () => Promise<Host>;
  state: StateStore;
  domain: string;
  tls: Tls;
  /** For Let's Encrypt. */
  email?: string;
  images: () => Promise<ImageSource>;
  progress: Progress;
}

const MOUNTS = ['/srv/koprogo/postgres', '/srv/koprogo/documents'] as const;
/** Each folder's "uid:gid mode": the containers' users own what they write. */
const FOLDERS: Readonly<Record<string, string>> = {
  '/srv/koprogo/postgres/data': '999:999 700',
  '/srv/koprogo/documents/uploads': '1000:1000 700',
  '/srv/koprogo/documents/backend-logs': '1000:1000 700',
  '/srv/koprogo/documents/letsencrypt': '65532:65532 700',
  [SECRETS_FOLDER]: '0:0 700',
  [STACK_FOLDER]: '0:0 755',
  [`${STACK_FOLDER}/traefik`]: '0:0 755',
};
const PATHS = { compose: COMPOSE_FILE, traefik: `${STACK_FOLDER}/traefik/traefik.yml`, dynamic: `${STACK_FOLDER}/traefik/dynamic.yml` } as const;
const SECRETS = Object.values(SECRET_PATHS);

/** KoproGo itself: files, secrets and containers, up and healthy. Docker's restart policy brings them back after a boot. */
export function stackStep(options: StackOptions): Step {
  const { server, state, domain, progress } = options;

  async function look(): Promise<Findings> {
    const { stdout } = await (await server()).run(together('look at the stack', [readFiles(ALL_FILES), ...probeStack(domain)]));
    const [fileText = '', ...rest] = apart(stdout);
    const facts = readStack(rest.join('\n'));
    const files = await stackFiles(options, facts);
    const known = await state.get(STACK_DOCUMENT, stackStateSchema);
    return {
      facts,
      files: filesThatDiffer([...(known ? secretFiles(known) : []), ...files], fileText),
      hasSecrets: known !== undefined,
      foreignSecrets: known === undefined && SECRETS.some((path) => fileText.split('\n').some((line) => line.endsWith(` ${path}`))),
    };
  }

  return {
    id: 'stack',
    title: 'KoproGo containers',
    onServer: true,
    check: async () => judge(await look()),
    async apply() {
      const host = await server();
      const found = await look();
      const unmounted = MOUNTS.filter((mount) => !found.facts.mounted.has(mount));
      if (unmounted.length > 0) {
        throw new RefusedError(`not mounted on the server: ${unmounted.join(', ')}; the stack would write to the unencrypted disk`, { hints: ['koprogo-infra luks unlock'] });
      }
      if (found.foreignSecrets) throw new RefusedError(FOREIGN, { hints: FOREIGN_HINTS });
      const secrets = secretFiles(await ensureStackState(state));
      await host.run({ ...script(MAKE_FOLDERS, ...Object.entries(FOLDERS).flatMap(([path, owner]) => [path, ...owner.split(' ')])), root: true, purpose: "make the stack's folders" });
      const stale = new Set(found.files.map((file) => file.path));
      const wanted = [...secrets, ...(await stackFiles(options, found.facts))];
      const wrong = wanted.filter((file) => stale.has(file.path) || !found.hasSecrets);
      if (wrong.length > 0) await host.run(writeFiles(wrong));
      await start(host, progress);
      await waitForRoutes(host, domain);
    },
  };
}

interface Findings {
  facts: StackFacts;
  files: ManagedFile[];
  hasSecrets: boolean;
  foreignSecrets: boolean;
}

const FOREIGN = `the server already holds secrets of a stack in ${SECRETS_FOLDER} that this installation's state does not know`;
const FOREIGN_HINTS = [
  'use the state of the installation that made them: koprogo-infra --installation NAME setup',
  `if that stack and its data are not wanted any more, on the server: sudo docker compose -f ${COMPOSE_FILE} down && sudo rm -r ${SECRETS_FOLDER}`,
];

async function stackFiles(options: StackOptions, facts: StackFacts): Promise<ManagedFile[]> {
  const source = await options.images();
  const { compose, traefik, dynamic } = renderStack({
    domain: options.domain,
    tls: options.tls,
    ...(options.email === undefined ? {} : { email: options.email }),
    images: imagesOf(source),
    imagesLabel: labelOf(source),
    memoryMiB: facts.memoryMiB,
    cpus: facts.cpus,
  });
  return [
    { path: PATHS.compose, content: compose, mode: '0644' },
    { path: PATHS.traefik, content: traefik, mode: '0644' },
    { path: PATHS.dynamic, content: dynamic, mode: '0644' },
  ];
}

/** `readFiles` only takes the paths of these. */
const ALL_FILES: ManagedFile[] = [...Object.values(PATHS), ...SECRETS].map((path) => ({ path, content: '', mode: '' }));

function judge({ facts, files, hasSecrets, foreignSecrets }: Findings): Check {
  if (foreignSecrets) return blocked(FOREIGN, ...FOREIGN_HINTS);
  const changes = [
    ...MOUNTS.filter((mount) => !facts.mounted.has(mount)).map((mount) => `wait for ${mount} to be mounted`),
    ...(hasSecrets ? [] : ["make the stack's secrets"]),
    ...Object.entries(FOLDERS).filter(([path, owner]) => facts.folders.get(path) !== owner).map(([path]) => `make ${path}`),
    ...files.map((file) => `write ${file.path}`),
    ...SERVICES.flatMap((service) => serviceProblem(service, facts)),
    ...routeProblems(facts),
  ];
  return changes.length > 0 ? needed(...changes) : done(`${SERVICES.length} services healthy, images: ${facts.containers[0]?.imagesLabel ?? 'unknown'}`);
}

function serviceProblem(service: string, facts: StackFacts): string[] {
  const containers = facts.containers.filter((container) => container.service === service);
  const [container] = containers;
  if (!container) return [`start ${service}`];
  if (containers.length > 1) return [`remove a second container of ${service}`];
  if (container.hash !== facts.hashes.get(service) || container.imageId !== facts.images.get(container.image)) return [`replace the container of ${service}`];
  if (container.state !== 'running') return [`start ${service}, which is ${container.state}`];
  return container.health === 'healthy' || container.health === 'none' ? [] : [`wait for ${service}, which is ${container.health}`];
}

function routeProblems({ routes }: StackFacts): string[] {
  // 301 and 308: with TLS, port 80 only redirects.
  const answered = (status: number | undefined) => status === 200 || status === 301 || status === 308;
  return [...(answered(routes?.api) ? [] : ['route the API']), ...(answered(routes?.site) ? [] : ['route the site'])];
}

/** Files in the folders stay as they are: a database's have their own owners and modes already. */
const MAKE_FOLDERS = 'while (($#)); do install -d -o "${2%:*}" -g "${2#*:}" -m "$3" "$1"; shift 3; done';

const START_SECONDS = 900;

/** What "up" does is written to its standard error; both become one stream that is shown and, after a failure, quoted. */
const UP = `
docker compose -f "$1" config --quiet
exec docker compose --progress plain -f "$1" up --detach --wait --wait-timeout "$2" --remove-orphans --pull never --no-build 2>&1
`;

/** Removes the containers and their network; what they hold lies in bound folders and stays. */
const RELEASE = 'docker compose -f "$1" down --remove-orphans --timeout 60 2>&1 || true; systemctl restart docker.service';

async function start(host: Host, progress: Progress): Promise<void> {
  try {
    await up(host, progress);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // After a power cut while containers started, Docker may count a port as taken by a container that is gone. Only its own restart forgets that.
    if (!error.output.stdout.includes('port is already allocated')) throw startFailed(error);
    progress.update('Docker still holds a port from before: restarting it');
    await host.run({ ...script(RELEASE, COMPOSE_FILE), root: true, timeout: 600, purpose: 'make Docker let go of its ports' });
    await up(host, progress).catch((again: unknown) => {
      throw again instanceof CommandFailed ? startFailed(again) : again;
    });
  }
}

async function up(host: Host, progress: Progress): Promise<void> {
  await host.run({
    ...script(UP, COMPOSE_FILE, String(START_SECONDS)),
    root: true,
    timeout: START_SECONDS + 120,
    purpose: 'start the containers',
    onOutput: (text) => {
      const [, service, state] = /Container koprogo-(\w+)-1\s+(\w+)/.exec(text) ?? [];
      if (service !== undefined && state !== undefined) progress.update(`starting the containers: ${service} ${state.toLowerCase()}`);
    },
  });
}

function startFailed(error: CommandFailed): InfraError {
  const failing = /container koprogo-(\w+)-1 (?:is unhealthy|exited)/i.exec(error.output.stdout)?.[1];
  return new InfraError(error.message, {
    hints: [`koprogo-infra stack logs${failing === undefined ? '' : ` ${failing}`}`, 'koprogo-infra status'],
    cause: error,
  });
}

/** Containers are healthy by their own word; a visitor's request also needs the published port and the router. */
async function waitForRoutes(host: Host, domain: string): Promise<void> {
  const wait = `
for _ in $(seq 40); do
  code=$(curl -s -o /dev/null -m 15 -w '%{http_code}' -H "Host: api.$1" http://127.0.0.1/api/v1/health || true)
  case $code in 200 | 301 | 308) exit 0 ;; esac
  sleep 3
done
echo "http://127.0.0.1/api/v1/health for api.$1 answers $code" >&2
exit 1
`;
  try {
    await host.run({ ...script(wait, domain), timeout: 800, purpose: 'reach the API through the router' });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new InfraError(error.message, { hints: ['koprogo-infra stack logs traefik', 'koprogo-infra stack logs backend'], cause: error });
  }
}
