import { plainAddress, plainName } from './names.js';
import { askAll, expectationsOf, type Finding } from './wait.js';
import type { ResolverFor, ZoneServers } from './name-servers.js';
import { TTL_SECONDS, type WantedRecord } from './records.js';

/** One line of what a person enters (or removes) in a zone editor. */
export interface ManualEntry {
  action: 'enter' | 'remove';
  host: string;
  /** The name as most editors want it, inside the zone; "@" for the zone's own. */
  name: string;
  type: 'A' | 'AAAA' | 'CNAME';
  value: string;
  ttl: number;
}

/** What is still to be entered and removed in a zone that is managed elsewhere, after what its own servers say now. Empty when all is right. */
export async function manualEntries(servers: ZoneServers, wanted: readonly WantedRecord[], resolverFor?: ResolverFor): Promise<ManualEntry[]> {
  const findings = await askAll(servers, expectationsOf(wanted), resolverFor);
  return entriesFrom(findings, servers.zone);
}

const plain = (address: string) => plainAddress(address) ?? address;

/** The same from findings that were made already. Servers that are silent count as knowing nothing. */
export function entriesFrom(findings: readonly Finding[], zone: string): ManualEntry[] {
  const entries = new Map<string, ManualEntry>();
  const add = (action: ManualEntry['action'], host: string, type: ManualEntry['type'], value: string): void => {
    const name = host === zone ? '@' : host.slice(0, -(zone.length + 1));
    entries.set(`${action} ${host} ${type} ${value}`, { action, host, name, type, value, ttl: TTL_SECONDS });
  };
  // First what is in the way: editors refuse other records beside a CNAME.
  for (const { host, type, answer, addresses } of findings) {
    if (answer.state !== 'answers') continue;
    const alias = answer.alias === undefined ? '' : plainName(answer.alias);
    if (alias !== '') add('remove', host, 'CNAME', alias);
    for (const address of answer.addresses.map(plain)) if (!addresses.includes(address)) add('remove', host, type, address);
  }
  for (const { host, type, answer, addresses } of findings) {
    for (const address of addresses) if (answer.state !== 'answers' || !answer.addresses.map(plain).includes(address)) add('enter', host, type, address);
  }
  return [...entries.values()];
}
