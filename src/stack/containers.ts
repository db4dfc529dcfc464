import { z } from 'zod';
import { type Command, type Host, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import { readTemplate } from '../server/templates.js';
import { type AdminState, probeAdmin, readAdmin } from './admin.js';
import { say } from './words.js';

export const STACK_FOLDER = '/srv/koprogo/documents/stack';
export const COMPOSE_FILE = `${STACK_FOLDER}/docker-compose.yml`;
export const SERVICES = ['traefik', 'postgres', 'backend', 'frontend'] as const;
export type Service = (typeof SERVICES)[number];

const containerSchema = z.object({
  service: z.string(),
  /** Of the service's configuration, by Compose. */
  hash: z.string(),
  imagesLabel: z.string().nullable(),
  image: z.string(),
  imageId: z.string(),
  state: z.enum(['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead']),
  health: z.enum(['none', 'starting', 'healthy', 'unhealthy']),
  startedAt: z.string(),
  restarts: z.number().int(),
  exitCode: z.number().int(),
});
export type Container = z.infer<typeof containerSchema>;

/** What the server shows of the stack. */
export interface StackFacts {
  memoryMiB: number;
  cpus: number;
  mounted: ReadonlySet<string>;
  /** "uid:gid mode" of each folder that exists. */
  folders: ReadonlyMap<string, string>;
  /** What Compose would call each service's configuration now. */
  hashes: ReadonlyMap<string, string>;
  /** The id of each image that the services name. */
  images: ReadonlyMap<string, string>;
  containers: readonly Container[];
  /** HTTP status of the API's and the site's health path through Traefik, asked on the server; 0 when nothing answered. */
  routes: { api: number; site: number } | undefined;
  /** Of the password that KoproGo publishes; undefined when the database could not be asked. */
  admin: AdminState | undefined;
}

/** Commands that only read; their outputs, one after the other, are for `readStack`. */
export function probeStack(domain: string): Pick<Command, 'argv' | 'root'>[] {
  return [{ ...script(readTemplate('compose/probe.sh'), STACK_FOLDER, domain), root: true }, probeAdmin(), listContainers()];
}

function listContainers(): Pick<Command, 'argv' | 'root'> {
  return { ...script(readTemplate('compose/containers.sh')), root: true };
}

/** Reads the output of `probeStack`. Throws InfraError when Docker says something that cannot be understood. */
export function readStack(stdout: string): StackFacts {
  const lines = stdout.split('\n');
  const all = (key: string) => lines.filter((line) => line.startsWith(`${key} `)).map((line) => line.slice(key.length + 1));
  const pairs = (key: string) => new Map(all(key).map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' ') + 1)]));
  const routes = pairs('route');
  return {
    memoryMiB: Number(all('memory')[0]),
    cpus: Number(all('cpus')[0]),
    mounted: new Set(all('mounted')),
    folders: new Map(all('folder').map((line) => /^(\S+ \S+) (.*)$/.exec(line)).map((found) => [found?.[2] ?? '', found?.[1] ?? ''])),
    hashes: pairs('hash'),
    images: pairs('image'),
    containers: all('container').map(parseContainer),
    routes: routes.size === 0 ? undefined : { api: Number(routes.get('api')), site: Number(routes.get('site')) },
    admin: readAdmin(stdout),
  };
}

function parseContainer(text: string): Container {
  try {
    return containerSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new InfraError(say('containers.strange'), { hints: [say('containers.ps')], cause });
  }
}

/** The stack's containers as they are now; none when Docker does not run. */
export async function readContainers(server: Host): Promise<readonly Container[]> {
  const { stdout } = await server.run({ ...listContainers(), purpose: say('containers.look') });
  return readStack(stdout).containers;
}
