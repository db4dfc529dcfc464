import { z } from 'zod';
import { OvhApi } from '../../edges/ovh-api.js';
import { OvhApiError } from '../../edges/ovh-api-errors.js';
import { bucketRights, OVH_ENDPOINTS } from '../../edges/ovh-rights.js';
import type { OvhDocument } from './document.js';
import type { OvhOptions } from './options.js';
import { tokenOf } from './ovh-terraform.js';
import { told } from './told.js';

const users = z.array(z.object({ id: z.number().int().positive(), description: z.string().max(1000).nullish(), status: z.string().max(50).nullish() })).max(2000);
/** On their way out already. */
const GOING = ['deleted', 'deleting'];

/** What OVH's own API still shows of an installation, and what it did not let us look at, both in words. */
export interface OvhLeftovers {
  left: string[];
  unseen: string[];
}

/** The bucket, unless it stays, and its user, with whom the S3 keys go. Nothing where the backups lie elsewhere. */
export async function ovhLeftovers(options: OvhOptions, document: OvhDocument, bucketStays: boolean): Promise<OvhLeftovers> {
  const { config, endpoint } = options;
  if (config.bucket.at !== 'ovh') return { left: [], unseen: [] };
  const token = tokenOf(config);
  const { name, region } = config.bucket;
  const { project } = document;
  const api = new OvhApi({ endpoint: endpoint ?? OVH_ENDPOINTS[token.endpoint], credentials: token, rights: bucketRights(project, region) });
  const at = `/cloud/project/${encodeURIComponent(project)}`;
  const found: OvhLeftovers = { left: [], unseen: [] };

  async function look(what: string, work: () => Promise<string[]>): Promise<void> {
    try {
      found.left.push(...(await work()));
    } catch (error) {
      if (!(error instanceof OvhApiError)) throw error;
      // 404: there is nothing of the kind.
      if (error.status !== 404) found.unseen.push(told('destroy.unseen', { what, why: error.message }));
    }
  }

  const usersOf = told('left.bucketUsers', {});
  await look(usersOf, async () => {
    const all = await api.ask(usersOf, { method: 'GET', path: `${at}/user` }, users);
    // The description that bucket.tf gives.
    const own = all.filter(({ description, status }) => description === `Backups of ${document.name}` && !GOING.includes(status ?? ''));
    return own.map(({ id }) => told('left.bucketUser', { id }));
  });
  const bucket = told('left.bucket', { name });
  if (!bucketStays) {
    await look(bucket, async () => {
      await api.tell(bucket, { method: 'GET', path: `${at}/region/${encodeURIComponent(region)}/storage/${encodeURIComponent(name)}` });
      return [bucket];
    });
  }
  return found;
}
