import { isIPv4, isIPv6 } from 'node:net';
import { z } from 'zod';

/**
 * What templates/terraform/ovh takes and gives. The rules of its inputs are in its validation blocks, in HCL, because
 * whoever runs Terraform by hand must meet them too; here are only the shapes.
 */
export interface OvhServerVariables {
  /** Of everything that is made: "koprogo-tilleuls". */
  name: string;
  /** Exactly as in the OpenRC file: "GRA9". */
  region: string;
  /** Only where a region has several; null elsewhere. */
  availability_zone: string | null;
  image: string;
  flavor: string;
  /** The network with public addresses: "Ext-Net". */
  network: string;
  public_key: string;
  /** In GB. */
  sizes: { postgres: number; documents: number };
  volume_type: string;
}

/** Of bucket.tf, which is left out of the working folder where the backups lie elsewhere. */
export interface OvhBucketVariables {
  /** The Public Cloud project's id: 32 hexadecimal digits. */
  project: string;
  endpoint: 'ovh-eu' | 'ovh-ca' | 'ovh-us';
  /** Region of the object storage, in capitals and without a number: "GRA". */
  bucket: { name: string; region: string };
  keep_overwritten_days: number;
}

/** cloud-init's user-data: the one variable that is secret (the server's host key is in it), given beside the credentials. */
export const USER_DATA_VARIABLE = 'TF_VAR_user_data';

/** The file of the module that needs a token for the OVH API. */
export const BUCKET_FILE = 'bucket.tf';

export const SERVER_ADDRESS = 'openstack_compute_instance_v2.server';

/** What must stand before the server can be used: without its disks it is of no use. */
export const WHOLE_SERVER: readonly string[] = [
  SERVER_ADDRESS,
  'openstack_blockstorage_volume_v3.postgres',
  'openstack_blockstorage_volume_v3.documents',
  'openstack_compute_volume_attach_v2.postgres',
  'openstack_compute_volume_attach_v2.documents',
];

/** What nothing may destroy until its name was typed: addresses of the resources, all with prevent_destroy. */
export const GUARDED = {
  postgres: 'openstack_blockstorage_volume_v3.postgres',
  documents: 'openstack_blockstorage_volume_v3.documents',
  bucket: 'ovh_cloud_project_storage.backups',
} as const;
export type Guarded = keyof typeof GUARDED;

/** Terraform merges a file of this name over the others. It must be removed again after the run that it was written for. */
export const OVERRIDE_FILE = 'unguarded_override.tf';

/** The text of OVERRIDE_FILE that allows these to be destroyed, and nothing else. */
export function overrideFor(unguarded: readonly Guarded[]): string {
  const blocks = unguarded.map((one) => {
    const [type, name] = GUARDED[one].split('.');
    return `resource "${type ?? ''}" "${name ?? ''}" {\n  lifecycle {\n    prevent_destroy = false\n  }\n}\n`;
  });
  return `# Written for one run, after the names of these were typed.\n\n${blocks.join('\n')}`;
}

const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be an id of OpenStack');

/** The module's outputs. The bucket's are there only with bucket.tf. */
export const ovhOutputs = z.object({
  server: z.object({
    id: uuid,
    ipv4: z.string().refine(isIPv4, 'must be an IPv4 address'),
    ipv6: z.union([z.literal('').transform(() => undefined), z.string().refine(isIPv6, 'must be an IPv6 address')]),
  }),
  volumes: z.object({ postgres: uuid, documents: uuid }),
  bucket: z.object({ name: z.string().min(3).max(63), region: z.string().min(2).max(32), endpoint: z.url({ protocol: /^https$/ }) }).optional(),
  bucket_key: z.object({ access_key_id: z.string().min(1).max(200), secret_access_key: z.string().min(1).max(200) }).optional(),
});
export type OvhOutputs = z.infer<typeof ovhOutputs>;
