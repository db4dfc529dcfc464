import { z } from 'zod';
import { resourceId, resourceName } from './compute.js';
import type { Service } from './service.js';

export interface Network {
  id: string;
  name: string;
  status: string;
  /** Leads to the internet. */
  external: boolean;
}

const networksSchema = z.object({
  networks: z.array(z.object({ id: resourceId, name: resourceName, status: z.string().max(50), 'router:external': z.boolean().optional() })).max(1000),
});

/** The networks of exactly that name that this project may use. */
export async function networksNamed(network: Service, name: string): Promise<Network[]> {
  const { networks } = await network.get('/networks', { name }, networksSchema);
  return networks.filter((one) => one.name === name).map(({ id, name: own, status, 'router:external': external }) => ({ id, name: own, status, external: external ?? false }));
}
