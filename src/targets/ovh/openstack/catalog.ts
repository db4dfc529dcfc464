import { z } from 'zod';
import { isLoopback, mayCarryPasswords } from '../openrc/openrc.js';
import { OpenStackFailed, type ServiceName } from './openstack-failed.js';
import { nearest } from '../checks/near.js';
import { say } from '../words.js';

export type RegionalService = Exclude<ServiceName, 'identity'>;

/** What a server with volumes needs in one region. */
export const REGIONAL_SERVICES: readonly RegionalService[] = ['compute', 'volume', 'network', 'image'];

/** Types in the catalog; the first that is there is taken. Block storage has had several names. */
const TYPES: Readonly<Record<RegionalService, readonly string[]>> = {
  compute: ['compute'],
  volume: ['volumev3', 'block-storage', 'block-store'],
  network: ['network'],
  image: ['image'],
};

const text = z.string().max(500);

/** The service catalog as Keystone sends it. An endpoint's URL is hostile until `endpointOf` has looked at it. */
export const catalogSchema = z
  .array(
    z.object({
      type: z.string().max(100),
      endpoints: z.array(z.object({ interface: z.string().max(50), region: text.nullish(), region_id: text.nullish(), url: z.string().max(2000) })).max(1000),
    }),
  )
  .max(500);
export type Catalog = z.infer<typeof catalogSchema>;

const REGION = /^[A-Za-z0-9._-]{1,64}$/;

function publicEndpoints(catalog: Catalog, service: RegionalService): { region: string; url: string }[] {
  for (const type of TYPES[service]) {
    const found = catalog
      .filter((entry) => entry.type === type)
      .flatMap(({ endpoints }) => endpoints)
      .filter((endpoint) => endpoint.interface === 'public')
      .map(({ region, region_id: regionId, url }) => ({ region: regionId ?? region ?? '', url }))
      .filter(({ region }) => REGION.test(region));
    if (found.length > 0) return found;
  }
  return [];
}

/** The regions where the service has a public endpoint, sorted. */
export function regionsOf(catalog: Catalog, service: RegionalService): string[] {
  return [...new Set(publicEndpoints(catalog, service).map(({ region }) => region))].sort((one, other) => one.localeCompare(other, 'en', { numeric: true }));
}

/** The regions that have everything a server with volumes needs, sorted. */
export function completeRegions(catalog: Catalog): string[] {
  const [first = [], ...others] = REGIONAL_SERVICES.map((service) => regionsOf(catalog, service));
  return first.filter((region) => others.every((regions) => regions.includes(region)));
}

/**
 * The base of a service's API in a region, without a slash at its end. `authUrl` is where the catalog came from: a catalog from
 * elsewhere must not send this program to its own computer. Throws OpenStackFailed.
 */
export function endpointOf(catalog: Catalog, service: RegionalService, region: string, authUrl: string): URL {
  const found = publicEndpoints(catalog, service).find((endpoint) => endpoint.region === region);
  if (found === undefined) {
    const near = nearest(region, completeRegions(catalog));
    throw new OpenStackFailed(say('region.noEndpoint', { service, region }), [near.length > 0 ? say('region.near', { regions: near.join(', ') }) : say('region.list', { regions: completeRegions(catalog).join(', ') })]);
  }
  const url = URL.canParse(found.url) ? new URL(found.url) : undefined;
  if (
    url === undefined ||
    !mayCarryPasswords(url) ||
    (isLoopback(url) && !isLoopback(new URL(authUrl))) ||
    [url.username, url.password, url.search, url.hash].some((part) => part !== '') ||
    !/^[\w/.~%-]*$/.test(url.pathname)
  ) {
    throw new OpenStackFailed(say('region.badEndpoint', { service, region }), [say('api.statusPage', {})]);
  }
  return new URL(url.origin + versioned(service, url.pathname.replace(/\/+$/, '')));
}

/** Neutron and Glance are in the catalog without the version of their API, most often. */
function versioned(service: RegionalService, path: string): string {
  const version = { compute: undefined, volume: undefined, network: '/v2.0', image: '/v2' }[service];
  return version === undefined || /\/v\d+(\.\d+)?$/.test(path) ? path : path + version;
}
