import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DnsDocumentStore } from '../../src/dns/apply.js';
import type { DnsDocument } from '../../src/dns/document.js';
import type { DnsResolver, ResolverFor } from '../../src/dns/name-servers.js';
import { OvhZone } from '../../src/dns/ovh-zone.js';
import { dnsStep, type DnsStepDeps } from '../../src/dns/step.js';
import { OvhApi } from '../../src/edges/ovh-api.js';
import { zoneRights } from '../../src/edges/ovh-rights.js';
import { RefusedError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import { APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, type OvhServer, startOvh } from '../fixtures/ovh-api.js';
import { RecordingReporter } from '../fixtures/reporter.js';

const ZONE = 'example.be';
const SERVER = '203.0.113.7';

describe('the DNS step', () => {
  let ovh: OvhServer;
  let document: DnsDocument | undefined;
  let asked: string[];
  let reporter: RecordingReporter;
  beforeEach(async () => {
    ovh = await startOvh();
    ovh.zones = [ZONE];
    document = undefined;
    asked = [];
    reporter = new RecordingReporter();
  });
  afterEach(() => ovh.stop());

  /** Name servers that answer with what OVH has published. */
  const published: ResolverFor = () => {
    const missing = (code: string) => Promise.reject(Object.assign(new Error(code), { code }));
    const find = (host: string, type: string) => {
      if (host === 'ns.example.net') return type === 'A' ? Promise.resolve(['192.0.2.1']) : missing('ENODATA');
      const found = ovh.published.filter(({ subDomain, fieldType }) => fieldType === type && (subDomain === '' ? ZONE : `${subDomain}.${ZONE}`) === host);
      return found.length > 0 ? Promise.resolve(found.map(({ target }) => target)) : missing('ENODATA');
    };
    return {
      resolve4: (host: string) => find(host, 'A'),
      resolve6: (host: string) => find(host, 'AAAA'),
      resolveCname: (host: string) => find(host, 'CNAME'),
      resolveNs: (host: string) => (host === ZONE ? Promise.resolve(['ns.example.net']) : missing('ENOTFOUND')),
    } as unknown as DnsResolver;
  };
  const store: DnsDocumentStore = {
    read: async () => document,
    write: async (next) => void (document = next),
    remove: async () => void (document = undefined),
  };
  function step(changed: Partial<DnsStepDeps> = {}) {
    const credentials = { applicationKey: APPLICATION_KEY, applicationSecret: new Secret(APPLICATION_SECRET), consumerKey: new Secret(CONSUMER_KEY) };
    const zone = new OvhZone(new OvhApi({ endpoint: ovh.endpoint, credentials, rights: zoneRights(ZONE), pauses: [] }), ZONE);
    const agree: DnsStepDeps['agree'] = async (records) => {
      asked.push(...records.map(({ target }) => target));
      return true;
    };
    return dnsStep({ site: async () => ({ domain: ZONE, www: false, ipv4: SERVER }), zone, store, agree, progress: reporter, limitSeconds: 0.05, pauseSeconds: 0.01, resolverFor: published, ...changed });
  }

  it('shows what it will do, does it, and is done', async () => {
    ovh.add(ZONE, '', 'A', '198.51.100.9');
    expect(await step().check()).toEqual({
      state: 'needed',
      changes: ['change the record example.be A 198.51.100.9 to 203.0.113.7', 'make the record api.example.be A 203.0.113.7', 'wait for the name servers of the zone'],
    });
    await step().apply();
    expect(asked).toEqual(['198.51.100.9']);
    expect(await step().check()).toEqual({ state: 'done', detail: 'example.be, as the name servers of example.be say' });
  });

  it('touches nothing without consent', async () => {
    ovh.add(ZONE, '', 'A', '198.51.100.9');
    await expect(step({ agree: async () => false }).apply()).rejects.toThrow(RefusedError);
    expect(ovh.records).toHaveLength(1);
    expect(ovh.asked.filter((line) => !line.startsWith('GET'))).toEqual([]);
  });

  it('waits for a zone that is right at OVH, and not yet on its name servers', async () => {
    for (const name of ['', 'api']) ovh.add(ZONE, name, 'A', SERVER);
    expect(await step().check()).toEqual({ state: 'needed', changes: ['wait for the name servers of example.be (ns.example.net does not know example.be yet)'] });
    await expect(step().apply()).rejects.toThrow('do not all give the new answers');
  });

  it('tells what to enter where the zone is managed elsewhere, and waits for it', async () => {
    const elsewhere = step({ zone: undefined });
    expect(await elsewhere.check()).toMatchObject({ state: 'needed', changes: expect.arrayContaining(['in the zone example.be, enter: @ A 203.0.113.7 (TTL 300) (by you)']) as unknown });
    await expect(elsewhere.apply()).rejects.toThrow('do not all give the new answers');
    expect(reporter.lines.filter((line) => line.startsWith('note'))).toEqual(['note in the zone example.be, enter: @ A 203.0.113.7 (TTL 300)', 'note in the zone example.be, enter: api A 203.0.113.7 (TTL 300)']);
    for (const name of ['', 'api']) ovh.published.push({ id: 1, zone: ZONE, fieldType: 'A', subDomain: name, target: SERVER, ttl: 60 });
    await elsewhere.apply();
    expect((await elsewhere.check()).state).toBe('done');
    expect(ovh.asked).toEqual([]);
  });

  it('is needed before there is a server, and blocked where OVH refuses', async () => {
    expect((await step({ site: async () => undefined }).check()).state).toBe('needed');
    ovh.rules = [];
    expect(await step().check()).toMatchObject({ state: 'blocked', hints: [expect.stringContaining('createToken')] });
  });
});
