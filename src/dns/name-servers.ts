import { Resolver } from 'node:dns/promises';
import { errorCode } from '../edges/files.js';
import { toDo } from '../edges/words.js';
import { InfraError } from '../errors.js';
import { say } from './words.js';

/** What is asked of a resolver; Node's has it. */
export type DnsResolver = Pick<Resolver, 'resolve4' | 'resolve6' | 'resolveNs' | 'resolveCname'>;

/** A resolver that asks this server only, or without one what this computer asks. A new one each time: they remember answers. */
export type ResolverFor = (server?: string) => DnsResolver;

const QUERY_MS = 3000;
const TRIES = 2;
const MAX_SERVERS = 20;

export const nodeResolver: ResolverFor = (server) => {
  const resolver = new Resolver({ timeout: QUERY_MS, tries: TRIES });
  if (server !== undefined) resolver.setServers([server.includes(':') ? `[${server}]` : server]);
  return resolver;
};

export interface NameServer {
  name: string;
  addresses: string[];
}

export interface ZoneServers {
  zone: string;
  servers: NameServer[];
}

/** The resolver says that there is no such name, or no such record at it. */
const ABSENT = new Set(['ENODATA', 'ENOTFOUND']);

/**
 * The zone that a domain lies in, and its own name servers: the first name upwards that has NS records. Throws InfraError
 * for a domain that is not registered, and where this computer cannot ask.
 */
export async function findZoneServers(domain: string, resolverFor: ResolverFor = nodeResolver): Promise<ZoneServers> {
  const labels = domain.split('.');
  const resolver = resolverFor();
  // A top-level domain has name servers too, and they know nothing of records below.
  for (let from = 0; from < labels.length - 1; from += 1) {
    const zone = labels.slice(from).join('.');
    const names = await absentIsEmpty(() => resolver.resolveNs(zone), say('resolver.servers', { zone }));
    if (names.length > 0) return { zone, servers: await withAddresses(zone, names, resolver) };
  }
  throw new InfraError(say('servers.none', { domain }), {
    hints: [say('servers.typing'), `dig +trace NS ${labels.slice(-2).join('.')}`],
  });
}

async function withAddresses(zone: string, names: readonly string[], resolver: DnsResolver): Promise<NameServer[]> {
  const servers = await Promise.all(
    names
      .filter((name) => /^[A-Za-z0-9._-]{1,253}$/.test(name))
      .slice(0, MAX_SERVERS)
      .map(async (name) => {
        const doing = say('resolver.host', { name });
        const four = await absentIsEmpty(() => resolver.resolve4(name), doing);
        return { name: name.toLowerCase(), addresses: [...four, ...(await absentIsEmpty(() => resolver.resolve6(name), doing))] };
      }),
  );
  const reachable = servers.filter(({ addresses }) => addresses.length > 0).sort((one, other) => one.name.localeCompare(other.name));
  if (reachable.length > 0) return reachable;
  const found = servers.map(({ name }) => name).join(', ') || say('servers.notHosts');
  throw new InfraError(say('servers.noAddress', { zone, names: found }), { hints: [`dig +trace NS ${zone}`] });
}

/** Throws InfraError for anything but an answer. */
async function absentIsEmpty(ask: () => Promise<string[]>, doing: string): Promise<string[]> {
  try {
    return await ask();
  } catch (error) {
    const code = errorCode(error) ?? say('resolver.unknown');
    if (ABSENT.has(code)) return [];
    throw new InfraError(say('resolver.silent', { doing: toDo(doing), code }), { hints: [say('resolver.check'), say('again')] });
  }
}

/** What one server says of one name: its addresses (none when it knows none), an alias, or no answer at all. */
export type ServerAnswer = { state: 'answers'; addresses: string[]; alias?: string | undefined } | { state: 'silent' | 'refuses' };

/** Asks one name server. Never throws for what a server does. */
export async function askServer(server: NameServer, host: string, type: 'A' | 'AAAA', resolverFor: ResolverFor = nodeResolver): Promise<ServerAnswer> {
  let worst: ServerAnswer = { state: 'silent' };
  // IPv4 first: this computer may have no IPv6.
  for (const address of server.addresses) {
    const answer = await askAddress(resolverFor(address), host, type);
    if (answer.state === 'answers') return answer;
    if (answer.state === 'refuses') worst = answer;
  }
  return worst;
}

async function askAddress(resolver: DnsResolver, host: string, type: 'A' | 'AAAA'): Promise<ServerAnswer> {
  try {
    const addresses = type === 'A' ? await resolver.resolve4(host) : await resolver.resolve6(host);
    // An alias that leads out of the zone comes without an address, and Node 20 calls that an answer.
    if (addresses.length > 0) return { state: 'answers', addresses };
  } catch (error) {
    const code = errorCode(error) ?? 'unknown';
    if (!ABSENT.has(code)) return { state: code === 'ESERVFAIL' || code === 'EREFUSED' || code === 'ENOTIMP' || code === 'EFORMERR' ? 'refuses' : 'silent' };
  }
  try {
    return { state: 'answers', addresses: [], alias: (await resolver.resolveCname(host))[0] };
  } catch {
    return { state: 'answers', addresses: [] };
  }
}
