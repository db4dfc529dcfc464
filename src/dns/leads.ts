import { plainAddress } from './names.js';
import { askServer, type DnsResolver, findZoneServers, nodeResolver, type ResolverFor, type ServerAnswer } from './name-servers.js';
import type { Finding } from './wait.js';

export interface Leads {
  zone: string;
  /** Answers that lead a visitor, or Let's Encrypt, away from the server or nowhere. */
  wrong: Finding[];
  /** None of the zone's servers answered this computer: nothing is known. */
  unknown: boolean;
}

/**
 * What the zone's own name servers say of hosts, asked once. Unlike the records that this program makes, those that
 * somebody else entered may be fewer than the server has addresses, and an alias: they only have to lead to the server.
 * @param own every address of the server
 */
export async function whereHostsLead(domain: string, hosts: readonly string[], own: readonly string[], resolverFor: ResolverFor = nodeResolver): Promise<Leads> {
  const { zone, servers } = await findZoneServers(domain, resolverFor);
  const questions = servers.flatMap((server) => hosts.flatMap((host) => (['A', 'AAAA'] as const).map((type) => ({ server, host, type }))));
  const findings = await Promise.all(
    questions.map(async ({ server, host, type }): Promise<Finding> => {
      const addresses = own.filter((address) => address.includes(':') === (type === 'AAAA'));
      const answer = await followed(await askServer(server, host, type, resolverFor), type, resolverFor());
      return { host, type, addresses, server: server.name, answer, right: leadsThere(answer, type, addresses) };
    }),
  );
  const answered = findings.filter(({ answer }) => answer.state === 'answers');
  // One that is silent or not responsible takes nobody away: resolvers ask the next.
  return { zone, wrong: answered.filter(({ right }) => !right), unknown: answered.length === 0 };
}

/** An alias that leads out of the zone is looked up where this computer asks. */
async function followed(answer: ServerAnswer, type: Finding['type'], resolver: DnsResolver): Promise<ServerAnswer> {
  if (answer.state !== 'answers' || answer.alias === undefined || answer.addresses.length > 0) return answer;
  const { alias } = answer;
  const addresses = await (type === 'A' ? resolver.resolve4(alias) : resolver.resolve6(alias)).catch(() => []);
  return addresses.length > 0 || type === 'AAAA' ? { state: 'answers', addresses } : answer;
}

function leadsThere(answer: ServerAnswer, type: Finding['type'], own: readonly string[]): boolean {
  if (answer.state !== 'answers') return false;
  if (answer.addresses.length === 0) return type === 'AAAA';
  return answer.addresses.every((address) => own.includes(plainAddress(address) ?? address));
}
