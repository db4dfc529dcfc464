import { z } from 'zod';
import { InputError } from '../errors.js';
import { nameInZone, plainAddress, plainName, siteHosts } from './names.js';
import { say } from './words.js';

/** The record types that decide where a visitor's browser goes. */
export const ADDRESS_TYPES = ['A', 'AAAA', 'CNAME'] as const;
export type RecordType = (typeof ADDRESS_TYPES)[number];

/** Seconds for which resolvers may keep our answers: short, because a server may be replaced. */
export const TTL_SECONDS = 300;

export interface WantedRecord {
  host: string;
  /** The host's name inside the zone; empty for the zone's own. */
  subDomain: string;
  type: 'A' | 'AAAA';
  target: string;
}

/** What a record says, without the number that the provider gave it. */
export const recordContent = z.object({
  subDomain: z.string().max(253),
  type: z.enum(ADDRESS_TYPES),
  target: z.string().max(1000),
  /** Seconds; 0 stands for the zone's own default. */
  ttl: z.number().int().min(0).max(2_147_483_647),
});
export type RecordContent = z.infer<typeof recordContent>;

/** A record as it is in the provider's zone. */
export interface ZoneRecord extends RecordContent {
  id: number;
}

export interface Site {
  domain: string;
  zone: string;
  www: boolean;
  /** The server's. */
  ipv4: string;
  ipv6?: string | undefined;
}

/** The records that bring visitors of a site to its server. Throws InputError when an address is none. */
export function wantedRecords({ domain, zone, www, ipv4, ipv6 }: Site): WantedRecord[] {
  const target = { A: plainAddress(ipv4), AAAA: ipv6 === undefined ? undefined : plainAddress(ipv6) };
  if (target.A?.includes(':') !== false) throw new InputError(say('address.ipv4'));
  if (ipv6 !== undefined && target.AAAA?.includes(':') !== true) throw new InputError(say('address.ipv6'));
  return siteHosts(domain, www).flatMap((host) =>
    (['A', 'AAAA'] as const).flatMap((type) => {
      const address = target[type];
      return address === undefined ? [] : [{ host, subDomain: nameInZone(host, zone), type, target: address }];
    }),
  );
}

/** Whether two records say the same; how long it may be kept does not count. */
export function sameContent(one: Pick<RecordContent, 'subDomain' | 'type' | 'target'>, other: Pick<RecordContent, 'subDomain' | 'type' | 'target'>): boolean {
  return contentKey(one) === contentKey(other);
}

/** The same text for records that say the same. */
export function contentKey({ subDomain, type, target }: Pick<RecordContent, 'subDomain' | 'type' | 'target'>): string {
  const plain = type === 'CNAME' ? plainName(target) || target : (plainAddress(target) ?? target);
  return `${subDomain.toLowerCase()} ${type} ${plain}`;
}

/** "api.copro.example.be A 203.0.113.7", for people. Targets come from outside. */
export function describeRecord({ subDomain, type, target }: Pick<RecordContent, 'subDomain' | 'type' | 'target'>, zone: string): string {
  return `${subDomain === '' ? zone : `${subDomain}.${zone}`} ${type} ${target}`.replace(/\p{C}/gu, '').slice(0, 400);
}
