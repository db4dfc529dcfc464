import { z } from 'zod';
import { notUnderstood } from './openstack-failed.js';
import type { Service } from './service.js';

export interface Flavor {
  id: string;
  name: string;
  vcpus: number;
  /** In MiB. */
  memory: number;
  /** Root disk in GiB; 0: as large as the image, or a volume. */
  disk: number;
}

/** How much is allowed and how much is taken; `limit` undefined: as much as there is. */
export interface Quota {
  limit: number | undefined;
  used: number;
}

export interface ComputeLimits {
  instances: Quota;
  cores: Quota;
  /** In MiB. */
  memory: Quota;
}

export interface Server {
  id: string;
  name: string;
  status: string;
}

export const resourceId = z.string().regex(/^[A-Za-z0-9_.:-]{1,100}$/);
export const resourceName = z.string().max(255);
const count = z.number().int().min(0).max(1e12);
/** OpenStack writes -1 for "no limit". */
const limit = z.number().int().min(-1).max(1e12).transform((number) => (number === -1 ? undefined : number));

const flavorsSchema = z.object({
  flavors: z.array(z.object({ id: resourceId, name: resourceName, vcpus: count, ram: count, disk: count, 'OS-FLV-DISABLED:disabled': z.boolean().optional() })).max(2000),
  flavors_links: z.array(z.object({ rel: z.string().max(50) })).max(10).optional(),
});
const limitsSchema = z.object({
  limits: z.object({
    absolute: z.object({ maxTotalInstances: limit, totalInstancesUsed: count, maxTotalCores: limit, totalCoresUsed: count, maxTotalRAMSize: limit, totalRAMUsed: count }),
  }),
});
const serversSchema = z.object({ servers: z.array(z.object({ id: resourceId, name: resourceName, status: z.string().max(50) })).max(2000) });
const zonesSchema = z.object({ availabilityZoneInfo: z.array(z.object({ zoneName: z.string().regex(/^[\w.: -]{1,100}$/), zoneState: z.object({ available: z.boolean() }) })).max(200) });

const PAGE = 500;
const MAX_PAGES = 20;

/** Every flavor that this project may use, in the order of the API; disabled ones are left out. */
export async function flavors(compute: Service): Promise<Flavor[]> {
  const found = new Map<string, Flavor>();
  let marker: string | undefined;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    // The address of the next page is in the answer, too; it is not followed, but made here.
    const answer = await compute.get('/flavors/detail', { limit: String(PAGE), ...(marker === undefined ? {} : { marker }) }, flavorsSchema);
    const before = found.size;
    for (const flavor of answer.flavors) {
      const { id, name, vcpus, ram, disk } = flavor;
      if (flavor['OS-FLV-DISABLED:disabled'] !== true) found.set(id, { id, name, vcpus, memory: ram, disk });
    }
    marker = answer.flavors.at(-1)?.id;
    const more = answer.flavors_links?.some(({ rel }) => rel === 'next') ?? false;
    if (!more || marker === undefined || found.size === before) return [...found.values()];
  }
  throw notUnderstood(compute.place, new Error(`more than ${MAX_PAGES} pages of flavors`));
}

/** The project's quota for servers, and what of it is used. */
export async function computeLimits(compute: Service): Promise<ComputeLimits> {
  const { absolute } = (await compute.get('/limits', {}, limitsSchema)).limits;
  return {
    instances: { limit: absolute.maxTotalInstances, used: absolute.totalInstancesUsed },
    cores: { limit: absolute.maxTotalCores, used: absolute.totalCoresUsed },
    memory: { limit: absolute.maxTotalRAMSize, used: absolute.totalRAMUsed },
  };
}

/** The project's servers of exactly that name. */
export async function serversNamed(compute: Service, name: string): Promise<Server[]> {
  // Nova takes the name for a regular expression.
  const pattern = `^${name.replace(/[^A-Za-z0-9_ -]/g, '[$&]')}$`;
  const { servers } = await compute.get('/servers/detail', { name: pattern, limit: '100' }, serversSchema);
  return servers.filter((server) => server.name === name);
}

/** The availability zones that take servers, sorted. */
export async function computeZones(compute: Service): Promise<string[]> {
  const { availabilityZoneInfo } = await compute.get('/os-availability-zone', {}, zonesSchema);
  return availableZones(availabilityZoneInfo);
}

export function availableZones(zones: z.infer<typeof zonesSchema>['availabilityZoneInfo']): string[] {
  return zones.filter(({ zoneState }) => zoneState.available).map(({ zoneName }) => zoneName).sort();
}

export { count, limit, zonesSchema };
