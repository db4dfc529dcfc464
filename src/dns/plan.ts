import { contentKey, type RecordContent, type WantedRecord, type ZoneRecord } from './records.js';

export type DnsChange =
  | { action: 'create'; record: WantedRecord }
  | { action: 'update'; existing: ZoneRecord; record: WantedRecord }
  | { action: 'remove'; existing: ZoneRecord };

export interface DnsPlan {
  zone: string;
  /** In the order in which they are to be made. */
  changes: DnsChange[];
  /** Records that are right already. */
  kept: ZoneRecord[];
  /** What would be lost of records that are not ours: shown, and agreed to, before anything is written. */
  replaced: ZoneRecord[];
}

/**
 * What has to change in a zone. At the hosts of a site there may be nothing but the wanted addresses: an AAAA record
 * that leads elsewhere takes away the visitors with IPv6 (and Let's Encrypt, which prefers it), a CNAME excludes all else,
 * and a second A record every other visitor.
 * @param existing all records of ADDRESS_TYPES at the hosts
 * @param ours what this program wrote there earlier: changing that needs nobody's consent
 */
export function planRecords(zone: string, wanted: readonly WantedRecord[], existing: readonly ZoneRecord[], ours: readonly Omit<RecordContent, 'ttl'>[] = []): DnsPlan {
  const hosts = [...new Set(wanted.map(({ subDomain }) => subDomain))];
  const kept: ZoneRecord[] = [];
  const changes: DnsChange[] = [];
  for (const subDomain of hosts) {
    const here = existing.filter((record) => record.subDomain === subDomain);
    // Before anything is added: providers refuse other records beside a CNAME.
    for (const record of here) if (record.type === 'CNAME') changes.push({ action: 'remove', existing: record });
    for (const type of ['A', 'AAAA'] as const) {
      const found = here.filter((record) => record.type === type);
      const record = wanted.find((one) => one.subDomain === subDomain && one.type === type);
      const right = record && found.find((one) => contentKey(one) === contentKey(record));
      const rest = found.filter((one) => one !== right);
      if (right) kept.push(right);
      else if (record) {
        const first = rest.shift();
        changes.push(first ? { action: 'update', existing: first, record } : { action: 'create', record });
      }
      for (const one of rest) changes.push({ action: 'remove', existing: one });
    }
  }
  const known = new Set([...ours, ...kept].map(contentKey));
  const lost = changes.flatMap((change) => (change.action === 'create' ? [] : [change.existing]));
  return { zone, changes, kept, replaced: lost.filter((record) => !known.has(contentKey(record))) };
}
