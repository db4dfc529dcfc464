import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LocalHost } from '../../src/edges/process.js';
import { InfraError, messageOf } from '../../src/errors.js';
import { digestPlan } from '../../src/terraform/plan-digest.js';
import { describeDigest, describeEntry } from '../../src/terraform/plan-words.js';
import { findTerraform } from '../../src/terraform/program.js';
import { failureOf } from '../fixtures/failure.js';

const program = await findTerraform(new LocalHost()).catch(messageOf);
if (typeof program === 'string') console.warn(`left out, the digest of real plans: ${program}`);
const command = typeof program === 'string' ? 'terraform' : program.command;

const PLANTED = 'planted-5d1e';
const volume = 'openstack_blockstorage_volume_v3';
interface Values {
  [name: string]: unknown;
}
function change(address: string, actions: string[], before: Values | null, after: Values | null, more: Values = {}) {
  const [type, name] = address.replace(/\[.*/, '').split('.');
  return { address, mode: 'managed', type, name, provider_name: 'x', change: { actions, before, after, after_unknown: {}, before_sensitive: {}, after_sensitive: {}, ...more } };
}
const planOf = (...changes: unknown[]) => JSON.stringify({ format_version: '1.2', terraform_version: '1.11.4', resource_changes: changes });
const wordsOf = (text: string) => digestPlan(text).entries.map((entry) => describeEntry(entry));

describe('the digest of a plan', () => {
  it('says in words what is made, and of what kind it is', () => {
    expect(wordsOf(planOf(change('openstack_compute_instance_v2.server', ['create'], null, { name: 'koprogo-tilleuls', flavor_name: 'd2-4' }), change(`${volume}.postgres`, ['create'], null, { name: 'koprogo-tilleuls-postgres' })))).toEqual([
      'create: server koprogo-tilleuls',
      'create: data disk koprogo-tilleuls-postgres',
    ]);
  });

  it('says what of it changes', () => {
    const plan = planOf(
      change(`${volume}.postgres`, ['update'], { name: 'p', size: 20, description: 'a' }, { name: 'p', size: 40, description: 'b' }),
      change('openstack_compute_instance_v2.server', ['update'], { name: 's', flavor_name: 'd2-2' }, { name: 's', flavor_name: 'd2-4' }),
    );
    expect(wordsOf(plan)).toEqual(['change: data disk p (size in GB: 20 → 40)', 'change: server s (size of the server: d2-2 → d2-4)']);
    expect(digestPlan(plan).dataLost).toEqual([]);
  });

  it.each([
    ['delete', ['delete'], null, 'destroy: data disk old-postgres'],
    ['delete first', ['delete', 'create'], { name: 'new' }, 'destroy and make anew: data disk old-postgres (name: old-postgres → new; type: classic → none, so it must be replaced)'],
    ['create first', ['create', 'delete'], { name: 'new' }, 'destroy and make anew: data disk old-postgres (name: old-postgres → new; type: classic → none, so it must be replaced)'],
  ])('names the disks whose data would be lost: %s', (_, actions, after, words) => {
    const lost = change(`${volume}.postgres`, actions, { name: 'old-postgres', volume_type: 'classic' }, after, { replace_paths: [['volume_type']] });
    const { dataLost, entries } = digestPlan(planOf(change('openstack_compute_keypair_v2.operator', ['create'], null, {}), lost));
    expect(dataLost.map(({ name, address }) => [name, address])).toEqual([['old-postgres', `${volume}.postgres`]]);
    expect(describeEntry(entries[0] ?? dataLost[0] ?? fail())).toBe(words);
  });

  it('counts a bucket, a deposed disk and the sandbox’s disks among what holds data, and a server not', () => {
    const plan = planOf(
      change('ovh_cloud_project_storage.backups', ['delete'], { name: 'backups' }, null),
      { ...change(`${volume}.postgres`, ['delete'], { name: 'deposed' }, null), deposed: '1a2b3c4d' },
      change('terraform_data.disks', ['delete'], {}, null),
      change('openstack_compute_instance_v2.server', ['delete', 'create'], { name: 's' }, { name: 's' }),
      change('openstack_networking_secgroup_rule_v2.inward["ssh.IPv4"]', ['delete'], {}, null),
    );
    expect(digestPlan(plan).dataLost.map(({ name }) => name)).toEqual(['backups', 'deposed', 'disks']);
  });

  it('says what takes the site down, the worst first, and which servers must be off before', () => {
    const server = (actions: string[], before: Values | null, after: Values | null) => change('openstack_compute_instance_v2.server', actions, before, after);
    const attached = change('openstack_compute_volume_attach_v2.postgres', ['delete', 'create'], { id: 'x/y', instance_id: 'i-1' }, {});
    const rule = change('openstack_networking_secgroup_rule_v2.inward["ssh.IPv4"]', ['delete'], {}, null);
    const replaced = digestPlan(planOf(rule, attached, { ...server(['delete', 'create'], { id: 'i-1', name: 's' }, { name: 's' }), action_reason: 'replace_because_tainted' }));
    expect([replaced.outages, replaced.servers]).toEqual([['server-replaced', 'disks-detached', 'doors-closed'], ['i-1']]);
    expect(describeDigest(replaced)).toEqual([
      expect.stringMatching(/^destroy: firewall rule/),
      expect.stringMatching(/^destroy and make anew: connection/),
      'destroy and make anew: server s (its making broke off)',
      expect.stringContaining('the server is REPLACED'),
      expect.stringContaining('data disks are taken'),
      expect.stringContaining('firewall rules go'),
    ]);
    const resized = digestPlan(planOf(server(['update'], { id: 'i-1', flavor_name: 'd2-2' }, { id: 'i-1', flavor_name: 'd2-4' })));
    expect([resized.outages, resized.servers]).toEqual([['server-resized'], []]);
    const harmless = digestPlan(planOf(server(['create'], null, {}), change(`${volume}.postgres`, ['update'], { size: 20 }, { size: 40 }), change('openstack_compute_keypair_v2.operator', ['delete', 'create'], {}, {})));
    expect([harmless.outages, harmless.servers]).toEqual([[], []]);
  });

  it('leaves out what is only read or stays as it is, and tells of what is left behind', () => {
    expect(wordsOf(planOf(change('a.b', ['no-op'], {}, {}), { ...change('c.d', ['read'], null, {}), mode: 'data' }, change(`${volume}.postgres`, ['forget'], { name: 'p' }, null)))).toEqual(['leave alone from now on: data disk p']);
    expect(digestPlan(JSON.stringify({ format_version: '1.2' })).entries).toEqual([]);
  });

  it('shows no secret, and nothing that drives a terminal', () => {
    const before = { name: 'a\u001b[31m\nb', user_data: 'old', public_key: 'x' };
    const after = { name: 'c', user_data: PLANTED, public_key: PLANTED };
    const plan = planOf(change('openstack_compute_keypair_v2.operator', ['delete', 'create'], before, after, { replace_paths: [['user_data']], after_sensitive: { public_key: true } }));
    expect(wordsOf(plan)).toEqual(['destroy and make anew: SSH key a [31m b (name: a [31m b → c; public key; first-boot data, so it must be replaced)']);
    expect(JSON.stringify(digestPlan(plan))).not.toContain(PLANTED);
  });

  it.each([
    ['rubbish', 'hello'],
    ['another format', JSON.stringify({ format_version: '2.0', resource_changes: [] })],
    ['the state instead', JSON.stringify({ format_version: '1.0', values: {}, resource_changes: {} })],
    ['an action that nobody knows', planOf(change('a.b', ['delete', 'forget'], { name: PLANTED }, null))],
    ['no action', planOf(change('a.b', [], { name: PLANTED }, null))],
    ['a list for values', planOf(change('a.b', ['delete'], [PLANTED] as unknown as Values, null))],
    ['a plan that failed', JSON.stringify({ format_version: '1.2', errored: true })],
  ])('concludes nothing from %s', async (_, text) => {
    const failure = await failureOf((async () => digestPlan(text))(), PLANTED);
    expect(failure).toBeInstanceOf(InfraError);
    expect(failure.message).toMatch(/plan (cannot be read|is not whole)/);
  });
});

const MODULE = `
variable "size" { type = number }
variable "keep" {
  type    = bool
  default = true
}
variable "word" {
  type      = string
  sensitive = true
}
resource "terraform_data" "disks" {
  triggers_replace = [var.size]
  input            = { size = var.size, word = var.word }
}
resource "terraform_data" "server" {
  count = var.keep ? 1 : 0
  input = var.size
}
`;

describe.skipIf(typeof program === 'string')('the digest of a plan that real Terraform made', { timeout: 60_000 }, () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'koprogo-plan-'));
    writeFileSync(join(folder, 'main.tf'), MODULE);
    writeFileSync(join(folder, 'empty.tfrc'), '');
    terraform('init');
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  function terraform(...argv: string[]): string {
    return execFileSync(command, argv, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, TF_CLI_CONFIG_FILE: join(folder, 'empty.tfrc'), TF_VAR_word: PLANTED } });
  }
  function plan(...argv: string[]): string {
    terraform('plan', '-input=false', '-out=plan', ...argv);
    return terraform('show', '-json', 'plan');
  }

  it('is right for making, changing, replacing and destroying', () => {
    const made = plan('-var=size=10');
    expect(wordsOf(made)).toEqual(['create: disks of the sandbox disks', 'create: resource server']);
    expect(JSON.stringify(digestPlan(made))).not.toContain(PLANTED);
    terraform('apply', '-auto-approve', 'plan');
    expect(wordsOf(plan('-var=size=10'))).toEqual([]);

    const grown = digestPlan(plan('-var=size=20'));
    expect(grown.entries.map((entry) => describeEntry(entry))).toEqual(['destroy and make anew: disks of the sandbox disks (triggers_replace, so it must be replaced)', 'change: resource server']);
    expect(grown.dataLost.map(({ address }) => address)).toEqual(['terraform_data.disks']);
    expect(JSON.stringify(grown)).not.toContain(PLANTED);

    expect(wordsOf(plan('-var=size=10', '-var=keep=false'))).toEqual(['destroy: resource server']);
    expect(wordsOf(plan('-var=size=10', '-replace=terraform_data.server[0]'))).toEqual(['destroy and make anew: resource server (as was asked for)']);
    expect(digestPlan(plan('-destroy', '-var=size=10')).dataLost).toHaveLength(1);
  });
});

function fail(): never {
  throw new Error('nothing to describe');
}
