import { type PlanActions, type ResourceChange, parsePlan } from './plan-json.js';

/** What a plan does to one thing; a replacement destroys it and makes another. */
export type DigestAction = 'create' | 'change' | 'replace' | 'destroy' | 'forget';

/** What kinds of things our modules make. */
export type ResourceKind =
  | 'server' | 'volume' | 'attachment' | 'ssh-key' | 'firewall' | 'firewall-rule'
  | 'bucket' | 'bucket-rules' | 'bucket-user' | 'bucket-key' | 'bucket-policy'
  | 'sandbox-disks' | 'sandbox-server' | 'sandbox-store' | 'other';

export interface DigestField {
  field: string;
  /** Undefined where there is none, or it is not known before it is made. */
  from: string | undefined;
  to: string | undefined;
  /** This is why the thing must be replaced. */
  forcesReplacement: boolean;
}

export interface DigestEntry {
  action: DigestAction;
  kind: ResourceKind;
  /** The name that its maker or we gave it; else that in the module. */
  name: string;
  /** Terraform's address. */
  address: string;
  /** Destroying it loses what people have stored there. */
  holdsData: boolean;
  /** Of a change or a replacement, and only those that mean something to a person: never a secret. */
  fields: DigestField[];
}

export interface PlanDigest {
  entries: DigestEntry[];
  /** Things with data in them that this plan would destroy or replace: each one's name has to be typed first. */
  dataLost: DigestEntry[];
}

interface Known {
  kind: ResourceKind;
  /** Fields worth showing. */
  fields?: readonly string[];
  holdsData?: boolean;
}

const BY_TYPE: Readonly<Record<string, Known>> = {
  openstack_compute_instance_v2: { kind: 'server', fields: ['name', 'flavor_name', 'image_name', 'availability_zone', 'region', 'security_groups'] },
  openstack_blockstorage_volume_v3: { kind: 'volume', fields: ['name', 'size', 'volume_type', 'availability_zone', 'region'], holdsData: true },
  openstack_compute_volume_attach_v2: { kind: 'attachment' },
  openstack_compute_keypair_v2: { kind: 'ssh-key', fields: ['name', 'public_key'] },
  openstack_networking_secgroup_v2: { kind: 'firewall', fields: ['name'] },
  openstack_networking_secgroup_rule_v2: { kind: 'firewall-rule', fields: ['port_range_min', 'port_range_max', 'remote_ip_prefix', 'ethertype'] },
  ovh_cloud_project_storage: { kind: 'bucket', fields: ['name', 'region_name', 'versioning', 'encryption'], holdsData: true },
  ovh_cloud_project_storage_object_bucket_lifecycle_configuration: { kind: 'bucket-rules', fields: ['rules'] },
  ovh_cloud_project_user: { kind: 'bucket-user', fields: ['role_names'] },
  ovh_cloud_project_user_s3_credential: { kind: 'bucket-key' },
  ovh_cloud_project_user_s3_policy: { kind: 'bucket-policy', fields: ['policy'] },
};
/** The sandbox's resources are all of one type. */
const BY_ADDRESS: Readonly<Record<string, Known>> = {
  'terraform_data.disks': { kind: 'sandbox-disks', holdsData: true },
  'terraform_data.server': { kind: 'sandbox-server' },
  'terraform_data.object_store': { kind: 'sandbox-store' },
};

const ACTION: Readonly<Record<PlanActions, DigestAction | undefined>> = {
  'no-op': undefined,
  read: undefined,
  create: 'create',
  update: 'change',
  delete: 'destroy',
  'delete create': 'replace',
  'create delete': 'replace',
  forget: 'forget',
  'create forget': 'replace',
  'forget create': 'replace',
};
const ORDER: readonly DigestAction[] = ['destroy', 'replace', 'forget', 'change', 'create'];

/** What `terraform show -json PLANFILE` says, as a person wants to know it: what is lost first. Throws InfraError for anything but a whole plan. */
export function digestPlan(text: string): PlanDigest {
  const entries = parsePlan(text)
    .flatMap((change) => entryOf(change))
    .sort((one, other) => ORDER.indexOf(one.action) - ORDER.indexOf(other.action));
  return { entries, dataLost: entries.filter(({ action, holdsData }) => holdsData && (action === 'destroy' || action === 'replace')) };
}

function entryOf(resource: ResourceChange): DigestEntry[] {
  const { address, mode, type, name, change } = resource;
  const action = ACTION[change.actions];
  if (action === undefined || mode === 'data') return [];
  const known = BY_TYPE[type] ?? BY_ADDRESS[address] ?? { kind: 'other' };
  // The name that it has now is the one that a person knows.
  const called = plain((change.before ?? change.after)?.['name']);
  const fields = action === 'change' || action === 'replace' ? changedFields(resource, known.fields ?? []) : [];
  return [{ action, kind: known.kind, name: called ?? name, address: plain(address) ?? name, holdsData: known.holdsData === true, fields }];
}

function changedFields({ change }: ResourceChange, shown: readonly string[]): DigestField[] {
  const forcing = new Set((change.replace_paths ?? []).map(([first]) => first));
  const fields = [...new Set([...shown, ...[...forcing].filter((field) => typeof field === 'string')])];
  return fields.flatMap((field) => {
    const forcesReplacement = forcing.has(field);
    const unknown = isMarked(change.after_unknown, field);
    const before = change.before?.[field];
    const after = unknown ? undefined : change.after?.[field];
    if (!forcesReplacement && !unknown && JSON.stringify(before) === JSON.stringify(after)) return [];
    if (!forcesReplacement && unknown) return [];
    const secret = !shown.includes(field) || isMarked(change.before_sensitive, field) || isMarked(change.after_sensitive, field);
    return [{ field, from: secret ? undefined : plain(before), to: secret ? undefined : plain(after), forcesReplacement }];
  });
}

/** Whether a value, or any part of it, is marked. */
function isMarked(marks: unknown, field: string): boolean {
  if (typeof marks === 'boolean') return marks;
  const mark = (marks as Readonly<Record<string, unknown>> | undefined)?.[field];
  return mark === true || (typeof mark === 'object' && mark !== null && JSON.stringify(mark).includes('true'));
}

/** A value on one short line: providers give what others have chosen. */
function plain(value: unknown): string | undefined {
  if (value === null || value === undefined || value === '') return undefined;
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  const line = text.replace(/\p{C}+/gu, ' ');
  return line.length > 80 ? `${line.slice(0, 79)}…` : line;
}
