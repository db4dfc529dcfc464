import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { endpointOf } from '../../src/targets/ovh/openstack/catalog.js';
import type { CheckResult } from '../../src/targets/ovh/checks/check-result.js';
import { checkOpenStack, type ServerPlan } from '../../src/targets/ovh/checks/checks.js';
import { type Credentials, credentialsFrom } from '../../src/targets/ovh/openstack/keystone.js';
import { OpenStack } from '../../src/targets/ovh/openstack/openstack-client.js';
import { readOpenRc } from '../../src/targets/ovh/openrc/openrc.js';
import { fitFlavors, fitImages } from '../../src/targets/ovh/checks/pick.js';
import { inWords } from '../../src/targets/ovh/words.js';
import { type OpenStackLab, openStackUnavailable, startOpenStack } from '../fixtures/openstack.js';
import { sourced } from '../targets/ovh/openrc/bash-words.js';
import { Operator } from './harness.js';

const unavailable = openStackUnavailable();
if (unavailable !== undefined) console.warn(`Left out: the checks against a real OpenStack, because ${unavailable}`);

const PLAN: ServerPlan = { region: 'GRA9', serverName: 'koprogo-e2e', flavor: 'd2-4', image: 'Debian 13', volumes: [20, 40], volumeType: 'classic' };

describe.skipIf(unavailable !== undefined)('a real OpenStack', () => {
  let lab: OpenStackLab;
  let main: Credentials;
  let weak: Credentials;

  beforeAll(async () => {
    lab = startOpenStack();
    main = await credentials(lab.main);
    weak = await credentials(lab.weak);
    // An OpenStack that ran before may still have what a killed run of these tests made.
    const cloud = await OpenStack.login(main);
    for (const { id } of await cloud.at('GRA9').servers(PLAN.serverName)) await nova(cloud, 'DELETE', `/servers/${id}`);
    await vi.waitUntil(async () => (await cloud.at('GRA9').servers(PLAN.serverName)).length === 0, { timeout: 120_000, interval: 1000 });
  }, 20 * 60_000);

  afterAll(() => {
    lab.stop();
  }, 5 * 60_000);

  const credentials = async (path: string): Promise<Credentials> => {
    const found = credentialsFrom((await readOpenRc(path)).values);
    if (!found) throw new Error(`${path} does not say enough`);
    return found;
  };
  const bad = async (who: Credentials, plan: Partial<ServerPlan> = {}): Promise<CheckResult[]> => (await checkOpenStack(who, { ...PLAN, ...plan })).filter(({ state }) => state !== 'ok');

  it('has OpenRC files that are read as bash does', async () => {
    const names = ['OS_AUTH_URL', 'OS_PROJECT_NAME', 'OS_USERNAME', 'OS_PASSWORD', 'OS_REGION_NAME', 'OS_IDENTITY_API_VERSION'];
    for (const path of [lab.main, lab.weak, lab.admin]) {
      const { values, missing, warnings } = await readOpenRc(path);
      expect(missing).toEqual([]);
      expect(warnings.map(({ id }) => id)).toEqual(['openrc.passwordInside']);
      const { authUrl, projectName, username, password, region, identityApiVersion } = values;
      expect([authUrl, projectName, username, password?.reveal(), region, identityApiVersion]).toEqual(Object.values(sourced(path, names)));
    }
  });

  it("has the manager's file, which asks for the password", async () => {
    const { values, missing } = await readOpenRc(lab.openRc);
    expect(missing).toEqual(['password']);
    expect(values).toMatchObject({ region: 'GRA9', username: main.username, userDomain: { name: 'Default' } });
    const cloud = await OpenStack.login({ ...main, project: { id: values.projectId ?? '' } });
    expect(cloud.session.project.id).toBe(values.projectId);
  });

  it('passes every check for a user with all roles', async () => {
    const results = await checkOpenStack(main, PLAN);
    expect(results.filter(({ state }) => state !== 'ok')).toEqual([]);
    expect(results).toHaveLength(15);
    expect(inspect(results, { depth: 10 })).not.toContain(main.password.reveal());
  });

  it('names the roles that a weaker user misses', async () => {
    const [roles, ...others] = await bad(weak);
    expect(others).toEqual([]);
    expect(roles).toMatchObject({ id: 'roles', state: 'failed' });
    expect(roles?.cause === undefined ? '' : inWords(roles.cause, 'fr')).toContain('il manque : administrator, compute_operator');
  });

  it('refuses a wrong password, and tells it from a wrong project', async () => {
    expect(await bad({ ...main, password: new Secret('wrong') })).toMatchObject([{ id: 'login', cause: { id: 'login.refused' } }]);
    const [project] = await bad({ ...main, project: { id: '0123456789abcdef0123456789abcdef' } });
    expect(project).toMatchObject({ id: 'login', cause: { id: 'login.project' }, fix: [{ id: 'login.projectsFix' }] });
  });

  it('has no region of another name', async () => {
    expect(await bad(main, { region: 'GRA99' })).toMatchObject([{ id: 'region', cause: { id: 'region.unknown' }, fix: [{ id: 'region.near', with: { regions: 'GRA9' } }, { id: 'region.list' }] }]);
  });

  it.each([
    [{ flavor: 'd2-2' }, 'flavor', 'warning', 'flavor.tight'],
    [{ flavor: 'd2-5' }, 'flavor', 'failed', 'flavor.unknown'],
    [{ image: 'Debian13' }, 'image', 'failed', 'image.unknown'],
    [{ network: 'Extnet' }, 'network', 'failed', 'network.unknown'],
    [{ volumeType: 'fast' }, 'volumeType', 'failed', 'volumeType.unknown'],
    [{ volumes: [1000, 1001] }, 'gigabytes', 'failed', 'quota.short'],
    [{ availabilityZone: 'nowhere' }, 'zone', 'failed', 'zone.unknown'],
  ] as const)('says what is wrong with %j', async (plan, id, state, cause) => {
    expect(await bad(main, plan)).toMatchObject([{ id, state, cause: { id: cause } }]);
  });

  it('lists what a server can be made of', async () => {
    const cloud = await OpenStack.login(main);
    expect(cloud.regions()).toEqual(['GRA9']);
    const region = cloud.at('GRA9');
    expect(fitFlavors(await region.flavors()).map(({ name }) => name)).toEqual(['d2-2', 'd2-4', 'b2-7']);
    expect(fitImages(await region.images()).map(({ name }) => name)).toEqual(['Debian 13']);
    expect(await region.volumeTypes()).toEqual(['classic', 'high-speed']);
  });

  it('knows a server by its name as soon as it is there', async () => {
    const cloud = await OpenStack.login(main);
    const region = cloud.at('GRA9');
    const before = await region.computeLimits();
    const id = await newServer(cloud);
    try {
      expect(await bad(main)).toMatchObject([{ id: 'serverName', cause: { id: 'serverName.taken', with: { id } } }]);
      // Nova counts a server once it has been given a place.
      await expect.poll(async () => (await region.computeLimits()).instances.used, { timeout: 60_000, interval: 1000 }).toBe(before.instances.used + 1);
      expect(await bad(main, { serverName: 'koprogo' })).toEqual([]);
    } finally {
      await nova(cloud, 'DELETE', `/servers/${id}`);
    }
  });

  it('switches a server off, starts it again, and takes one that is gone for off', async () => {
    const cloud = await OpenStack.login(main, { powerSeconds: 120 });
    const region = cloud.at('GRA9');
    const status = async () => (await region.servers(PLAN.serverName)).map((server) => server.status).join();
    await vi.waitUntil(async () => (await status()) === '', { timeout: 120_000, interval: 1000 });
    const id = await newServer(cloud);
    try {
      await expect.poll(status, { timeout: 120_000, interval: 1000 }).toBe('ACTIVE');
      await region.switchOff(id, silent);
      expect(await status()).toBe('SHUTOFF');
      await region.switchOff(id, silent);
      await region.switchOn(id, silent);
      expect(await status()).toBe('ACTIVE');
    } finally {
      await nova(cloud, 'DELETE', `/servers/${id}`);
    }
    await vi.waitUntil(async () => (await status()) === '', { timeout: 120_000, interval: 1000 });
    await region.switchOff(id, silent);
    await region.switchOn(id, silent);
  });

  it('is looked at by setup --target ovh --plan, which builds nothing', async () => {
    const operator = new Operator();
    const plan = async (file: string, ...more: string[]) => {
      const answers = ['--openrc', file, '--domain', 'tilleuls.example.be', '--backups', 'elsewhere', '--s3-endpoint', 'http://127.0.0.1:9', '--s3-bucket', 'tilleuls', '--s3-access-key', 'ACCESS'];
      const environment = { KOPROGO_S3_SECRET_ACCESS_KEY: 'planted-s3-secret' };
      // Nothing answers at the bucket's address: so something is blocked, and the exit code is 7.
      const { steps } = (await operator.json(['setup', '--target', 'ovh', '--plan', '--non-interactive', ...answers, ...more], { environment, expect: 7 })) as { steps: unknown[] };
      return steps[0];
    };
    try {
      expect(await plan(lab.main)).toMatchObject({ id: 'ovh-server', state: 'needed', changes: [expect.stringContaining('d2-4, Debian 13, GRA9'), expect.anything()] });
      expect(await plan(lab.weak, '--lang', 'fr')).toMatchObject({ id: 'ovh-server', state: 'blocked', reason: expect.stringContaining('il manque : administrator') as string });
      expect(operator.log).not.toContain(main.password.reveal());
    } finally {
      operator.end();
      operator.remove();
    }
  });

  it('takes a file with other line ends and quotes', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'openrc-'));
    try {
      const path = join(directory, 'openrc.sh');
      writeFileSync(path, `\uFEFF${readFileSync(lab.main, 'utf8').replace(/OS_PASSWORD=(\S+)/, (_, value: string) => `OS_PASSWORD=$'\\x41' OS_PASSWORD="\${NONE:-${value}}"`).replaceAll('\n', '\r\n')}`);
      expect((await OpenStack.login(await credentials(path))).session.roles).toContain('administrator');
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});

async function newServer(cloud: OpenStack): Promise<string> {
  const region = cloud.at('GRA9');
  const [flavor, image, network] = [(await region.flavors()).find(({ name }) => name === PLAN.flavor), (await region.images(PLAN.image))[0], (await region.networks('Ext-Net'))[0]];
  const server = { name: PLAN.serverName, flavorRef: flavor?.id, imageRef: image?.id, networks: [{ uuid: network?.id }] };
  return (await nova(cloud, 'POST', '/servers', { server })).id;
}

/** What the checks never do: it changes something. */
async function nova(cloud: OpenStack, method: 'POST' | 'DELETE', path: string, body?: object): Promise<{ id: string }> {
  const base = endpointOf(cloud.catalog, 'compute', 'GRA9', 'http://127.0.0.1:5000/v3');
  const response = await fetch(`${base.href}${path}`, {
    method,
    headers: { 'X-Auth-Token': cloud.session.token.reveal(), 'Content-Type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 300)}`);
  return method === 'DELETE' ? { id: '' } : (JSON.parse(text) as { server: { id: string } }).server;
}
