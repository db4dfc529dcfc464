import type { PlanDigest } from '../../terraform/plan-digest.js';
import { type OvhDocument, writeDocument } from './document.js';
import { OpenStack, type Region } from './openstack/openstack-client.js';
import type { OvhOptions } from './options.js';

/**
 * Terraform takes the disks from a server before it stops it, under a PostgreSQL that runs: so what a plan takes away, or takes disks
 * from, is off before. That it was switched off is stored first, so that a run that breaks off is made good by the next one.
 */
export async function switchOffFor({ servers }: PlanDigest, options: OvhOptions, document: OvhDocument): Promise<void> {
  if (servers.length === 0) return;
  await writeDocument(options.state, { ...document, switchedOff: [...servers] });
  const region = await regionOf(options);
  for (const id of servers) await region.switchOff(id, options.progress);
}

/** Starts what was switched off and still stands. */
export async function startAgain(options: OvhOptions, { switchedOff = [], ...document }: OvhDocument): Promise<void> {
  if (switchedOff.length === 0) return;
  const region = await regionOf(options);
  for (const id of switchedOff) await region.switchOn(id, options.progress);
  await writeDocument(options.state, document);
}

async function regionOf({ config, timing }: OvhOptions): Promise<Region> {
  return (await OpenStack.login(config.credentials, timing)).at(config.region);
}
