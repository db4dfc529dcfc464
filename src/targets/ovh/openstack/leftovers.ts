import { z } from 'zod';
import { resourceId, resourceName } from './compute.js';
import type { Service } from './service.js';

/** Something that stands in the project. */
export interface Leftover {
  kind: 'server' | 'volume' | 'ssh-key' | 'firewall';
  name: string;
}

const named = z.object({ name: resourceName });
const withId = named.extend({ id: resourceId });
const servers = z.object({ servers: z.array(withId).max(2000) });
const volumes = z.object({ volumes: z.array(withId.extend({ name: resourceName.nullable() })).max(2000) });
const keys = z.object({ keypairs: z.array(z.object({ keypair: named })).max(2000) });
const groups = z.object({ security_groups: z.array(withId).max(2000) });

/**
 * What an installation called `name` may have left in the project: whatever has this name, and its two
 * data disks. Names are compared here, because what a service makes of a name in a query differs.
 */
export async function leftovers(compute: Service, volume: Service, network: Service, name: string): Promise<Leftover[]> {
  const of = (kind: Leftover['kind'], names: readonly (string | null)[], wanted: readonly string[] = [name]): Leftover[] =>
    names.flatMap((found) => (found !== null && wanted.includes(found) ? [{ kind, name: found }] : []));
  const disks = [`${name}-postgres`, `${name}-documents`];
  return [
    ...of('server', (await compute.get('/servers', { limit: '1000' }, servers)).servers.map((one) => one.name)),
    ...of('volume', (await volume.get('/volumes', { limit: '1000' }, volumes)).volumes.map((one) => one.name), disks),
    ...of('ssh-key', (await compute.get('/os-keypairs', {}, keys)).keypairs.map(({ keypair }) => keypair.name)),
    ...of('firewall', (await network.get('/security-groups', { name }, groups)).security_groups.map((one) => one.name)),
  ];
}
