import { z } from 'zod';

/** One rule of a token: what it may call. A "*" in the path stands for anything. */
export interface OvhRight {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
}

/** Where an account lives: a token of one of them is unknown to the others. */
export interface OvhEndpoint {
  /** As OVH's own tools and the Terraform provider call it. */
  name: string;
  /** Base address of the API, without a slash at its end. */
  url: string;
  /** The page on which a person makes a token. */
  tokenPage: string;
}

export const OVH_ENDPOINTS = {
  'ovh-eu': { name: 'ovh-eu', url: 'https://eu.api.ovh.com/1.0', tokenPage: 'https://eu.api.ovh.com/createToken/' },
  'ovh-ca': { name: 'ovh-ca', url: 'https://ca.api.ovh.com/1.0', tokenPage: 'https://ca.api.ovh.com/createToken/' },
  'ovh-us': { name: 'ovh-us', url: 'https://api.us.ovhcloud.com/1.0', tokenPage: 'https://api.us.ovhcloud.com/createToken/' },
} as const satisfies Readonly<Record<string, OvhEndpoint>>;

export const ovhEndpointName = z.enum(['ovh-eu', 'ovh-ca', 'ovh-us']);

const METHODS = ['GET', 'POST', 'PUT', 'DELETE'] as const;
const allOf = (path: string): OvhRight[] => METHODS.map((method) => ({ method, path }));

/** All that is needed for DNS records: the list of zones, and everything below one of them (or, before it is known, below each). */
export function zoneRights(zone?: string): OvhRight[] {
  const list: OvhRight = { method: 'GET', path: '/domain/zone' };
  if (zone === undefined) return [list, ...allOf('/domain/zone/*')];
  return [list, { method: 'GET', path: `/domain/zone/${zone}` }, ...allOf(`/domain/zone/${zone}/*`)];
}

/** What Terraform's provider calls besides, where it is to make the bucket and the user of the backups. */
export function bucketRights(project: string, region: string): OvhRight[] {
  const at = `/cloud/project/${project}`;
  const storage = `${at}/region/${region}/storage`;
  return [
    { method: 'GET', path: '/auth/details' },
    { method: 'POST', path: storage },
    ...allOf(`${storage}/*`),
    { method: 'POST', path: `${at}/user` },
    // Whether its user is really gone in the end.
    { method: 'GET', path: `${at}/user` },
    { method: 'GET', path: `${at}/role` },
    ...allOf(`${at}/user/*`),
  ];
}

/** The page that makes a token, with exactly these rights filled in. */
export function tokenLink({ tokenPage }: OvhEndpoint, rights: readonly OvhRight[]): string {
  return `${tokenPage}?${rights.map(({ method, path }) => `${method}=${encodeURI(path)}`).join('&')}`;
}

/** Those of the wanted rights that none of the granted ones covers. */
export function missingRights(granted: readonly { method: string; path: string }[], wanted: readonly OvhRight[]): OvhRight[] {
  return wanted.filter(({ method, path }) => !granted.some((rule) => rule.method === method && covers(rule.path, path)));
}

/** No regular expression: the pattern comes from outside, and many stars would make one slow. */
function covers(pattern: string, path: string): boolean {
  const [start = '', ...rest] = pattern.split('*');
  const end = rest.pop();
  if (end === undefined) return pattern === path;
  if (!path.startsWith(start)) return false;
  let at = start.length;
  for (const part of rest) {
    const found = path.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return path.length - end.length >= at && path.endsWith(end);
}
