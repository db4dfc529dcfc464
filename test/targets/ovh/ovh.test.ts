import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DnsResolver, ResolverFor } from '../../../src/dns/name-servers.js';
import { InfraError, InputError, RefusedError } from '../../../src/errors.js';
import { machineSchema } from '../../../src/machine.js';
import { Secret } from '../../../src/secret.js';
import type { Step } from '../../../src/step.js';
import type { StateStore } from '../../../src/state/store.js';
import type { OvhConfig } from '../../../src/targets/ovh/config.js';
import { GUARDED, SERVER_ADDRESS } from '../../../src/targets/ovh/module.js';
import { createOvh, type OvhOptions } from '../../../src/targets/ovh/ovh.js';
import { speak } from '../../../src/words.js';
import { APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, type OvhServer, startOvh } from '../../fixtures/ovh-api.js';
import { RecordingReporter } from '../../fixtures/reporter.js';
import { testStore } from '../../fixtures/store.js';
import { TerraformStandIn } from '../../fixtures/terraform-stand-in.js';
import { OpenStackStandIn } from './openstack/openstack-server.js';

const ID = '0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9';
const OUTPUTS = {
  server: { id: ID, ipv4: '203.0.113.7', ipv6: '' },
  volumes: { postgres: `1${ID.slice(1)}`, documents: `2${ID.slice(1)}` },
  bucket: { name: 'koprogo-tilleuls', region: 'gra', endpoint: 'https://s3.gra.io.cloud.ovh.net' },
  bucket_key: { access_key_id: 'ACCESS', secret_access_key: 'planted-s3-secret' },
};
const ATTACHED = 'openstack_compute_volume_attach_v2.postgres';

describe('the target ovh', { timeout: 60_000 }, () => {
  let directory: string;
  let cloud: OpenStackStandIn;
  let ovh: OvhServer;
  let terraform: TerraformStandIn;
  let state: StateStore;
  let reporter: RecordingReporter;
  /** What was asked before a site went down; `refusing`: nobody agrees. */
  let outages: { server: string; replaced: boolean }[];
  let refusing: boolean;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'koprogo-ovh-target-'));
    cloud = await OpenStackStandIn.start();
    ovh = await startOvh();
    ovh.zones = ['example.be'];
    terraform = new TerraformStandIn();
    terraform.outputs = OUTPUTS;
    state = (await testStore()).documents('tilleuls');
    reporter = new RecordingReporter();
    [outages, refusing] = [[], false];
  });
  afterEach(async () => {
    speak('en');
    cloud.stop();
    await ovh.stop();
    await rm(directory, { recursive: true, force: true });
  });

  /** Name servers that answer with what OVH has published. */
  const published: ResolverFor = () => {
    const missing = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));
    const find = (host: string, type: string) => {
      if (host === 'ns.example.net') return type === 'A' ? Promise.resolve(['192.0.2.1']) : missing('ENODATA');
      const found = ovh.published.filter(({ subDomain, fieldType }) => fieldType === type && (subDomain === '' ? 'example.be' : `${subDomain}.example.be`) === host);
      return found.length > 0 ? Promise.resolve(found.map(({ target }) => target)) : missing('ENODATA');
    };
    const resolver = { resolve4: (host: string) => find(host, 'A'), resolve6: (host: string) => find(host, 'AAAA'), resolveCname: (host: string) => find(host, 'CNAME') };
    return { ...resolver, resolveNs: (host: string) => (host === 'example.be' ? Promise.resolve(['ns.example.net']) : missing('ENOTFOUND')) } as unknown as DnsResolver;
  };

  const agreeToOutage = (outage: { server: string; replaced: boolean }): Promise<void> => {
    outages.push(outage);
    return refusing ? Promise.reject(new RefusedError('not agreed to')) : Promise.resolve();
  };

  /** A server that runs, as Nova and Terraform both know it, and the states in which Nova had it when Terraform began to apply. */
  async function standing(): Promise<string[]> {
    await stepOf('ovh-server').apply();
    cloud.servers = [{ id: ID, name: 'koprogo-tilleuls', status: 'ACTIVE' }];
    terraform.known = { [SERVER_ADDRESS]: { id: ID, name: 'koprogo-tilleuls' }, [ATTACHED]: { instance_id: ID } };
    const seen: string[] = [];
    terraform.onApply = () => void seen.push(...cloud.servers.map(({ status }) => status));
    return seen;
  }
  const applied = (): number => terraform.runs.filter(({ argv }) => argv[0] === 'apply').length;

  const token = { endpoint: 'ovh-eu' as const, applicationKey: APPLICATION_KEY, applicationSecret: new Secret(APPLICATION_SECRET), consumerKey: new Secret(CONSUMER_KEY) };
  function target(changed: Partial<OvhConfig> = {}, more: Partial<OvhOptions> = {}) {
    const config: OvhConfig = {
      credentials: cloud.credentials(),
      region: 'GRA9',
      flavor: 'd2-4',
      volumeType: 'high-speed',
      sizes: { postgres: 20, documents: 40 },
      ...(changed.dns === 'elsewhere' ? {} : { api: token }),
      dns: 'ovh',
      bucket: { at: 'ovh', name: 'koprogo-tilleuls', region: 'GRA' },
      ...changed,
    };
    const common = { name: 'Tilleuls', directory, state, progress: reporter, site: { domain: 'example.be', www: false }, agree: () => Promise.resolve(true), timing: { pausesMs: [], pollMs: 1, powerSeconds: 30 }, agreeToOutage };
    const sshPublicKey = () => Promise.resolve('ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKbQv1SBC2kQvhS0m0Wq operator@example.be');
    return createOvh({ ...common, config, sshPublicKey, endpoint: ovh.endpoint, terraformHost: terraform.host, resolverFor: published, ...more });
  }
  const stepOf = (id: string, ...given: Parameters<typeof target>) => target(...given).steps().find((step) => step.id === id) as Step;

  it('makes the server and leads the names to it, and all of it is done when it is looked at again', async () => {
    expect(await target().machine()).toBeUndefined();
    const server = stepOf('ovh-server');
    expect(await server.check()).toMatchObject({ state: 'needed', changes: [expect.stringContaining('koprogo-tilleuls (d2-4, Debian 13, GRA9)'), expect.any(String), expect.stringContaining('bucket')] });
    await server.apply();
    // A new process, which knows only what is stored.
    expect(await stepOf('ovh-server').check()).toEqual({ state: 'done', detail: '203.0.113.7' });
    const machine = machineSchema.parse(await target().machine());
    expect(machine).toMatchObject({ address: { host: '203.0.113.7', port: 22, user: 'debian' }, disks: { postgres: '/dev/disk/by-id/virtio-1a1b2c3d-4e5f-6071-8', documents: '/dev/disk/by-id/virtio-2a1b2c3d-4e5f-6071-8' } });
    expect(await target().freshDisks()).toEqual(Object.values(machine.disks));
    const access = await target().bucket();
    expect([access?.bucket, access?.secretAccessKey.reveal()]).toEqual([{ endpoint: 'https://s3.gra.io.cloud.ovh.net', region: 'gra', bucket: 'koprogo-tilleuls', encryption: { mode: 'AES256' } }, 'planted-s3-secret']);

    const { env = {} } = terraform.last('apply') ?? {};
    expect(env).toMatchObject({ OS_AUTH_URL: `${cloud.origin}/identity/v3`, OS_USERNAME: 'user-abcdef123456', OS_PASSWORD: cloud.password, OS_PROJECT_ID: '0123abcd', OS_USER_DOMAIN_NAME: 'Default', OS_REGION_NAME: 'GRA9', OS_IDENTITY_API_VERSION: '3' });
    expect(env).toMatchObject({ OVH_ENDPOINT: 'ovh-eu', OVH_APPLICATION_SECRET: APPLICATION_SECRET, OVH_CONSUMER_KEY: CONSUMER_KEY, TF_VAR_name: 'koprogo-tilleuls' });
    expect(env['TF_VAR_user_data']).toContain(machine.address.hostKey);
    expect(env['TF_VAR_user_data']).toContain('61-koprogo-volumes.rules');
    for (const { argv, env: other } of terraform.runs) if (!['plan', 'apply'].includes(argv[0] ?? '')) expect(JSON.stringify(other)).not.toContain(APPLICATION_SECRET);

    const dns = stepOf('dns');
    expect((await dns.check()).state).toBe('needed');
    await dns.apply();
    expect(await dns.check()).toMatchObject({ state: 'done' });
    expect(ovh.published.map(({ subDomain, target: to }) => [subDomain, to])).toEqual([['', '203.0.113.7'], ['api', '203.0.113.7']]);
  });

  it('is blocked by what the live checks find, in the language of the process, and not by what it made itself', async () => {
    speak('fr');
    cloud.servers = [{ id: 's1', name: 'koprogo-tilleuls', status: 'ACTIVE' }];
    const check = await stepOf('ovh-server').check();
    expect(check).toMatchObject({ state: 'blocked', reason: 'nom de serveur koprogo-tilleuls : il y a déjà un serveur koprogo-tilleuls (s1, ACTIVE)' });
    expect(terraform.runs).toEqual([]);
    cloud.servers = [];
    terraform.failAfter = 6;
    await expect(stepOf('ovh-server').apply()).rejects.toThrow('no valid host was found');
    expect(terraform.made).toHaveLength(6);
    expect(await target().machine()).toBeUndefined();
    terraform.made.push(SERVER_ADDRESS);
    cloud.servers = [{ id: 's1', name: 'koprogo-tilleuls', status: 'ACTIVE' }];
    expect(await stepOf('ovh-server').check()).toMatchObject({ state: 'needed', changes: expect.arrayContaining(['Terraform va :', expect.stringMatching(/^créer : disque de données/)]) as unknown });
    await stepOf('ovh-server').apply();
    expect((await stepOf('ovh-server').check()).state).toBe('done');
  });

  it('has no part of OVH’s API where bucket and zone are elsewhere', async () => {
    const bucket = { endpoint: 'https://s3.example.net', region: 'eu-1', bucket: 'mine', encryption: { mode: 'AES256' as const } };
    const access = { bucket, accessKeyId: 'A', secretAccessKey: new Secret('B') };
    const own = target({ dns: 'elsewhere', bucket: { at: 'elsewhere', access } });
    await own.steps()[0]?.apply();
    expect(terraform.last('apply')?.files).not.toContain('bucket.tf');
    expect(Object.keys(terraform.last('apply')?.env ?? {}).filter((name) => name.startsWith('OVH_'))).toEqual([]);
    expect(await own.bucket()).toBe(access);
    expect(ovh.asked).toEqual([]);
  });

  it('changes nothing where a plan would destroy a disk', async () => {
    await stepOf('ovh-server').apply();
    terraform.replacing = [GUARDED.documents];
    const applied = terraform.runs.filter(({ argv }) => argv[0] === 'apply').length;
    await expect(stepOf('ovh-server').apply()).rejects.toThrow(RefusedError);
    expect(terraform.runs.filter(({ argv }) => argv[0] === 'apply')).toHaveLength(applied);
    expect(reporter.lines.join('\n')).not.toContain('destroy and make anew');
  });

  it('makes a server anew that somebody took away, and says so; but no blank disk in the place of one that is gone', async () => {
    await stepOf('ovh-server').apply();
    terraform.vanished = [SERVER_ADDRESS];
    expect(await stepOf('ovh-server').check()).toMatchObject({ state: 'needed', changes: ['not found any more, although set-up had made it: openstack_compute_instance_v2-server', 'Terraform would:', expect.stringMatching(/^create: server/)] });
    await stepOf('ovh-server').apply();
    expect((await stepOf('ovh-server').check()).state).toBe('done');
    terraform.vanished = [SERVER_ADDRESS, GUARDED.postgres];
    expect(await stepOf('ovh-server').check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(/data is not found any more: [^;,]*postgres; nothing was changed/) as string });
    const before = applied();
    await expect(stepOf('ovh-server').apply()).rejects.toThrow('no blank one is put in its place');
    expect(applied()).toBe(before);
  });

  it('replaces a server only after its name was given, and switches it off before', async () => {
    const seen = await standing();
    terraform.replacing = [SERVER_ADDRESS];
    terraform.reason = 'replace_because_tainted';
    const planned = await stepOf('ovh-server').check();
    const changes = planned.state === 'needed' ? planned.changes.join('\n') : planned.state;
    expect(changes).toContain('destroy and make anew: server koprogo-tilleuls (its making broke off)');
    expect(changes).toContain('the server is REPLACED');
    expect(changes).toContain('--confirm-replace koprogo-tilleuls');

    refusing = true;
    const before = applied();
    await expect(stepOf('ovh-server').apply()).rejects.toThrow(RefusedError);
    expect([applied(), cloud.servers[0]?.status, cloud.asked.filter((one) => one.startsWith('POST /compute'))]).toEqual([before, 'ACTIVE', []]);
    expect(reporter.lines.join('\n')).toContain('the server is REPLACED: its own disk is lost');

    refusing = false;
    await stepOf('ovh-server').apply();
    expect(outages).toEqual([{ server: 'koprogo-tilleuls', replaced: true }, { server: 'koprogo-tilleuls', replaced: true }]);
    expect(seen).toEqual(['SHUTOFF']);
    // Terraform's own apply is the last of what was planned and shown.
    expect(terraform.runs.map(({ argv }) => argv[0]).filter((one) => one === 'plan' || one === 'apply').slice(-2)).toEqual(['plan', 'apply']);
    expect(cloud.surprises).toEqual([]);
  });

  it('starts a server again that a run left switched off, before anything is planned', async () => {
    const seen = await standing();
    terraform.replacing = [ATTACHED];
    terraform.onApply = () => {
      seen.push(...cloud.servers.map(({ status }) => status));
      throw new Error('killed');
    };
    await expect(stepOf('ovh-server').apply()).rejects.toThrow('killed');
    expect([seen, outages, cloud.servers[0]?.status]).toEqual([['SHUTOFF'], [{ server: 'koprogo-tilleuls', replaced: false }], 'SHUTOFF']);
    // The answers are as before again: nothing is to be planned any more, but the server is off.
    terraform.replacing = [];
    seen.length = 0;
    terraform.onApply = () => void seen.push(...cloud.servers.map(({ status }) => status));
    expect(await stepOf('ovh-server').check()).toEqual({ state: 'needed', changes: ['start the server, which was switched off for a change that broke off', 'bring the server to what Terraform plans'] });
    await stepOf('ovh-server').apply();
    expect([seen, cloud.servers[0]?.status]).toEqual([['ACTIVE'], 'ACTIVE']);
    expect(await stepOf('ovh-server').check()).toEqual({ state: 'done', detail: '203.0.113.7' });
  });

  it('says that a smaller change interrupts the site, too, and starts the server after its disks were away', async () => {
    const seen = await standing();
    terraform.replacing = [ATTACHED];
    await stepOf('ovh-server').apply();
    expect([seen, cloud.servers[0]?.status]).toEqual([['SHUTOFF'], 'ACTIVE']);
    expect(reporter.lines.join('\n')).toContain('data disks are taken from the server for a moment');

    terraform.replacing = [];
    terraform.changing = { [SERVER_ADDRESS]: { before: { id: ID, name: 's', flavor_name: 'd2-2' }, after: { id: ID, name: 's', flavor_name: 'd2-4' } } };
    const before = cloud.asked.filter((one) => one.startsWith('POST /compute')).length;
    await stepOf('ovh-server').apply();
    expect(outages).toEqual([{ server: 'koprogo-tilleuls', replaced: false }, { server: 'koprogo-tilleuls', replaced: false }]);
    expect(reporter.lines.join('\n')).toContain('it is restarted for that');
    // Nova itself ends the system for a resize.
    expect(cloud.asked.filter((one) => one.startsWith('POST /compute'))).toHaveLength(before);
  });

  it('applies nothing to a server that does not switch off, and takes one that is gone or never ran for off', async () => {
    await standing();
    terraform.replacing = [SERVER_ADDRESS];
    const before = applied();
    cloud.servers = [{ id: ID, name: 'koprogo-tilleuls', status: 'SUSPENDED' }];
    await expect(stepOf('ovh-server', {}, { timing: { pausesMs: [], pollMs: 1, powerSeconds: 1 } }).apply()).rejects.toThrow(`the server ${ID} is still SUSPENDED`);
    expect(applied()).toBe(before);
    for (const servers of [[], [{ id: ID, name: 'koprogo-tilleuls', status: 'ERROR' }], [{ id: ID, name: 'koprogo-tilleuls', status: 'SHUTOFF' }]]) {
      cloud.servers = servers;
      await stepOf('ovh-server').apply();
    }
    expect(applied()).toBe(before + 3);
  });

  it('proves of each thing at OpenStack and OVH that it is gone, and says what it could not see', async () => {
    await standing();
    cloud.ports = [{ id: 'p1', device_id: ID, name: '', fixed_ips: [{ ip_address: '203.0.113.7', subnet_id: 's' }] }, { id: 'p2', device_id: 'another', name: '', fixed_ips: [] }];
    cloud.volumes = [{ id: 'v1', name: 'koprogo-tilleuls-postgres', attachments: [{ server_id: ID, attachment_id: 'a', device: '/dev/sdb' }] }, { id: 'v2', name: 'other', attachments: [{ server_id: ID, attachment_id: 'b', device: '/dev/sdc' }] }];
    ovh.users = [
      { id: 7, username: 'user-a', description: 'Backups of koprogo-tilleuls', status: 'ok' },
      { id: 8, username: 'user-b', description: 'Backups of koprogo-tilleuls-2', status: 'ok' },
      { id: 9, username: 'user-c', description: 'Backups of koprogo-tilleuls', status: 'deleting' },
    ];
    ovh.buckets = ['koprogo-tilleuls'];
    cloud.servers = [];
    const left = /OVH: connection of the volume koprogo-tilleuls-postgres to a server, network port with the address 203.0.113.7, user 7 of the bucket, with its S3 keys$/;
    await expect(target().destroy()).rejects.toThrow(left);
    // What servers there were is remembered until all is gone.
    await expect(target().destroy()).rejects.toThrow(left);
    [cloud.ports, cloud.volumes, ovh.users] = [[], [], []];
    await expect(target().destroy({ named: ['koprogo-tilleuls'] })).rejects.toThrow('OVH: bucket koprogo-tilleuls');
    ovh.buckets = [];
    ovh.rules = ovh.rules.filter(({ method }) => method !== 'GET');
    await target({ dns: 'elsewhere', api: token }).destroy();
    expect(reporter.lines.join('\n')).toContain('could not be looked at: list the users of the project: ');
    expect(cloud.surprises).toEqual([]);
  });

  it('switches the server off before destroy takes its disks away', async () => {
    const seen = await standing();
    await target().destroy().catch(() => undefined);
    expect([seen, terraform.made.includes(SERVER_ADDRESS)]).toEqual([['SHUTOFF'], false]);
  });

  it('goes another way for another project', async () => {
    await stepOf('ovh-server').apply();
    const check = await stepOf('ovh-server', { credentials: cloud.credentials({ project: { id: 'another' } }) }).check();
    expect(check).toMatchObject({ state: 'blocked', reason: expect.stringContaining('was built in the project 0123abcd') as string });
  });

  it('is taken down but for what holds data, and that goes when it is named', async () => {
    ovh.add('example.be', '', 'A', '198.51.100.9', 3600);
    await stepOf('ovh-server').apply();
    await stepOf('dns').apply();
    expect((await target().describeDestroy()).stays.join('\n')).toContain('koprogo-tilleuls-postgres, which costs on');
    await expect(target().destroy({ named: ['koprogo-tilleul'] })).rejects.toThrow(InputError);
    expect(await target().destroy()).toEqual(['koprogo-tilleuls-postgres', 'koprogo-tilleuls-documents', 'koprogo-tilleuls']);
    expect(terraform.made.sort()).toEqual(Object.values(GUARDED).sort());
    expect(ovh.published.map(({ subDomain, target: to }) => [subDomain, to])).toEqual([['', '198.51.100.9']]);
    expect(await target().machine()).toBeUndefined();

    // What Terraform does not know of is found, and said.
    cloud.keypairs = ['koprogo-tilleuls', 'koprogo-tilleuls-2'];
    cloud.volumes = [{ id: 'v1', name: 'koprogo-tilleuls-postgres' }, { id: 'v2', name: null }];
    await expect(target().destroy()).rejects.toThrow(/still something of this installation at OVH: SSH key koprogo-tilleuls$/);
    cloud.keypairs = [];
    expect(await target().destroy({ named: ['koprogo-tilleuls-documents', 'koprogo-tilleuls'] })).toEqual(['koprogo-tilleuls-postgres']);
    expect(terraform.made).toEqual([GUARDED.postgres]);
    await expect(target().destroy({ named: ['koprogo-tilleuls-postgres'] })).rejects.toThrow('volume koprogo-tilleuls-postgres');
    cloud.volumes = [];
    expect(await target().destroy()).toEqual([]);
    expect([existsSync(directory), await state.names(), cloud.surprises]).toEqual([false, expect.not.arrayContaining(['ovh']), []]);
    expect(await target().destroy().catch((error: unknown) => error instanceof InfraError)).toEqual([]);
  });
});
