import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type DnsDocumentStore, lookAtZone, writeRecords } from '../../src/dns/apply.js';
import { type DnsDocument, dnsDocument } from '../../src/dns/document.js';
import { ovhZones, OvhZone } from '../../src/dns/ovh-zone.js';
import { wantedRecords, type ZoneRecord } from '../../src/dns/records.js';
import { describeRestore, restoreZone } from '../../src/dns/restore.js';
import { OvhApi } from '../../src/edges/ovh-api.js';
import { zoneRights } from '../../src/edges/ovh-rights.js';
import { RefusedError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import { failureOf } from '../fixtures/failure.js';
import { APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, type OvhServer, startOvh, type StoredRecord } from '../fixtures/ovh-api.js';

const ZONE = 'example.be';
const NEW = '203.0.113.7';
const OLD = '198.51.100.9';

describe('a zone at OVH', () => {
  let ovh: OvhServer;
  let api: OvhApi;
  let zone: OvhZone;
  let stored: string | undefined;
  let store: DnsDocumentStore;
  beforeEach(async () => {
    ovh = await startOvh();
    ovh.zones = ['other.be', ZONE];
    const credentials = { applicationKey: APPLICATION_KEY, applicationSecret: new Secret(APPLICATION_SECRET), consumerKey: new Secret(CONSUMER_KEY) };
    api = new OvhApi({ endpoint: ovh.endpoint, credentials, rights: zoneRights(ZONE), pauses: [] });
    zone = new OvhZone(api, ZONE);
    stored = undefined;
    store = {
      read: async () => (stored === undefined ? undefined : dnsDocument.parse(JSON.parse(stored))),
      write: async (document: DnsDocument) => void (stored = JSON.stringify(document)),
      remove: async () => void (stored = undefined),
    };
  });
  afterEach(() => ovh.stop());

  const wanted = (changed = {}) => wantedRecords({ domain: ZONE, zone: ZONE, www: true, ipv4: NEW, ...changed });
  const said = (records: readonly StoredRecord[] = ovh.records) =>
    records
      .filter((record) => record.zone === ZONE)
      .map(({ subDomain, fieldType, target }) => `${subDomain} ${fieldType} ${target}`)
      .sort();
  const SITE = [` A ${NEW}`, `api A ${NEW}`, `www A ${NEW}`];
  /** What a domain looks like that was bought with a web page, mail and all. */
  function bought(): void {
    ovh.add(ZONE, '', 'A', OLD, 0);
    ovh.add(ZONE, '', 'AAAA', '2001:db8::bad');
    ovh.add(ZONE, '', 'MX', '1 mx1.mail.example.');
    ovh.add(ZONE, 'www', 'CNAME', 'example.be.', 60);
    ovh.add(ZONE, 'ftp', 'A', OLD);
    ovh.add('other.be', '', 'A', OLD);
    ovh.published = ovh.records.map((record) => ({ ...record }));
  }
  const plan = async () => lookAtZone(zone, wanted(), await store.read());

  it('is one of the account’s', async () => {
    expect(await ovhZones(api)).toEqual(['other.be', ZONE]);
  });

  it('gets the records, published, and nothing on a second run', async () => {
    await writeRecords(zone, wanted(), store, []);
    expect(said()).toEqual(SITE);
    expect(said(ovh.published)).toEqual(SITE);
    expect(ovh.records.every(({ ttl }) => ttl === 300)).toBe(true);
    ovh.asked = [];
    const { changes, kept } = await writeRecords(zone, wanted(), store, []);
    expect([changes.length, kept.length]).toEqual([0, 3]);
    expect(ovh.asked.filter((line) => !line.startsWith('GET'))).toEqual([]);
  });

  it('asks for the apex by an empty name: without it, every record of the zone would be taken for the apex’s', async () => {
    bought();
    await plan();
    expect(ovh.asked).toContain('GET /domain/zone/example.be/record?fieldType=A&subDomain=');
  });

  it('shows what is in the way, and replaces nothing that was not agreed to', async () => {
    bought();
    const before = said();
    const { replaced } = await plan();
    expect(replaced.map(({ subDomain, type, target }) => `${subDomain} ${type} ${target}`)).toEqual([` A ${OLD}`, ' AAAA 2001:db8::bad', 'www CNAME example.be.']);
    const failure = await failureOf(writeRecords(zone, wanted(), store, replaced.slice(0, 2)));
    expect(failure).toBeInstanceOf(RefusedError);
    expect(failure.message).toContain('www.example.be CNAME example.be.');
    expect(said()).toEqual(before);
    expect(stored).toBeUndefined();
  });

  it('replaces what was agreed to, by changing records in place where that can be, and leaves the rest alone', async () => {
    bought();
    const apex = ovh.records[0]?.id;
    await writeRecords(zone, wanted(), store, (await plan()).replaced);
    expect(said()).toEqual([` A ${NEW}`, ' MX 1 mx1.mail.example.', `api A ${NEW}`, `ftp A ${OLD}`, `www A ${NEW}`]);
    expect(ovh.records.find(({ id }) => id === apex)?.target).toBe(NEW);
    expect(ovh.records.find((record) => record.zone === 'other.be')?.target).toBe(OLD);
  });

  it('makes one record of several, and knows an address in another spelling', async () => {
    for (const target of [OLD, NEW, OLD]) ovh.add(ZONE, '', 'A', target);
    ovh.add(ZONE, '', 'AAAA', '2001:0DB8::0007');
    const six = wanted({ www: false, ipv6: '2001:db8::7' });
    const { replaced, kept } = await lookAtZone(zone, six, undefined);
    expect(replaced.map(({ target }) => target)).toEqual([OLD, OLD]);
    expect(kept).toHaveLength(2);
    await writeRecords(zone, six, store, replaced);
    expect(said()).toEqual([` A ${NEW}`, ' AAAA 2001:0DB8::0007', `api A ${NEW}`, 'api AAAA 2001:db8::7']);
  });

  it('moves its own records to another address without asking, but not what somebody has put there since', async () => {
    await writeRecords(zone, wanted({ ipv4: OLD }), store, []);
    await writeRecords(zone, wanted(), store, []);
    expect(said()).toEqual(SITE);
    const www = ovh.records.find(({ subDomain }) => subDomain === 'www');
    if (www) www.target = '192.0.2.99';
    await expect(writeRecords(zone, wanted(), store, [])).rejects.toThrow('www.example.be A 192.0.2.99');
  });

  it.each(['', 'copro'])('refuses to write where the zone hands %j over to other servers', async (at) => {
    ovh.add(ZONE, at === '' ? 'api' : at, 'NS', 'ns1.elsewhere.example.');
    const domain = at === '' ? ZONE : `${at}.${ZONE}`;
    const one = wantedRecords({ domain, zone: ZONE, www: false, ipv4: NEW });
    await expect(lookAtZone(zone, one, undefined)).rejects.toThrow(`hands ${at === '' ? 'api' : at}.example.be over to other name servers`);
  });

  it('does not mind the NS records of the zone itself', async () => {
    ovh.add(ZONE, '', 'NS', 'dns12.ovh.net.');
    expect((await plan()).changes).toHaveLength(3);
  });

  it('is brought back to what it was', async () => {
    bought();
    const before = said();
    await writeRecords(zone, wanted(), store, (await plan()).replaced);
    await writeRecords(zone, wanted({ ipv4: '203.0.113.8' }), store, []);
    const done = await restoreZone(zone, store);
    expect(said()).toEqual(before);
    expect(said(ovh.published)).toEqual(before);
    expect(ovh.records.find(({ fieldType }) => fieldType === 'CNAME')?.ttl).toBe(60);
    expect(describeRestore(done ?? { remove: [], create: [], foreign: [], notRestored: [] }, ZONE)).toContain('restore the record www.example.be CNAME example.be.');
    expect(stored).toBeUndefined();
    expect(await restoreZone(zone, store)).toBeUndefined();
  });

  it('is read again afterwards: a record that stays is not taken for done', async () => {
    ovh.add(ZONE, 'www', 'A', OLD);
    await writeRecords(zone, wanted(), store, (await plan()).replaced);
    const forgetful = Object.assign(new OvhZone(api, ZONE), { remove: () => Promise.resolve() });
    expect((await failureOf(restoreZone(forgetful, store))).message).toMatch(/not yet as it was before: .*api\.example\.be A 203\.0\.113\.7/);
    expect(stored).toBeDefined();
    await restoreZone(zone, store);
    expect([said(), stored]).toEqual([[`www A ${OLD}`], undefined]);
  });

  it('keeps records that were right before, and what somebody else made meanwhile', async () => {
    ovh.add(ZONE, '', 'A', NEW);
    ovh.add(ZONE, 'www', 'A', OLD);
    await writeRecords(zone, wanted(), store, (await plan()).replaced);
    const www = ovh.records.find(({ subDomain }) => subDomain === 'www');
    if (www) www.target = '192.0.2.99';
    const done = await restoreZone(zone, store);
    expect(said()).toEqual([` A ${NEW}`, 'www A 192.0.2.99']);
    expect(describeRestore(done ?? { remove: [], create: [], foreign: [], notRestored: [] }, ZONE)).toEqual([
      `remove the record api.example.be A ${NEW}`,
      'leave the record www.example.be A 192.0.2.99, which somebody else made',
      `not restore the record www.example.be A ${OLD}: something else is there now`,
    ]);
  });

  it('remembers also what was right before a first run', async () => {
    for (const name of ['', 'api', 'www']) ovh.add(ZONE, name, 'A', NEW);
    await writeRecords(zone, wanted(), store, []);
    expect(ovh.asked.filter((line) => !line.startsWith('GET'))).toEqual([]);
    await writeRecords(zone, wanted({ ipv4: OLD }), store, []);
    await restoreZone(zone, store);
    expect(said()).toEqual(SITE);
  });

  it('is not left for another while records of ours are in it', async () => {
    await writeRecords(zone, wanted(), store, []);
    const other = new OvhZone(api, 'other.be');
    await expect(writeRecords(other, wantedRecords({ domain: 'other.be', zone: 'other.be', www: false, ipv4: NEW }), store, [])).rejects.toThrow('has records in the zone example.be');
  });

  /** Every write to OVH and to the document: a crash just before it, and one just after it. */
  const crashes = ['before', 'after'].flatMap((when) => Array.from({ length: 9 }, (_, at) => [when, at + 1] as const));
  it.each(crashes)('comes to the same after a crash %s write %i, forwards and back', async (when, at) => {
    bought();
    const before = said();
    const agreed = (await plan()).replaced;
    await crashing(when, at, () => writeRecords(zone, wanted(), store, agreed));
    await writeRecords(zone, wanted(), store, agreed);
    expect(said()).toEqual([` A ${NEW}`, ' MX 1 mx1.mail.example.', `api A ${NEW}`, `ftp A ${OLD}`, `www A ${NEW}`]);
    expect(said(ovh.published)).toEqual(said());
    await crashing(when, at, () => restoreZone(zone, store));
    await restoreZone(zone, store);
    expect(said()).toEqual(before);
    expect(said(ovh.published)).toEqual(before);
    expect(stored).toBeUndefined();
  });

  it('is not changed when it was never agreed to, whatever was agreed to elsewhere', async () => {
    bought();
    const agreed: ZoneRecord[] = [{ id: 1, subDomain: 'ftp', type: 'A', target: OLD, ttl: 0 }];
    await expect(writeRecords(zone, wanted(), store, agreed)).rejects.toThrow(RefusedError);
  });

  /** Runs, and breaks off at the n-th write of this run: to OVH, or of the document. */
  async function crashing(when: string, at: number, run: () => Promise<unknown>): Promise<void> {
    let writes = 0;
    const whole = store;
    const counted = async (work: () => Promise<void>): Promise<void> => {
      writes += 1;
      if (writes === at && when === 'before') throw new Error('crash');
      await work();
      if (writes === at && when === 'after') throw new Error('crash');
    };
    const real = zone;
    zone = Object.assign(new OvhZone(api, ZONE), {
      create: (...args: Parameters<OvhZone['create']>) => counted(() => real.create(...args)),
      update: (...args: Parameters<OvhZone['update']>) => counted(() => real.update(...args)),
      remove: (...args: Parameters<OvhZone['remove']>) => counted(() => real.remove(...args)),
      publish: () => counted(() => real.publish()),
    });
    store = { ...whole, write: (document) => counted(() => whole.write(document)), remove: () => counted(() => whole.remove()) };
    try {
      await run();
    } catch (error) {
      expect((error as Error).message).toBe('crash');
    } finally {
      zone = real;
      store = whole;
    }
  }
});
