import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { OvhApi, type OvhApiOptions } from '../../src/edges/ovh-api.js';
import { OvhApiError } from '../../src/edges/ovh-api-errors.js';
import { bucketRights, missingRights, OVH_ENDPOINTS, tokenLink, zoneRights } from '../../src/edges/ovh-rights.js';
import { ovhSignature } from '../../src/edges/ovh-signature.js';
import { InputError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import { failureOf } from '../fixtures/failure.js';
import { APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, type OvhServer, startOvh } from '../fixtures/ovh-api.js';

describe('the signature', () => {
  /** Vectors of the tests of OVH's clients for Go (first four) and Python (last), with credentials that OVH has revoked. */
  it.each([
    ['GET', 'https://api.eu.ovhcloud.com/1.0/auth', '', '$1$52992e595b398f6aba591ee5925b379081614ced'],
    ['POST', 'https://api.eu.ovhcloud.com/1.0/auth', '{"a":"b","c":"d"}', '$1$ea0e0d82447373a3ddf5947065f1d519ca0bcaf2'],
    ['PUT', 'https://api.eu.ovhcloud.com/1.0/auth', '{"a":"b","c":"d"}', '$1$0fdc3ed192ffbf3d1be414dbb733bbb7729500ee'],
    ['DELETE', 'https://api.eu.ovhcloud.com/1.0/auth', '', '$1$f685c165fa9da88b294b5fd2504588588105f994'],
    ['GET', 'https://eu.api.ovh.com/1.0/call', '', '$1$7f2db49253edfc41891023fcd1a54cf61db05fbb'],
  ])('of %s %s is the published one', (method, url, body, signature) => {
    const [secret, consumer] = [new Secret('9ufkBmLaTQ9nz5yMUlg79taH0GNnzDjk'), new Secret('5mBuy6SUQcRw2ZUxg0cG68BoDKpED4KY')];
    expect(ovhSignature(secret, consumer, { method, url, body, timestamp: 1_457_018_875 })).toBe(signature);
  });
});

describe('rights', () => {
  it('makes a link that fills in the narrow rights of one zone', () => {
    expect(tokenLink(OVH_ENDPOINTS['ovh-eu'], zoneRights('example.be'))).toBe(
      'https://eu.api.ovh.com/createToken/?GET=/domain/zone&GET=/domain/zone/example.be&GET=/domain/zone/example.be/*&POST=/domain/zone/example.be/*&PUT=/domain/zone/example.be/*&DELETE=/domain/zone/example.be/*',
    );
    expect(tokenLink(OVH_ENDPOINTS['ovh-ca'], zoneRights())).toMatch(/^https:\/\/ca\.api\.ovh\.com\/createToken\/\?GET=\/domain\/zone&GET=\/domain\/zone\/\*&POST=/);
  });

  it('knows what a token lacks, stars in the middle and all', () => {
    const needed = zoneRights('example.be');
    expect(missingRights(needed, needed)).toEqual([]);
    expect(missingRights([{ method: 'GET', path: '/*' }], needed).map(({ method }) => method)).toEqual(['POST', 'PUT', 'DELETE']);
    expect(missingRights([{ method: 'POST', path: '/domain/*/example.be/*' }], needed)).toHaveLength(needed.length - 1);
    expect(missingRights([{ method: 'POST', path: '/domain/zone/other.be/*' }, { method: 'PUT', path: '/domain/zone/example.be/record/*' }], needed)).toHaveLength(needed.length);
    expect(missingRights([{ method: 'POST', path: '/domain/zone/example.be/*/*' }], [{ method: 'POST', path: '/domain/zone/example.be/*' }])).toHaveLength(1);
    expect(missingRights(zoneRights(), bucketRights('f'.repeat(32), 'GRA'))).toHaveLength(bucketRights('f'.repeat(32), 'GRA').length);
  });

  it('is not slow on a pattern of stars', () => {
    const begin = Date.now();
    missingRights([{ method: 'GET', path: `${'*a'.repeat(400)}b` }], [{ method: 'GET', path: 'a'.repeat(1000) }]);
    expect(Date.now() - begin).toBeLessThan(500);
  });
});

describe('the API, on a strict server', () => {
  let ovh: OvhServer;
  beforeEach(async () => {
    ovh = await startOvh();
    ovh.zones = ['example.be'];
  });
  afterEach(() => ovh.stop());

  const zones = z.array(z.string());
  function api(changed: Partial<OvhApiOptions> = {}): OvhApi {
    const credentials = { applicationKey: APPLICATION_KEY, applicationSecret: new Secret(APPLICATION_SECRET), consumerKey: new Secret(CONSUMER_KEY) };
    return new OvhApi({ endpoint: ovh.endpoint, credentials, rights: zoneRights('example.be'), pauses: [1, 1], ...changed });
  }
  const list = (one = api()) => one.ask('list the zones', { method: 'GET', path: '/domain/zone' }, zones);
  const record = { fieldType: 'A', subDomain: '', target: '203.0.113.7', ttl: 300 };
  const post = (one = api()) => one.tell('make a record', { method: 'POST', path: '/domain/zone/example.be/record', body: record });

  it('signs what it sends, by the clock of the server, which it asks once', async () => {
    ovh.ahead = 86_400;
    const one = api();
    expect(await list(one)).toEqual(['example.be']);
    await post(one);
    expect(ovh.records).toMatchObject([record]);
    expect(await one.clockAhead()).toBeGreaterThan(86_390);
    expect(ovh.asked.filter((line) => line === 'GET /auth/time')).toHaveLength(1);
  });

  it('asks for the time again when that failed', async () => {
    const one = api({ pauses: [] });
    ovh.fail(/time/, 503);
    await expect(list(one)).rejects.toThrow('could not read the time');
    expect(await list(one)).toEqual(['example.be']);
  });

  it.each([503, 429, 'reset'] as const)('tries again what may be done twice, after %s', async (fault) => {
    ovh.fail(/GET \/domain\/zone$/, fault, 2);
    expect(await list()).toEqual(['example.be']);
  });

  it.each([503, 'reset-after'] as const)('does not make a record twice, after %s', async (fault) => {
    ovh.fail(/POST/, fault, 1);
    await expect(post()).rejects.toThrow('could not make a record with the OVH API');
    expect(ovh.records.length).toBe(fault === 503 ? 0 : 1);
  });

  it('gives up in the end, and says what OVH said without what is secret in it', async () => {
    ovh.fail(/GET \/domain\/zone$/, 503, 99);
    const error = await failureOf(list(), APPLICATION_SECRET);
    expect(error.message).toBe('could not list the zones with the OVH API: OVH has a problem of its own (trouble [31m with … and … (HTTP 503)) (OVH\'s number of this request: EU.ext-1.5860f657.4632.0180)');
    expect(inspect(error)).not.toContain(CONSUMER_KEY);
  });

  it.each([
    ['large', /does not speak as OVH's API does/],
    ['html', /does not speak as OVH's API does/],
    ['redirect', /points elsewhere/],
    ['hang', /does not answer \(TimeoutError\)/],
  ] as const)('does not believe an answer that is %s', async (fault, message) => {
    ovh.fail(/GET \/domain\/zone$/, fault, 99);
    const error = await failureOf(list(api({ limit: 300, pauses: [] })), CONSUMER_KEY);
    expect(error.message).toMatch(message);
    expect(error.hints.length).toBeGreaterThan(0);
  });

  it('says where an answer of another shape is wrong, not what is in it', async () => {
    const failure = failureOf(api().ask('list the zones', { method: 'GET', path: '/domain/zone' }, z.array(z.number())), 'example.be');
    expect((await failure).message).toContain('its answer is not what it must be (0: invalid_type)');
  });

  it('names the rights that a token lacks, and the page that makes a better one', async () => {
    ovh.rules = [{ method: 'GET', path: '/domain/zone*' }];
    const error = await failureOf(post(), CONSUMER_KEY);
    expect(error).toBeInstanceOf(OvhApiError);
    expect(error).toMatchObject({ code: 'NOT_GRANTED_CALL', status: 403 });
    expect(error.message).toContain('the token lacks rights: POST /domain/zone/example.be/*, PUT /domain/zone/example.be/*, DELETE /domain/zone/example.be/*');
    expect(error.hints[0]).toContain(tokenLink(OVH_ENDPOINTS['ovh-eu'], zoneRights('example.be')));
    expect((await api().token()).missing).toHaveLength(3);
  });

  it('names all rights where OVH does not tell what the token has', async () => {
    ovh.rules = [];
    ovh.fail(/currentCredential/, 403, 9);
    expect((await failureOf(post())).message).toContain('the token may not do this (it needs GET /domain/zone, ');
  });

  it.each([
    ['applicationKey', 'ak0000000000000x', 'INVALID_KEY', 'the application key is not known at ovh-eu'],
    ['applicationSecret', new Secret('as0000000000000x'), 'INVALID_SIGNATURE', 'the application secret does not belong'],
    ['consumerKey', new Secret('ck0000000000000x'), 'INVALID_CREDENTIAL', 'the consumer key is not valid'],
  ])('tells which of the three is wrong: %s', async (which, value, code, message) => {
    const credentials = { applicationKey: APPLICATION_KEY, applicationSecret: new Secret(APPLICATION_SECRET), consumerKey: new Secret(CONSUMER_KEY), [which]: value };
    const error = await failureOf(list(api({ credentials })));
    expect(error).toMatchObject({ code });
    expect(error.message).toContain(message);
    expect(error.hints.length).toBeGreaterThan(0);
  });

  it.each(['with blank', 'line\r\nX-Evil: 1', '', 'ünïcode00', 'x'.repeat(129)])('refuses a key that cannot be one before it is sent: %j', (text) => {
    for (const which of ['applicationKey', 'applicationSecret', 'consumerKey']) {
      const value = which === 'applicationKey' ? text : new Secret(text);
      const credentials = { applicationKey: APPLICATION_KEY, applicationSecret: new Secret(APPLICATION_SECRET), consumerKey: new Secret(CONSUMER_KEY), [which]: value };
      expect(() => api({ credentials })).toThrow(InputError);
    }
    expect(ovh.asked).toEqual([]);
  });

  it('says that nobody listens', async () => {
    const nobody = { ...ovh.endpoint, url: 'http://127.0.0.1:1/1.0' };
    expect((await failureOf(list(api({ endpoint: nobody, pauses: [1] })))).message).toContain('does not answer (ECONNREFUSED)');
  });
});
