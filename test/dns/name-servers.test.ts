import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { entriesFrom, manualEntries } from '../../src/dns/elsewhere.js';
import { whereHostsLead } from '../../src/dns/leads.js';
import { findZoneServers, type ResolverFor } from '../../src/dns/name-servers.js';
import { wantedRecords } from '../../src/dns/records.js';
import { askAll, describeFinding, expectationsOf, waitForRecords } from '../../src/dns/wait.js';
import { silent } from '../../src/progress.js';
import { failureOf } from '../fixtures/failure.js';
import { nsdUnavailable, type RunningNsd, startNsd } from '../fixtures/nsd.js';

const why = nsdUnavailable();
if (why !== undefined) console.warn(`left out, the tests of waiting for DNS with real name servers: ${why}`);

const OLD = '198.51.100.9';
const NEW = '203.0.113.7';
const SIX = '2001:db8::7';
/** Addresses that the zone's servers have in DNS. */
const [FIRST, SECOND, DEAD] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'];
const SERVERS = ['@ NS ns1', '@ NS ns2', `ns1 A ${FIRST}`, `ns2 A ${SECOND}`];
const site = (changed = {}) => wantedRecords({ domain: 'example.test', zone: 'example.test', www: false, ipv4: NEW, ...changed });
const right = [...SERVERS, `@ A ${NEW}`, `api A ${NEW}`];

describe.skipIf(why !== undefined)('the zone’s own name servers', () => {
  let ns1: RunningNsd;
  let ns2: RunningNsd;
  let deaf: { port: number; stop: () => void };
  beforeAll(async () => {
    const more = { 'sub.example.co.test': ['@ NS ns1.example.test.'], test: ['@ NS ns1.example.test.'] };
    [ns1, ns2] = await Promise.all([startNsd({ 'example.test': SERVERS, ...more }), startNsd({ 'example.test': SERVERS })]);
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    await new Promise((resolve) => socket.once('listening', resolve));
    deaf = { port: socket.address().port, stop: () => socket.close() };
    return async () => {
      await Promise.all([ns1.stop(), ns2.stop()]);
      deaf.stop();
    };
  });

  /** The computer's own resolver is played by the first server. */
  const here: ResolverFor = (server) => {
    const places: Record<string, string> = { [FIRST]: ns1.address, [SECOND]: ns2.address, [DEAD]: `127.0.0.1:${deaf.port}` };
    const resolver = new Resolver({ timeout: 250, tries: 1 });
    resolver.setServers([server === undefined ? ns1.address : (places[server] ?? 'none')]);
    return resolver;
  };
  const wait = (wanted = site(), progress = silent) => findZoneServers('example.test', here).then((servers) => waitForRecords({ servers, wanted, progress, limitSeconds: 5, pauseSeconds: 0.1, resolverFor: here }));

  it('belong to the first name upwards that hands out name servers, however many labels it has', async () => {
    expect(await findZoneServers('copro.api.example.test', here)).toEqual({
      zone: 'example.test',
      servers: [
        { name: 'ns1.example.test', addresses: [FIRST] },
        { name: 'ns2.example.test', addresses: [SECOND] },
      ],
    });
    expect((await findZoneServers('a.sub.example.co.test', here)).zone).toBe('sub.example.co.test');
  });

  it('are not those of the top-level domain: such a domain is not registered', async () => {
    await expect(findZoneServers('nobody.test', here)).rejects.toThrow('nobody.test has no name servers: the domain is not registered');
  });

  it('are waited for until the last one gives the new address', async () => {
    const old = [...SERVERS, `@ A ${OLD}`, `api A ${NEW}`];
    await ns1.publish('example.test', right);
    await ns2.publish('example.test', old);
    const said: string[] = [];
    const waiting = wait(site(), { ...silent, update: (label, amount) => void said.push(`${label} ${amount?.done}/${amount?.total}`) });
    while (said.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await ns2.publish('example.test', right);
    await waiting;
    expect(said[0]).toBe(`ns2.example.test still says ${OLD} of example.test 1/2`);
  });

  it.each([
    ['a second A record', [`@ A ${NEW}`, `@ A ${OLD}`, `api A ${NEW}`], `still says ${NEW}, ${OLD} of example.test`],
    ['an AAAA record that leads elsewhere', [`@ A ${NEW}`, '@ AAAA 2001:db8::bad', `api A ${NEW}`], 'still says 2001:db8::bad of example.test, where nothing may be'],
    ['an alias', [`@ A ${NEW}`, 'api CNAME pages.elsewhere.invalid.'], 'still says that api.example.test is another name for pages.elsewhere.invalid'],
    ['nothing', [`@ A ${NEW}`], 'does not know api.example.test yet'],
  ])('are told of by name at the limit where there is %s', async (_, records, message) => {
    await ns1.publish('example.test', right);
    await ns2.publish('example.test', [...SERVERS, ...records]);
    const servers = await findZoneServers('example.test', here);
    const failure = await failureOf(waitForRecords({ servers, wanted: site(), progress: silent, limitSeconds: 0.3, pauseSeconds: 0.1, resolverFor: here }));
    expect(failure.message.replace(`${OLD}, ${NEW}`, `${NEW}, ${OLD}`)).toContain(`ns2.example.test ${message}`);
    expect(failure.message).not.toContain('ns1');
  });

  it('may give IPv6 in another spelling', async () => {
    const records = [...SERVERS, ...['@', 'api'].flatMap((name) => [`${name} A ${NEW}`, `${name} AAAA 2001:0db8:0::0007`])];
    await Promise.all([ns1.publish('example.test', records), ns2.publish('example.test', records)]);
    await wait(site({ ipv6: SIX }));
  });

  it('are not waited for when they are dead and others answer', async () => {
    await ns1.publish('example.test', [...right, '@ NS ns3', `ns3 A ${DEAD}`]);
    await ns2.publish('example.test', right);
    const warned: string[] = [];
    await wait(site(), { ...silent, warn: (text) => void warned.push(text) });
    expect(warned).toEqual(['ns3.example.test does not answer; the other name servers of example.test are waited for']);
  });

  it('that all are silent mean that the network blocks DNS', async () => {
    const servers = { zone: 'example.test', servers: [{ name: 'ns3.example.test', addresses: [DEAD] }] };
    const failure = await failureOf(waitForRecords({ servers, wanted: site(), progress: silent, limitSeconds: 20, pauseSeconds: 0.01, resolverFor: here }));
    expect(failure.message).toBe('none of the name servers of example.test answers this computer: ns3.example.test');
    expect(failure.hints.join()).toContain('port 53');
  });

  it('say REFUSED of a zone that they do not serve', async () => {
    const servers = { zone: 'other.invalid', servers: [{ name: 'ns2.example.test', addresses: [SECOND] }] };
    const wanted = wantedRecords({ domain: 'other.invalid', zone: 'other.invalid', www: false, ipv4: NEW });
    const [finding] = await askAll(servers, expectationsOf(wanted), here);
    expect(describeFinding(finding)).toBe('ns2.example.test refuses to answer for other.invalid');
  });

  it.each([
    ['the server’s addresses, fewer than it has', ['@ A ' + NEW, 'api A ' + NEW, `api AAAA ${SIX}`, 'www CNAME @'], []],
    ['an alias out of the zone that leads there', ['@ A ' + NEW, 'api A ' + NEW, 'www CNAME there.sub.example.co.test.'], []],
    ['an alias out of the zone that leads nowhere', ['@ A ' + NEW, 'api A ' + NEW, 'www CNAME gone.sub.example.co.test.'], ['ns1.example.test still says that www.example.test is another name for gone.sub.example.co.test']],
    ['a second address', ['@ A ' + NEW, 'api A ' + NEW, 'api A ' + OLD, 'www A ' + NEW], [/^ns1\.example\.test still says .*198\.51\.100\.9.* of api\.example\.test$/]],
    ['IPv6 that leads elsewhere', ['@ A ' + NEW, '@ AAAA 2001:db8::bad', 'api A ' + NEW, 'www A ' + NEW], ['ns1.example.test still says 2001:db8::bad of example.test']],
    ['nothing', ['@ A ' + NEW, `api AAAA ${SIX}`, 'www A ' + NEW], ['ns1.example.test does not know api.example.test yet']],
  ])('say of names that somebody else entered where they lead: %s', async (_, records, wrong) => {
    // One of the two is dead, which takes nobody away.
    const served = ['@ NS ns1', '@ NS ns3', `ns1 A ${FIRST}`, `ns3 A ${DEAD}`, ...records];
    await ns1.publish('example.test', served);
    await ns1.publish('sub.example.co.test', ['@ NS ns1.example.test.', `there A ${NEW}`]);
    const leads = await whereHostsLead('example.test', ['example.test', 'api.example.test', 'www.example.test'], [NEW, SIX], here);
    expect(leads).toMatchObject({ zone: 'example.test', unknown: false });
    expect(leads.wrong.map(describeFinding)).toEqual(wrong.map((one) => (typeof one === 'string' ? one : (expect.stringMatching(one) as string))));
  });

  it('leave it unknown where names lead when all are silent', async () => {
    await ns1.publish('example.test', ['@ NS ns3', `ns3 A ${DEAD}`]);
    expect(await whereHostsLead('example.test', ['example.test'], [NEW], here)).toEqual({ zone: 'example.test', wrong: [], unknown: true });
  });

  it('show what a person has to enter where the zone is managed elsewhere, and what to remove', async () => {
    const records = [...SERVERS, `@ A ${OLD}`, '@ AAAA 2001:db8::bad', 'www CNAME pages.elsewhere.invalid.', `api A ${NEW}`];
    await Promise.all([ns1.publish('example.test', records), ns2.publish('example.test', records)]);
    const entries = await manualEntries(await findZoneServers('example.test', here), site({ www: true }), here);
    expect(entries.map(({ action, name, type, value }) => `${action} ${name} ${type} ${value}`)).toEqual([
      `remove @ A ${OLD}`,
      'remove @ AAAA 2001:db8::bad',
      'remove www CNAME pages.elsewhere.invalid',
      `enter @ A ${NEW}`,
      `enter www A ${NEW}`,
    ]);
    const done = [...right, `www A ${NEW}`];
    await Promise.all([ns1.publish('example.test', done), ns2.publish('example.test', done)]);
    expect(await manualEntries(await findZoneServers('example.test', here), site({ www: true }), here)).toEqual([]);
  });
});

it('prints nothing of an alias that could drive a terminal', () => {
  const finding = { host: 'example.test', type: 'A', addresses: [NEW], server: 'ns1', right: false, answer: { state: 'answers', addresses: [], alias: 'a\u001b[31m b' } } as const;
  expect(describeFinding({ ...finding, addresses: [NEW], answer: { ...finding.answer, addresses: [] } })).toBe('ns1 still says that example.test is another name for a??31m?b');
  expect(entriesFrom([{ ...finding, addresses: [NEW], answer: { ...finding.answer, addresses: [] } }], 'example.test')).toHaveLength(1);
});
