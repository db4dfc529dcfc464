import { inspect } from 'node:util';
import { type AddressInfo, createServer } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Secret } from '../../../../src/secret.js';
import { credentialsFrom } from '../../../../src/targets/ovh/openstack/keystone.js';
import { OpenStack } from '../../../../src/targets/ovh/openstack/openstack-client.js';
import { OpenStackFailed } from '../../../../src/targets/ovh/openstack/openstack-failed.js';
import type { Timing } from '../../../../src/targets/ovh/openstack/openstack-http.js';
import { parseOpenRc } from '../../../../src/targets/ovh/openrc/openrc.js';
import { OpenStackStandIn } from './openstack-server.js';

const TIMING: Timing = { pausesMs: [5, 5], requestMs: 2000 };
let standIn: OpenStackStandIn;

beforeEach(async () => {
  standIn = await OpenStackStandIn.start();
});
afterEach(() => {
  standIn.stop();
  expect(standIn.surprises).toEqual([]);
});

const login = (change = {}, timing = TIMING) => OpenStack.login(standIn.credentials(change), timing);
const region = async (timing = TIMING) => (await login({}, timing)).at('GRA9');

async function failure(promise: Promise<unknown>): Promise<OpenStackFailed> {
  const error: unknown = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(OpenStackFailed);
  const everything = inspect(error, { depth: 10, showHidden: true }) + String(error) + JSON.stringify(error);
  expect(everything).not.toContain(standIn.token);
  expect(everything).not.toContain(standIn.password);
  expect(everything).not.toContain('Pa55w');
  return error as OpenStackFailed;
}

describe('the login', () => {
  it('gives roles, project, regions and the time', async () => {
    const { session, regions } = await login().then((cloud) => ({ session: cloud.session, regions: cloud.regions() }));
    expect(session).toMatchObject({ project: { id: '0123abcd' }, user: { name: 'user-abcdef123456' }, roles: standIn.roles });
    expect(Math.abs(session.clockAhead ?? 99)).toBeLessThanOrEqual(2);
    expect(regions).toEqual(['GRA9', 'GRA11', 'SBG5']);
    expect(inspect(session)).not.toContain(standIn.token);
  });

  it('takes what an OpenRC file says, the project by its name, too', async () => {
    const { values } = parseOpenRc(`export OS_AUTH_URL=${standIn.origin}/identity/v3/ OS_PROJECT_NAME=1234567890123456\nOS_USERNAME=user-abcdef123456`);
    expect(credentialsFrom(values)).toBeUndefined();
    const credentials = credentialsFrom({ ...values, password: new Secret(standIn.password) });
    if (!credentials) throw new Error('nothing missing');
    expect((await OpenStack.login(credentials, TIMING)).session.project.id).toBe('0123abcd');
  });

  it('tells a wrong password from a wrong project', async () => {
    expect((await failure(login({ password: new Secret('another-Pa55w') }))).said.id).toBe('login.refused');
    expect((await failure(login({ username: 'me@example.org' }))).fix[0]?.id).toBe('login.userFix');
    const wrong = await failure(login({ project: { id: 'another' } }));
    expect(wrong.message).toBe('user-abcdef123456 and the password are right, but the user may not enter the project another (401)');
    expect(wrong.hints).toEqual(['the user may enter: 0123abcd (1234567890123456)']);
    // A refused login is not tried again: accounts are locked for that.
    expect(standIn.asked.filter((one) => one.startsWith('POST')).length).toBe(6);
  });

  it.each([
    ['no token', { status: 201, body: { token: {} }, headers: { 'X-Subject-Token': 'x'.repeat(30) } }, 'api.notUnderstood'],
    ['a page', { status: 200, body: '<html>' }, 'api.notUnderstood'],
    ['a redirect', { status: 302, headers: { Location: 'https://example.org/' } }, 'api.redirect'],
    ['no such address', { status: 404, body: 'no' }, 'api.notFound'],
    ['more than is read', { status: 201, body: `"${'x'.repeat(5_000_000)}"` }, 'api.tooLarge'],
  ])('answered by %s is one clear error', async (_, answer, id) => {
    standIn.next.push({ at: 'POST', answer });
    expect((await failure(login())).said.id).toBe(id);
    expect(standIn.asked.length).toBe(1);
  });
});

describe('requests', () => {
  it.each([[429], [500], [502], [503], [504]])('are sent again after %i', async (status) => {
    const gra9 = await region();
    standIn.next.push({ at: 'GET /compute', answer: { status } }, { at: 'GET /compute', answer: 'cut' });
    expect((await gra9.flavors()).length).toBe(6);
    expect(standIn.asked.length).toBe(4);
  });

  it('are given up after the last pause, with what the service said and no secret', async () => {
    const gra9 = await region();
    const answer = { status: 503, body: { error: { message: `down\u001b[31m ${standIn.token}` } } };
    for (let i = 0; i < 3; i += 1) standIn.next.push({ at: 'GET /compute', answer });
    const { message, status } = await failure(gra9.flavors());
    expect(message).toBe('the compute service at 127.0.0.1 has a problem of its own (HTTP 503) down [31m …');
    expect(status).toBe(503);
  });

  it.each([[400], [403], [404], [409]])('are not sent again after %i', async (status) => {
    const gra9 = await region();
    standIn.next.push({ at: 'GET /compute', answer: { status, body: { forbidden: { code: status, message: "Policy doesn't allow it." } } } });
    expect((await failure(gra9.flavors())).status).toBe(status);
    expect(standIn.asked.length).toBe(2);
  });

  it('wait no longer than they may', async () => {
    const gra9 = await region({ pausesMs: [5], requestMs: 100 });
    standIn.next.push({ at: 'GET /image', answer: 'hang' }, { at: 'GET /image', answer: 'hang' });
    expect((await failure(gra9.images())).said.id).toBe('api.timeout');
    const slow = await region({ pausesMs: [60_000], requestMs: 2000, totalMs: 500 });
    standIn.next.push({ at: 'GET /image', answer: { status: 503 } });
    const began = Date.now();
    expect((await failure(slow.images())).status).toBe(503);
    expect(Date.now() - began).toBeLessThan(400);
  });

  it('end when they are interrupted', async () => {
    const interruption = new AbortController();
    const gra9 = (await OpenStack.login(standIn.credentials(), { ...TIMING, signal: interruption.signal })).at('GRA9');
    standIn.next.push({ at: 'GET /image', answer: 'hang' });
    const asked = gra9.images();
    setTimeout(() => {
      interruption.abort(new Error('stop'));
    }, 50);
    await expect(asked).rejects.toThrow('stop');
  });

  it('say that nothing answers, or that there is no such name, or no TLS', async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, '127.0.0.1', resolve));
    const { port } = closed.address() as AddressInfo;
    await new Promise((resolve) => closed.close(resolve));
    expect((await failure(login({ authUrl: `http://127.0.0.1:${port}/v3` }))).said).toMatchObject({ id: 'api.noAnswer', with: { code: 'ECONNREFUSED' } });
    expect((await failure(login({ authUrl: standIn.origin.replace('http:', 'https:') }))).said.id).toMatch(/^api\.(tls|noAnswer)$/);
    expect((await failure(login({ authUrl: 'http://auth.example.org/v3' }))).said.id).toBe('api.notHttps');
  });

  it('do not follow a redirect with the token', async () => {
    const gra9 = await region();
    standIn.next.push({ at: 'GET /compute', answer: { status: 301, headers: { Location: `${standIn.origin}/elsewhere` } } });
    expect((await failure(gra9.flavors())).said.id).toBe('api.redirect');
    expect(standIn.asked.at(-1)).toMatch(/^GET \/compute/);
  });

  it('name the field of an answer that is not as documented, and not what stands there', async () => {
    const gra9 = await region();
    standIn.next.push({ at: 'GET /compute', answer: { status: 200, body: { flavors: [{ id: 'x', name: 'secret-word', vcpus: -1, ram: '2', disk: 0 }] } } });
    const error = await failure(gra9.flavors());
    expect(inspect(error)).toContain('flavors.0.vcpus');
    expect(inspect(error)).not.toContain('secret-word');
  });
});

describe('the catalog', () => {
  const evil = ['https://user:pw@example.org/', 'ftp://127.0.0.1/', 'http://example.org/', 'https://example.org/?x=1', 'https://example.org/#x', 'not an address', 'https://example.org/$(project_id)s', 'javascript:alert(1)'];
  it.each(evil)('is not followed to %s', async (url) => {
    standIn.endpoints = standIn.endpoints.filter(({ type, region: name }) => !(type === 'compute' && name === 'GRA9'));
    standIn.endpoints.push({ type: 'compute', region: 'GRA9', url });
    const error = await failure(login().then((cloud) => cloud.at('GRA9')));
    expect(error.said).toMatchObject({ id: 'region.badEndpoint', with: { service: 'compute' } });
    expect(error.message).not.toContain('example');
  });

  it('is read for public endpoints only', async () => {
    standIn.endpoints = standIn.endpoints.filter(({ type, region: name }) => !(type === 'network' && name === 'GRA9'));
    standIn.endpoints.push({ type: 'network', region: 'GRA9', url: standIn.origin, interface: 'admin' });
    expect((await failure(login().then((cloud) => cloud.at('GRA9')))).said.id).toBe('region.noEndpoint');
  });

  it('does not send a cloud elsewhere to this computer', async () => {
    const { endpointOf } = await import('../../../../src/targets/ovh/openstack/catalog.js');
    const { catalog } = await login();
    expect(() => endpointOf(catalog, 'compute', 'GRA9', 'https://auth.cloud.ovh.net/v3')).toThrow(OpenStackFailed);
    expect(endpointOf(catalog, 'network', 'GRA9', standIn.origin).pathname).toBe('/network/v2.0');
  });
});

describe('lists', () => {
  it('of flavors are read page by page, and never from where an answer points', async () => {
    standIn.page = 2;
    expect((await (await region()).flavors()).map(({ name }) => name)).toEqual(['d2-2', 'd2-4', 'b2-7', 's1-1', 'win-b2-7', 'v4-4']);
    expect(standIn.asked.filter((one) => one.includes('/flavors/')).length).toBe(3);
  });

  it('of servers hold that name exactly', async () => {
    standIn.servers = ['a.b', 'axb', 'a.b2', 'A.B'].map((name, at) => ({ id: `s${at}`, name, status: 'ACTIVE' }));
    expect((await (await region()).servers('a.b')).map(({ id }) => id)).toEqual(['s0']);
    // Else a name with a bracket or a star in it would be an error of the database.
    expect(decodeURIComponent(standIn.asked.at(-1) ?? '')).toContain('name=^a[.]b$');
  });
});
