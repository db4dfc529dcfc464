import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/secret.js';
import type { CheckId, CheckResult } from '../../../../src/targets/ovh/checks/check-result.js';
import { checkOpenStack, type ServerPlan } from '../../../../src/targets/ovh/checks/checks.js';
import { inWords } from '../../../../src/targets/ovh/words.js';
import { OpenStackStandIn } from '../openstack/openstack-server.js';

const PLAN: ServerPlan = { region: 'GRA9', serverName: 'koprogo', flavor: 'd2-4', image: 'Debian 13', volumes: [20, 40], volumeType: 'classic' };
const ALL: CheckId[] = ['login', 'clock', 'roles', 'region', 'flavor', 'image', 'network', 'serverName', 'zone', 'volumeType', 'instances', 'cores', 'memory', 'volumes', 'gigabytes'];
let cloud: OpenStackStandIn;

beforeEach(async () => {
  cloud = await OpenStackStandIn.start();
});
afterEach(() => {
  cloud.stop();
  expect(cloud.surprises).toEqual([]);
});

const check = (plan: Partial<ServerPlan> = {}, credentials = {}) => checkOpenStack(cloud.credentials(credentials), { ...PLAN, ...plan }, { pausesMs: [5], requestMs: 3000 });

/** The one result that is not "ok", as a person would read it. */
async function only(results: Promise<CheckResult[]>): Promise<{ id: CheckId; state: string; cause: string; fix: string[]; causeId: string | undefined }> {
  const bad = (await results).filter(({ state }) => state !== 'ok');
  expect(bad.map(({ id }) => id)).toHaveLength(1);
  const [{ id, state, cause, fix }] = bad as [CheckResult];
  for (const said of [...(cause ? [cause] : []), ...fix]) for (const language of ['en', 'fr'] as const) expect(inWords(said, language)).not.toMatch(/\{|undefined|NaN/);
  return { id, state, cause: cause ? inWords(cause, 'en') : '', causeId: cause?.id, fix: fix.map((one) => inWords(one, 'en')) };
}

describe('before Terraform runs', () => {
  it('everything is looked at, and is well', async () => {
    const results = await check();
    expect(results.map(({ id, state }) => `${id} ${state}`)).toEqual(ALL.map((id) => `${id} ok`));
    // Lists that several checks need are asked for once, and nothing but the login is sent.
    expect(cloud.asked.filter((one) => one.startsWith('POST'))).toHaveLength(1);
    expect(new Set(cloud.asked).size).toBe(cloud.asked.length);
  });

  it('a wrong password is the only result', async () => {
    const results = await check({}, { password: new Secret('wrong') });
    expect(results).toMatchObject([{ id: 'login', state: 'failed', cause: { id: 'login.refused' } }]);
  });

  it('missing roles are named; what cannot be done without them fails', async () => {
    cloud.roles = ['network_security_operator', 'objectstore_operator'];
    const weak = await only(check());
    expect(weak).toMatchObject({ id: 'roles', state: 'failed' });
    expect(weak.cause).toBe('these are missing: administrator, compute_operator, network_operator, image_operator, volume_operator, load-balancer_member, backup_operator, infrastructure_supervisor, key-manager_operator, key-manager_read');
    expect(weak.fix[0]).toContain('Administrator');
    cloud.roles = ['administrator'];
    expect(await only(check())).toMatchObject({ id: 'roles', state: 'warning' });
    cloud.roles = ['compute_operator', 'network_operator', 'volume_operator', 'objectstore_operator'];
    expect(await only(check())).toMatchObject({ id: 'roles', state: 'warning' });
    cloud.roles = ['admin'];
    expect((await check()).every(({ state }) => state === 'ok')).toBe(true);
  });

  it('a 403 says whose it is, in the words of the service', async () => {
    cloud.next.push({ at: 'GET /compute/v2.1/servers', answer: { status: 403, body: { forbidden: { code: 403, message: "Policy doesn't allow os_compute_api:servers:detail to be performed." } } } });
    const refused = await only(check());
    expect(refused).toMatchObject({ id: 'serverName', state: 'failed', causeId: 'api.forbidden' });
    expect(refused.cause).toContain("Policy doesn't allow os_compute_api:servers:detail");
  });

  it.each([
    ['GRA99', 'GRA9'],
    ['gra9', 'GRA9'],
    ['GR9', 'GRA9'],
    ['GAR9', 'GRA9'],
    ['SBG7', 'SBG5'],
  ])('region %s: %s is suggested', async (region, near) => {
    const results = await check({ region });
    expect(results.map(({ id }) => id)).toEqual(['login', 'clock', 'roles', 'region']);
    const wrong = await only(Promise.resolve(results));
    expect(wrong.cause).toBe(`the catalog has no region ${region}`);
    expect(wrong.fix[0]).toMatch(new RegExp(`^did you mean ${near}[,?]`));
    expect(wrong.fix.at(-1)).toBe('regions that have everything: GRA9, GRA11, SBG5');
  });

  it('a region for servers that has no volumes is said to be so', async () => {
    cloud.addRegion('WAW1', ['volumev3']);
    const wrong = await only(check({ region: 'WAW1' }));
    expect(wrong.cause).toBe('WAW1 exists, but not for: volume');
    expect(wrong.fix).toEqual(['regions that have everything: GRA9, GRA11, SBG5']);
  });

  it('a region with several zones needs to be told which', async () => {
    cloud.computeZones = ['eu-west-par-a', 'eu-west-par-b', 'eu-west-par-c'];
    cloud.volumeZones = [...cloud.computeZones.slice(0, 2)];
    expect(await only(check())).toMatchObject({ id: 'zone', state: 'failed', fix: ['choose one of: eu-west-par-a, eu-west-par-b'] });
    expect(await only(check({ availabilityZone: 'eu-west-par-c' }))).toMatchObject({ id: 'zone', causeId: 'zone.unknown' });
    expect((await check({ availabilityZone: 'eu-west-par-a' })).every(({ state }) => state === 'ok')).toBe(true);
  });

  it.each([
    ['d2-2', 'warning', 'flavor.tight'],
    ['s1-1', 'failed', 'flavor.memory'],
    ['v4-4', 'failed', 'flavor.disk'],
    ['d2-5', 'failed', 'flavor.unknown'],
    ['D2-4', 'failed', 'flavor.unknown'],
  ])('flavor %s: %s, %s', async (flavor, state, causeId) => {
    const result = await only(check({ flavor }));
    expect(result).toMatchObject({ id: 'flavor', state, causeId });
    expect(result.fix.at(-1)).toBe('recommended: d2-4 (3.9 GiB of memory, 2 vCPU, 50 GiB of disk)');
    if (causeId === 'flavor.unknown') expect(result.fix[0]).toContain('d2-4');
  });

  it.each([
    ['Debian13', 'image.unknown', /^did you mean Debian 13/],
    ['Gentoo', 'image.unknown', /^take "Debian 13"/],
    ['Being Made', 'image.notReady', /minutes/],
    ['Windows Server 2022', 'image.tooLarge', /larger/],
  ])('image %s: %s', async (image, causeId, fix) => {
    cloud.flavors = cloud.flavors.map((one) => ({ ...one, disk: one.name === 'd2-4' ? 40 : one.disk }));
    const result = await only(check({ image }));
    expect(result).toMatchObject({ id: 'image', state: 'failed', causeId });
    expect(result.fix[0]).toMatch(fix);
  });

  it('two images of one name are refused, as Terraform would', async () => {
    cloud.images.push({ id: 'i9', name: 'Debian 13', status: 'active', min_disk: 0, min_ram: 0 });
    expect(await only(check())).toMatchObject({ id: 'image', causeId: 'image.several' });
  });

  it('the network must be there, once, up, and lead outside', async () => {
    expect(await only(check({ network: 'Ext' }))).toMatchObject({ id: 'network', causeId: 'network.unknown' });
    const [network] = cloud.networks as [(typeof cloud.networks)[0]];
    cloud.networks = [network, { ...network, id: 'n2' }];
    expect(await only(check())).toMatchObject({ causeId: 'network.several' });
    cloud.networks = [{ ...network, status: 'DOWN' }];
    expect(await only(check())).toMatchObject({ causeId: 'network.down' });
    cloud.networks = [{ ...network, 'router:external': false }];
    expect(await only(check())).toMatchObject({ state: 'warning', causeId: 'network.internal' });
  });

  it('a server of that name is found', async () => {
    cloud.servers = [{ id: 's1', name: 'koprogo', status: 'ACTIVE' }];
    expect(await only(check())).toMatchObject({ id: 'serverName', cause: 'there is a server koprogo already (s1, ACTIVE)' });
    expect((await check({ serverName: 'koprog' })).every(({ state }) => state === 'ok')).toBe(true);
  });

  it('the volume type must be there', async () => {
    expect(await only(check({ volumeType: 'fast' }))).toMatchObject({ id: 'volumeType', fix: ['there are: classic, high-speed'] });
  });

  it.each([
    ['instances', { totalInstancesUsed: 20 }, '1 needed, 0 left (20 of 20 used)'],
    ['cores', { totalCoresUsed: 39 }, '2 needed, 1 left (39 of 40 used)'],
    ['memory', { maxTotalRAMSize: 6144 }, '3.9 needed, 2.1 left (3.9 of 6 used)'],
    ['volumes', { totalVolumesUsed: 19 }, '2 needed, 1 left (19 of 20 used)'],
    ['gigabytes', { totalGigabytesUsed: 1950 }, '60 needed, 50 left (1950 of 2000 used)'],
  ] as const)('the quota for %s is counted', async (id, change, cause) => {
    Object.assign(id === 'volumes' || id === 'gigabytes' ? cloud.volumeLimits : cloud.computeLimits, change);
    expect(await only(check())).toMatchObject({ id, state: 'failed', cause });
  });

  it('the quota may be just enough, or have no limit', async () => {
    cloud.volumeLimits = { maxTotalVolumes: -1, totalVolumesUsed: 500, maxTotalVolumeGigabytes: 60, totalGigabytesUsed: 0 };
    cloud.computeLimits = { maxTotalInstances: 2, totalInstancesUsed: 1, maxTotalCores: 4, totalCoresUsed: 2, maxTotalRAMSize: -1, totalRAMUsed: 1 };
    expect((await check()).every(({ state }) => state === 'ok')).toBe(true);
  });

  it.each([
    [30, 'ok', ''],
    [-120, 'warning', 'it is 2 min ahead'],
    [600, 'failed', 'it is 10 min behind'],
    [-600, 'failed', 'it is 10 min ahead'],
  ])('a clock that is %i s off: %s', async (ahead, state, cause) => {
    cloud.clockAhead = ahead;
    const clock = (await check()).find(({ id }) => id === 'clock');
    expect(clock?.state).toBe(state);
    expect(clock?.cause === undefined ? '' : inWords(clock.cause, 'en')).toBe(cause);
  });

  it('a service that is down fails its own checks and no others', async () => {
    for (let i = 0; i < 30; i += 1) cloud.next.push({ at: 'GET /volume', answer: { status: 503 } });
    const bad = (await check()).filter(({ state }) => state !== 'ok');
    expect(bad.map(({ id }) => id)).toEqual(['zone', 'volumeType', 'volumes', 'gigabytes']);
    expect(new Set(bad.map(({ cause }) => cause?.id))).toEqual(new Set(['api.unavailable']));
  });

  it('a cloud that is down altogether leaves no promise unhandled', async () => {
    for (const path of ['/compute', '/volume', '/network', '/image']) for (let i = 0; i < 12; i += 1) cloud.next.push({ at: `GET ${path}`, answer: { status: 500 } });
    const bad = (await check()).filter(({ state }) => state === 'failed');
    expect(bad.map(({ id }) => id)).toEqual(ALL.slice(4));
  });
});
