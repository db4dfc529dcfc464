import { siteHosts } from '../dns/names.js';
import { messageOf } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Tls } from './render.js';
import { type Reply, type Scheme, type Visit, visit } from './visit.js';
import { say } from './words.js';

export interface HealthOptions {
  machine: Pick<Machine, 'web'>;
  domain: string;
  /** Whether www. is to lead to the domain. */
  www?: boolean;
  tls?: Tls;
  /** For each of the requests. Default 15 s. */
  timeoutSeconds?: number;
  /** Authorities to trust instead of this computer's, in PEM. */
  ca?: string;
}

export interface HealthResult {
  ok: boolean;
  answers: HealthAnswer[];
}

export interface HealthAnswer {
  what: 'site' | 'api' | 'database' | 'www' | 'redirect';
  url: string;
  ok: boolean;
  /** HTTP status, where something answered. */
  status?: number;
  /** Why not ok. */
  problem?: string;
}

/**
 * Asks as a visitor would, from this computer: the site, the API, and a path of the API that reads the database
 * (404 for a building that does not exist: the database answered; 500: it did not). www. has to lead to the domain for
 * good. With TLS the certificate is verified, site and API have to send the security headers, and every name has to lead
 * from http to https. Never throws: a server that does not answer is a result. The names need not be in DNS yet.
 */
export async function healthCheck({ machine, domain, www = false, tls = 'none', timeoutSeconds = 15, ca }: HealthOptions): Promise<HealthResult> {
  const scheme = tls === 'none' ? 'http' : 'https';
  const at = { web: machine.web, timeoutSeconds, ...(ca === undefined ? {} : { ca }) };
  const ask = (what: HealthAnswer['what'], name: string, path: string, judge: Judge, by: Scheme = scheme) => askOne({ ...at, what, scheme: by, name, path, judge });
  const headers = tls === 'none' ? [] : [hasSecurityHeaders];
  const answers = await Promise.all([
    ask('site', domain, '/health', all(hasStatus(200), ...headers)),
    ask('api', `api.${domain}`, '/api/v1/health', all(hasStatus(200), ...headers)),
    ask('database', `api.${domain}`, '/api/v1/public/buildings/00000000-0000-4000-8000-000000000000/syndic', hasStatus(404)),
    ...(www ? [ask('www', `www.${domain}`, '/health?from=www', leadsTo(`${scheme}://${domain}/health?from=www`))] : []),
    ...(tls === 'none' ? [] : siteHosts(domain, www).map((name) => ask('redirect', name, '/health', leadsTo(`https://${name}/health`), 'http'))),
  ]);
  return { ok: answers.every((answer) => answer.ok), answers: withOneRedirect(answers) };
}

/** The way from http to https is one line, whatever the number of names: the first that is wrong stands for all. */
function withOneRedirect(answers: readonly HealthAnswer[]): HealthAnswer[] {
  const redirects = answers.filter(({ what }) => what === 'redirect');
  const shown = redirects.find(({ ok }) => !ok) ?? redirects[0];
  return [...answers.filter(({ what }) => what !== 'redirect'), ...(shown ? [shown] : [])];
}

/** What is wrong with a reply; undefined when it is right. */
type Judge = (reply: Reply) => string | undefined;

const all = (...judges: readonly Judge[]): Judge => (reply) => judges.map((judge) => judge(reply)).find((problem) => problem !== undefined);

const hasStatus = (wanted: number): Judge => ({ status }) => (status === wanted ? undefined : say('health.status', { status, wanted }));

const LONGEST_SHOWN = 200;

const leadsTo = (url: string): Judge => ({ status, headers: { location = '' } }) => {
  if (status !== 301 && status !== 308) return say('health.noRedirect', { status, url });
  return location === url ? undefined : say('health.leadsElsewhere', { location: location.slice(0, LONGEST_SHOWN), url });
};

/** Half a year: below that, lists of sites that browsers know to have TLS do not take a site. */
const LEAST_HSTS_SECONDS = 15_552_000;

const SECURITY_HEADERS: readonly (readonly [name: string, isRight: (value: string) => boolean])[] = [
  ['Strict-Transport-Security', (value) => Number(/(?:^|;)\s*max-age="?(\d{1,12})/i.exec(value)?.[1] ?? 0) >= LEAST_HSTS_SECONDS],
  ['X-Content-Type-Options', (value) => value.toLowerCase() === 'nosniff'],
  ['X-Frame-Options', (value) => value.toUpperCase() === 'DENY'],
];

const hasSecurityHeaders: Judge = ({ headers }) => {
  const wrong = SECURITY_HEADERS.filter(([name, isRight]) => !isRight(String(headers[name.toLowerCase()] ?? ''))).map(([name]) => name);
  return wrong.length === 0 ? undefined : say('health.headers', { names: wrong.join(', ') });
};

interface Question extends Visit {
  what: HealthAnswer['what'];
  judge: Judge;
}

async function askOne(question: Question): Promise<HealthAnswer> {
  const { what, scheme, name, path, judge } = question;
  const url = `${scheme}://${name}${path}`;
  try {
    const reply = await visit(question);
    const problem = judge(reply);
    return { what, url, ok: problem === undefined, status: reply.status, ...(problem === undefined ? {} : { problem }) };
  } catch (error) {
    return { what, url, ok: false, problem: messageOf(error) };
  }
}
