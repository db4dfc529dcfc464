import { type Authority, authorityFor, CERTIFICATES_DOCUMENT, certificatesSchema, findHeldCertificate, holdsCertificate } from '../certificates/document.js';
import { CommandFailed, type Host, script } from '../edges/command.js';
import { InfraError, RefusedError } from '../errors.js';
import type { Progress } from '../progress.js';
import type { Secret } from '../secret.js';
import { filesThatDiffer, type ManagedFile, readFiles } from '../server/files.js';
import { apart, together } from '../server/together.js';
import { writeFiles } from '../server/write-files.js';
import type { StateStore } from '../state/store.js';
import { blocked, type Check, done, needed, type Step } from '../step.js';
import { ADMIN_EMAIL, guardAdminOnceThere, proveAdminClosed, stackAdmin } from './admin.js';
import { COMPOSE_FILE, probeStack, readStack, type Service, SERVICES, STACK_FOLDER, type StackFacts } from './containers.js';
import { describeLabel, type ImageSource, imagesOf, labelOf } from './images.js';
import { renderStack, type Tls } from './render.js';
import { ensureStackState, SECRET_PATHS, secretFiles, SECRETS_FOLDER, STACK_DOCUMENT, stackStateSchema } from './secrets.js';
import { say } from './words.js';

export interface StackOptions {
  server: () => Promise<Host>;
  state: StateStore;
  domain: string;
  www: boolean;
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
    const { stdout } = await (await server()).run(together(say('stack.look'), [readFiles(ALL_FILES), ...probeStack(domain), ...(options.tls === 'none' ? [] : [findHeldCertificate(domain)])]));
    const [fileText = '', ...rest] = apart(stdout);
    const probed = rest.join('\n');
    const facts = readStack(probed);
    const document = options.tls === 'none' ? undefined : await state.get(CERTIFICATES_DOCUMENT, certificatesSchema);
    const authority = authorityFor(domain, document, holdsCertificate(probed, domain));
    const files = await stackFiles(options, facts, authority);
    const known = await state.get(STACK_DOCUMENT, stackStateSchema);
    return {
      facts,
      authority,
      files: filesThatDiffer([...(known ? secretFiles(known) : []), ...files], fileText),
      hasSecrets: known !== undefined,
      foreignSecrets: known === undefined && SECRETS.some((path) => fileText.split('\n').some((line) => line.endsWith(` ${path}`))),
    };
  }

  return {
    id: 'stack',
    title: say('stack.title'),
    onServer: true,
    check: async () => judge(await look()),
    async apply() {
      const host = await server();
      const found = await look();
      const unmounted = MOUNTS.filter((mount) => !found.facts.mounted.has(mount));
      if (unmounted.length > 0) {
        throw new RefusedError(say('stack.unmounted', { mounts: unmounted.join(', ') }), { hints: ['koprogo-infra luks unlock'] });
      }
      if (found.foreignSecrets) throw new RefusedError(foreign(), { hints: foreignHints() });
      const secrets = await ensureStackState(state);
      const passed = secretFiles(secrets);
      await host.run({ ...script(MAKE_FOLDERS, ...Object.entries(FOLDERS).flatMap(([path, owner]) => [path, ...owner.split(' ')])), root: true, purpose: say('stack.folders') });
      const stale = new Set(found.files.map((file) => file.path));
      const wanted = [...passed, ...(await stackFiles(options, found.facts, found.authority))];
      const wrong = wanted.filter((file) => stale.has(file.path) || !found.hasSecrets);
      if (wrong.length > 0) await host.run(writeFiles(wrong));
      if (found.facts.admin !== 'safe') await startGuarded(host, options, secrets.adminPassword);
      await start(host, progress);
      await waitForRoutes(host, domain);
      await proveAdminClosed(host, domain, 'router');
    },
  };
}

interface Findings {
  facts: StackFacts;
  authority: Authority;
  files: ManagedFile[];
  hasSecrets: boolean;
  foreignSecrets: boolean;
}

const foreign = () => say('stack.foreign', { SECRETS_FOLDER });
const foreignHints = () => [
  say('stack.foreign.use'),
  say('stack.foreign.remove', { COMPOSE_FILE, SECRETS_FOLDER }),
];

async function stackFiles(options: StackOptions, facts: StackFacts, authority: Authority): Promise<ManagedFile[]> {
  const source = await options.images();
  const { compose, traefik, dynamic } = renderStack({
    domain: options.domain,
    www: options.www,
    tls: options.tls,
    ...(options.email === undefined ? {} : { email: options.email }),
    authority,
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
  if (foreignSecrets) return blocked(foreign(), ...foreignHints());
  const changes = [
    ...MOUNTS.filter((mount) => !facts.mounted.has(mount)).map((mount) => say('stack.waitMount', { mount })),
    ...(hasSecrets ? [] : [say('stack.makeSecrets')]),
    ...Object.entries(FOLDERS).filter(([path, owner]) => facts.folders.get(path) !== owner).map(([path]) => say('stack.make', { path })),
    ...files.map((file) => say('stack.write', { path: file.path })),
    ...SERVICES.flatMap((service) => serviceProblem(service, facts)),
    ...routeProblems(facts),
    ...adminProblem(facts),
  ];
  return changes.length > 0 ? needed(...changes) : done(say('stack.done', { count: SERVICES.length, images: describeLabel(facts.containers[0]?.imagesLabel ?? say('stack.unknown')) }));
}

function serviceProblem(service: string, facts: StackFacts): string[] {
  const containers = facts.containers.filter((container) => container.service === service);
  const [container] = containers;
  if (!container) return [say('stack.start', { service })];
  if (containers.length > 1) return [say('stack.second', { service })];
  if (container.hash !== facts.hashes.get(service) || container.imageId !== facts.images.get(container.image)) return [say('stack.replace', { service })];
  if (container.state !== 'running') return [say('stack.startState', { service, state: container.state })];
  return container.health === 'healthy' || container.health === 'none' ? [] : [say('stack.waitHealth', { service, health: container.health })];
}

function routeProblems({ routes }: StackFacts): string[] {
  // 301 and 308: with TLS, port 80 only redirects.
  const answered = (status: number | undefined) => status === 200 || status === 301 || status === 308;
  return [...(answered(routes?.api) ? [] : [say('stack.routeApi')]), ...(answered(routes?.site) ? [] : [say('stack.routeSite')])];
}

/** A database that does not run cannot be asked; then there is something to start already. */
function adminProblem(facts: StackFacts): string[] {
  if (facts.admin === 'safe') return [];
  if (facts.admin === 'open') return [say('stack.setAdmin', { email: ADMIN_EMAIL })];
  return facts.admin === undefined && serviceProblem('postgres', facts).length > 0 ? [] : [say('stack.guardAdmin')];
}

/**
 * KoproGo's first start gives its first administrator a published password. So nothing is routed before the guard against
 * it is in the database, which every later start then finds there.
 */
async function startGuarded(host: Host, { domain, progress }: StackOptions, password: Secret): Promise<void> {
  await host.run({ ...script(CLOSE), root: true, timeout: 120, purpose: say('stack.closeRouter') });
  await start(host, progress, ['postgres', 'backend']);
  await guardAdminOnceThere(stackAdmin(host), { password, progress });
  await proveAdminClosed(host, domain, 'backend');
}

/** The router of an earlier set-up: its container starts again whenever Docker does. */
const CLOSE = `
systemctl is-active --quiet docker.service || exit 0
docker ps -q --filter label=com.docker.compose.project=koprogo --filter label=com.docker.compose.service=traefik | xargs -r docker stop
`;

/** Files in the folders stay as they are: a database's have their own owners and modes already. */
const MAKE_FOLDERS = 'while (($#)); do install -d -o "${2%:*}" -g "${2#*:}" -m "$3" "$1"; shift 3; done';

const START_SECONDS = 900;

/** What "up" does is written to its standard error; both become one stream that is shown and, after a failure, quoted. */
const UP = `
file=$1 limit=$2
shift 2
docker compose -f "$file" config --quiet
exec docker compose --progress plain -f "$file" up --detach --wait --wait-timeout "$limit" --remove-orphans --pull never --no-build "$@" 2>&1
`;

/** Removes the containers and their network; what they hold lies in bound folders and stays. */
const RELEASE = 'docker compose -f "$1" down --remove-orphans --timeout 60 2>&1 || true; systemctl restart docker.service';

/** Without `services`, all. */
async function start(host: Host, progress: Progress, services: readonly Service[] = []): Promise<void> {
  try {
    await up(host, progress, services);
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    // After a power cut while containers started, Docker may count a port as taken by a container that is gone. Only its own restart forgets that.
    if (!error.output.stdout.includes('port is already allocated')) throw startFailed(error);
    progress.update(say('stack.portHeld'));
    await host.run({ ...script(RELEASE, COMPOSE_FILE), root: true, timeout: 600, purpose: say('stack.release') });
    await up(host, progress, services).catch((again: unknown) => {
      throw again instanceof CommandFailed ? startFailed(again) : again;
    });
  }
}

async function up(host: Host, progress: Progress, services: readonly Service[]): Promise<void> {
  await host.run({
    ...script(UP, COMPOSE_FILE, String(START_SECONDS), ...services),
    root: true,
    timeout: START_SECONDS + 120,
    purpose: say('stack.up'),
    onOutput: (text) => {
      const [, service, state] = /Container koprogo-(\w+)-1\s+(\w+)/.exec(text) ?? [];
      if (service !== undefined && state !== undefined) progress.update(say('stack.starting', { service, state: state.toLowerCase() }));
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
    await host.run({ ...script(wait, domain), timeout: 800, purpose: say('stack.reach') });
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    throw new InfraError(error.message, { hints: ['koprogo-infra stack logs traefik', 'koprogo-infra stack logs backend'], cause: error });
  }
}
