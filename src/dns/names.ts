import { SocketAddress, isIPv4, isIPv6 } from 'node:net';
import { domainToASCII } from 'node:url';
import { InputError } from '../errors.js';
import { domainName } from '../stack/domain.js';
import { say } from './words.js';

/**
 * The domain that somebody typed, in the form in which DNS knows it: "Copropriété.example.be" becomes
 * "xn--coproprit-i4ab.example.be". Throws InputError for what is no domain.
 */
export function asciiDomain(typed: string): string {
  const text = typed.trim().toLowerCase();
  // The conversion stops at a slash and calls the rest a path: it is only for what has letters alone.
  const isForeign = /[^\p{ASCII}]/u.test(text) && /^[\p{L}\p{M}\p{N}.-]{1,253}$/u.test(text);
  const read = domainName.safeParse(isForeign ? domainToASCII(text) : text);
  if (read.success) return read.data;
  throw new InputError(say('domain', { text: text.replace(/\p{C}/gu, '').slice(0, 80), why: read.error.issues[0]?.message ?? '' }).trim());
}

/** The hosts that the site answers at. The domain comes first. */
export function siteHosts(domain: string, www: boolean): string[] {
  return [domain, `api.${domain}`, ...(www ? [`www.${domain}`] : [])];
}

/**
 * The zone that holds a domain's records: of those given, the longest that the domain ends in, label by label. Never
 * "the last two labels": under co.uk, and in zones that were cut off from a larger one, that would be another's zone.
 */
export function zoneOf(domain: string, zones: readonly string[]): string | undefined {
  const labels = domain.split('.');
  const known = new Set(zones.map(plainName));
  for (let from = 0; from < labels.length; from += 1) {
    const name = labels.slice(from).join('.');
    if (known.has(name)) return name;
  }
  return undefined;
}

/** The name of a host inside its zone, as zone editors want it; empty for the zone's own name. */
export function nameInZone(host: string, zone: string): string {
  if (host === zone) return '';
  if (!host.endsWith(`.${zone}`)) throw new Error(`${host} is not in the zone ${zone}`);
  return host.slice(0, -(zone.length + 1));
}

/** A name as it is compared: lower case, ASCII, without the root's dot. Empty for what is no name. */
export function plainName(name: string): string {
  return domainToASCII(name.replace(/\.$/, ''));
}

/** An address as it is compared: IPv6 has many spellings. Undefined for what is no address. */
export function plainAddress(address: string): string | undefined {
  if (isIPv4(address)) return address;
  if (!isIPv6(address) || address.includes('%')) return undefined;
  return new SocketAddress({ address, family: 'ipv6' }).address;
}
