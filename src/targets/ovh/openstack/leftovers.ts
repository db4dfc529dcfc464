import { z } from 'zod';
import { resourceId, resourceName } from './compute.js';
import type { Service } from './service.js';

/** Something that stands in the project. */
export interface Leftover {
  kind: 'server' | 'volume' | 'attachment' | 'ssh-key' | 'firewall' | 'port';
  /** Of an attachment, the volume's; a port has its address, or its id. */
  name: string;
}

const named = z.object({ name: resourceName });
const withId = named.extend({ id: resourceId });
const servers = z.object({ servers: z.array(withId).max(2000) });
const volumes = z.object({ volumes: z.array(withId.extend({ name: resourceName.nullable(), attachments: z.array(z.object({ server_id: resourceId })).max(100) })).max(2000) });
const ports = z.object({ ports: z.array(z.object({ id: resourceId, fixed_ips: z.array(z.object({ ip_address: z.string().max(50) })).max(100).nullish() })).max(2000) });
const keys = z.object({ keypairs: z.array(z.object({ keypair: named })).max(2000) });
const groups = z.object({ security_groups: z.array(withId).max(2000) });

/**
 * What an installation called `name` may have left in the project: whatever has this name, its two data disks and
 * what they are attached to, and the ports (addresses) of servers that it had. Names are compared here, because what a service
 * makes of a name in a query differs.
 */
export async function leftovers(compute: Service, volume: Service, network: Service, name: string, serversBefore: readonly string[]): Promise<Leftover[]> {
  const of = (kind: Leftover['kind'], names: readonly (string | null)[], wanted: readonly string[] = [name]): Leftover[] =>
    names.flatMap((found) => (found !== null && wanted.includes(found) ? [{ kind, name: found }] : []));
  const disks = [`${name}-postgres`, `${name}-documents`];
  const { volumes: all } = await volume.get('/volumes/detail', { limit: '1000' }, volumes);
  return [
    ...of('server', (await compute.get('/servers', { limit: '1000' }, servers)).servers.map((one) => one.name)),
    ...of('volume', all.map((one) => one.name), disks),
    ...of('attachment', all.filter(({ attachments }) => attachments.length > 0).map((one) => one.name), disks),
    ...of('ssh-key', (await compute.get('/os-keypairs', {}, keys)).keypairs.map(({ keypair }) => keypair.name)),
    ...of('firewall', (await network.get('/security-groups', { name }, groups)).security_groups.map((one) => one.name)),
    ...(await portsOf(network, serversBefore)),
  ];
}

/** Nova makes a server's port and takes it away again; one that it forgot holds an address. It has no name, only its server's id. */
async function portsOf(network: Service, servers: readonly string[]): Promise<Leftover[]> {
  const found: Leftover[] = [];
  for (const server of servers) {
    const { ports: all } = await network.get('/ports', { device_id: server }, ports);
    found.push(...all.map(({ id, fixed_ips: addresses }): Leftover => ({ kind: 'port', name: addresses?.[0]?.ip_address ?? id })));
  }
  return found;
}
