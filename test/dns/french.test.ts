import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DnsResolver, findZoneServers } from '../../src/dns/name-servers.js';
import { asciiDomain } from '../../src/dns/names.js';
import { describeRestore } from '../../src/dns/restore.js';
import { describeChanges, describeEntry } from '../../src/dns/step.js';
import { describeFinding, waitForRecords } from '../../src/dns/wait.js';
import { silent } from '../../src/progress.js';
import { speak } from '../../src/words.js';

beforeEach(() => {
  speak('fr');
});
afterEach(() => {
  speak('en');
});

const ZONE = 'example.be';
const record = { subDomain: 'api', type: 'A', target: '203.0.113.7' } as const;
const failing = (code: string) => () => Promise.reject(Object.assign(new Error(code), { code }));
const resolverThat = (code: string) => () => ({ resolve4: failing(code), resolve6: failing(code), resolveNs: failing(code), resolveCname: failing(code) }) as unknown as DnsResolver;

it('tells what is to be entered, changed and put back', () => {
  expect(describeEntry({ action: 'enter', host: 'api.example.be', name: 'api', type: 'A', value: '203.0.113.7', ttl: 1300 }, ZONE)).toBe('dans la zone example.be, ajouter : api A 203.0.113.7 (TTL 1300)');
  expect(describeEntry({ action: 'remove', host: 'api.example.be', name: 'api', type: 'CNAME', value: 'x.example.com', ttl: 300 }, ZONE)).toBe('dans la zone example.be, supprimer : api CNAME x.example.com');
  const changes = describeChanges({ zone: ZONE, kept: [], replaced: [], changes: [{ action: 'update', existing: { ...record, id: 1, ttl: 0 }, record: { ...record, host: 'api.example.be', target: '203.0.113.8' } }] });
  expect(changes).toEqual(['changer l’enregistrement api.example.be A 203.0.113.7 en 203.0.113.8']);
  expect(describeRestore({ remove: [], create: [], foreign: [{ ...record, id: 1, ttl: 0 }], notRestored: [] }, ZONE)).toEqual(['laisser l’enregistrement api.example.be A 203.0.113.7, créé par quelqu’un d’autre']);
});

it('tells what the name servers say', async () => {
  const finding = { host: ZONE, type: 'AAAA', server: 'ns1', right: false } as const;
  expect(describeFinding({ ...finding, addresses: [], answer: { state: 'answers', addresses: ['2001:db8::1'] } })).toBe('ns1 répond encore 2001:db8::1 pour example.be, où il ne doit rien y avoir');
  expect(describeFinding({ ...finding, addresses: ['2001:db8::1'], answer: { state: 'answers', addresses: [] } })).toBe('ns1 ne connaît pas encore example.be (IPv6)');
  const servers = { zone: ZONE, servers: [{ name: 'ns1', addresses: ['192.0.2.1'] }] };
  const late = waitForRecords({ servers, wanted: [{ ...record, host: ZONE, subDomain: '' }], progress: silent, limitSeconds: 0, pauseSeconds: 1, resolverFor: resolverThat('ENOTFOUND') });
  await expect(late).rejects.toThrow('les serveurs de noms de example.be ne donnent pas tous les nouvelles réponses après 0 min :\nns1 ne connaît pas encore example.be');
});

it('tells why a domain cannot be used', async () => {
  expect(() => asciiDomain('127.0.0.1')).toThrow('ce n’est pas un domaine : « 127.0.0.1 » doit être un nom de domaine, pas une adresse');
  await expect(findZoneServers(ZONE, resolverThat('ENOTFOUND'))).rejects.toThrow('example.be n’a pas de serveurs de noms : le domaine n’est pas enregistré');
  await expect(findZoneServers(ZONE, resolverThat('ETIMEOUT'))).rejects.toThrow('impossible de trouver les serveurs de noms de example.be : le résolveur de cet ordinateur ne répond pas (ETIMEOUT)');
});
