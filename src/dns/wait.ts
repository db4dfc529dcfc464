import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { plainAddress } from './names.js';
import { askServer, type NameServer, nodeResolver, type ResolverFor, type ServerAnswer, type ZoneServers } from './name-servers.js';
import type { WantedRecord } from './records.js';
import { say } from './words.js';

/** What every server must say of a host: exactly these addresses. None: there must be no such record. */
export interface Expectation {
  host: string;
  type: 'A' | 'AAAA';
  addresses: string[];
}

export interface Finding extends Expectation {
  server: string;
  answer: ServerAnswer;
  right: boolean;
}

export interface WaitOptions {
  servers: ZoneServers;
  wanted: readonly WantedRecord[];
  progress: Progress;
  /** For how long in all. Default 3600: OVH says that it may take an hour. */
  limitSeconds?: number;
  /** Between two rounds of questions. Default 10. */
  pauseSeconds?: number;
  resolverFor?: ResolverFor;
}

const LIMIT_SECONDS = 3600;
const PAUSE_SECONDS = 10;
/** Rounds in a row without an answer after which a server is no longer waited for: visitors' resolvers ask another, too. */
const PATIENCE = 3;

/** What has to be true of the hosts of wanted records. An AAAA that is not wanted must be gone: it would lead elsewhere. */
export function expectationsOf(wanted: readonly WantedRecord[]): Expectation[] {
  const hosts = [...new Set(wanted.map(({ host }) => host))];
  return hosts.flatMap((host) =>
    (['A', 'AAAA'] as const).map((type) => ({ host, type, addresses: wanted.filter((record) => record.host === host && record.type === type).map(({ target }) => target) })),
  );
}

/** Asks every server of the zone for every host, once, at the same time. */
export async function askAll({ servers }: ZoneServers, expected: readonly Expectation[], resolverFor: ResolverFor = nodeResolver): Promise<Finding[]> {
  return Promise.all(servers.flatMap((server) => expected.map((one) => find(server, one, resolverFor))));
}

async function find(server: NameServer, expected: Expectation, resolverFor: ResolverFor): Promise<Finding> {
  const answer = await askServer(server, expected.host, expected.type, resolverFor);
  return { ...expected, server: server.name, answer, right: isRight(answer, expected) };
}

function isRight(answer: ServerAnswer, { addresses }: Expectation): boolean {
  if (answer.state !== 'answers' || answer.alias !== undefined) return false;
  const plain = (list: readonly string[]) => [...new Set(list.map((address) => plainAddress(address) ?? address))].sort().join(' ');
  return plain(answer.addresses) === plain(addresses);
}

/**
 * Waits until the zone's own name servers give the wanted answers. What resolvers elsewhere still remember does not
 * matter to Let's Encrypt, which asks the zone's own. Throws InfraError at the limit, naming who still says what.
 */
export async function waitForRecords({ servers, wanted, progress, limitSeconds = LIMIT_SECONDS, pauseSeconds = PAUSE_SECONDS, resolverFor = nodeResolver }: WaitOptions): Promise<void> {
  const expected = expectationsOf(wanted);
  const end = Date.now() + limitSeconds * 1000;
  const silence = new Map<string, number>();
  for (;;) {
    const findings = await askAll(servers, expected, resolverFor);
    const wrong = findings.filter(({ right }) => !right);
    for (const { name } of servers.servers) {
      const answers = findings.some(({ server, answer }) => server === name && answer.state === 'answers');
      silence.set(name, answers ? 0 : (silence.get(name) ?? 0) + 1);
      if (silence.get(name) === PATIENCE) progress.warn(say('wait.silent', { name, zone: servers.zone }));
    }
    const dead = new Set([...silence].filter(([, rounds]) => rounds >= PATIENCE).map(([name]) => name));
    if (dead.size === servers.servers.length) throw noneAnswers(servers);
    const waitedFor = wrong.filter(({ server }) => !dead.has(server));
    if (waitedFor.length === 0) return;
    const behind = new Set(waitedFor.map(({ server }) => server)).size;
    const total = servers.servers.length - dead.size;
    progress.update(describeFinding(waitedFor[0]), { done: total - behind, total, unit: 'items' });
    if (Date.now() + pauseSeconds * 1000 > end) throw tooLate(servers, waitedFor, limitSeconds);
    await sleep(pauseSeconds * 1000);
  }
}

/** "dns12.ovh.net still says 203.0.113.9 of api.example.be". Aliases come from outside. */
export function describeFinding(finding: Finding | undefined): string {
  if (!finding) return '';
  const { server, host, type, answer, addresses } = finding;
  if (answer.state !== 'answers') return answer.state === 'silent' ? say('finding.silent', { server }) : say('finding.refuses', { server, host });
  if (answer.alias !== undefined) return say('finding.alias', { server, host, alias: answer.alias.replace(/[^A-Za-z0-9._-]/g, '?').slice(0, 253) });
  if (answer.addresses.length === 0) return type === 'A' ? say('finding.unknown', { server, host }) : say('finding.unknownV6', { server, host });
  const said = { server, host, addresses: answer.addresses.slice(0, 5).join(', ') };
  return addresses.length === 0 ? say('finding.unwanted', said) : say('finding.says', said);
}

function tooLate({ zone }: ZoneServers, wrong: readonly Finding[], limitSeconds: number): InfraError {
  const lines = [...new Set(wrong.map(describeFinding))];
  const more = lines.length > 8 ? [say('wait.more', { count: lines.length - 8 })] : [];
  return new InfraError(say('wait.tooLate', { zone, minutes: Math.round(limitSeconds / 60), lines: [...lines.slice(0, 8), ...more].join('\n') }), {
    hints: [say('wait.right'), say('wait.wrong')],
  });
}

function noneAnswers({ zone, servers }: ZoneServers): InfraError {
  return new InfraError(say('wait.none', { zone, names: servers.map(({ name }) => name).join(', ') }), {
    hints: [say('wait.try', { server: servers[0]?.name ?? zone, zone }), say('wait.blocked')],
  });
}
