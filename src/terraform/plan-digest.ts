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
  /** Why it must go, where no field says so: its making broke off, or somebody asked for it. */
  because?: 'half-made' | 'asked';
}

/** What a plan does to a site that is there: its server is made anew, loses its disks for a while, is resized, or a door is closed. */
export type Outage = 'server-replaced' | 'disks-detached' | 'server-resized' | 'doors-closed';

export interface PlanDigest {
  entries: DigestEntry[];
  /** Things with data in them that this plan would destroy or replace: each one's name has to be typed first. */
  dataLost: DigestEntry[];
  /** How it takes down what stands; the worst first. */
  outages: Outage[];
  /** The provider's ids of the servers that it takes away, or takes disks from: they must be off before. */
  servers: string[];
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
const OUTAGES: readonly Outage[] = ['server-replaced', 'disks-detached', 'server-resized', 'doors-closed'];
/** What it means for the site when one of these goes. */
const GOING: Partial<Record<ResourceKind, Outage>> = { server: 'server-replaced', attachment: 'disks-detached', firewall: 'doors-closed', 'firewall-rule': 'doors-closed' };
/** Where the id of the server stands. */
const SERVER_IN: Readonly<Record<string, string>> = { openstack_compute_instance_v2: 'id', openstack_compute_volume_attach_v2: 'instance_id' };
const REASONS: Readonly<Record<string, DigestEntry['because']>> = { replace_because_tainted: 'half-made', replace_by_request: 'asked' };
const ORDER: readonly DigestAction[] = ['destroy', 'replace', 'forget', 'change', 'create'];

/** What `terraform show -json PLANFILE` says, as a person wants to know it: what is lost first. Throws InfraError for anything but a whole plan. */
export function digestPlan(text: string): PlanDigest {
  const changes = parsePlan(text);
  const entries = changes.flatMap((change) => entryOf(change)).sort((one, other) => ORDER.indexOf(one.action) - ORDER.indexOf(other.action));
  const outagesThere = new Set(entries.map((entry) => outageOf(entry)));
  return {
    entries,
    dataLost: entries.filter((entry) => entry.holdsData && goes(entry)),
    outages: OUTAGES.filter((outage) => outagesThere.has(outage)),
    servers: [...new Set(changes.flatMap((change) => serverOf(change)))],
  };
}

function goes({ action }: Pick<DigestEntry, 'action'>): boolean {
  return action === 'destroy' || action === 'replace';
}

function outageOf(entry: DigestEntry): Outage | undefined {
  const { kind, action, fields } = entry;
  if (kind === 'server' && action === 'change') return fields.some(({ field }) => field === 'flavor_name') ? 'server-resized' : undefined;
  return goes(entry) ? GOING[kind] : undefined;
}

/** The server that loses something by this change: itself, or a disk. */
function serverOf({ type, change }: ResourceChange): string[] {
  const field = SERVER_IN[type];
  const action = ACTION[change.actions];
  if (field === undefined || action === undefined || !goes({ action })) return [];
  const id = plain(change.before?.[field]);
  return id === undefined ? [] : [id];
}

function entryOf(resource: ResourceChange): DigestEntry[] {
  const { address, mode, type, name, change } = resource;
  const action = ACTION[change.actions];
  if (action === undefined || mode === 'data') return [];
  const known = BY_TYPE[type] ?? BY_ADDRESS[address] ?? { kind: 'other' };
  // The name that it has now is the one that a person knows.
  const called = plain((change.before ?? change.after)?.['name']);
  const fields = action === 'change' || action === 'replace' ? changedFields(resource, known.fields ?? []) : [];
  const because = REASONS[resource.action_reason ?? ''];
  return [{ action, kind: known.kind, name: called ?? name, address: plain(address) ?? name, holdsData: known.holdsData === true, fields, ...(because && { because }) }];
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
