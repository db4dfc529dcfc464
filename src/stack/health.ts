import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Tls } from './render.js';
import { say } from './words.js';

export interface HealthOptions {
  machine: Pick<Machine, 'web'>;
  domain: string;
  tls?: Tls;
  /** For each of the three requests. Default 15 s. */
  timeoutSeconds?: number;
}

export interface HealthResult {
  ok: boolean;
  answers: HealthAnswer[];
}

export interface HealthAnswer {
  what: 'site' | 'api' | 'database';
  url: string;
  ok: boolean;
  /** HTTP status, where something answered. */
  status?: number;
  /** Why not ok. */
  problem?: string;
}

/**
 * Asks as a visitor would, from this computer: the site, the API, and a path of the API that reads the database
 * (404 for a building that does not exist: the database answered; 500: it did not). Never throws: a server that
 * does not answer is a result. The names need not be in DNS yet; with TLS the certificate is verified.
 */
export async function healthCheck({ machine, domain, tls = 'none', timeoutSeconds = 15 }: HealthOptions): Promise<HealthResult> {
  const ask = (what: HealthAnswer['what'], name: string, path: string, wanted: number) => askOne({ what, name, path, wanted, web: machine.web, tls, timeoutSeconds });
  const answers = await Promise.all([
    ask('site', domain, '/health', 200),
    ask('api', `api.${domain}`, '/api/v1/health', 200),
    ask('database', `api.${domain}`, '/api/v1/public/buildings/00000000-0000-4000-8000-000000000000/syndic', 404),
  ]);
  return { ok: answers.every((answer) => answer.ok), answers };
}

interface Question {
  what: HealthAnswer['what'];
  name: string;
  path: string;
  wanted: number;
  web: Machine['web'];
  tls: Tls;
  timeoutSeconds: number;
}

async function askOne({ what, name, path, wanted, web, tls, timeoutSeconds }: Question): Promise<HealthAnswer> {
  const url = `${tls === 'none' ? 'http' : 'https'}://${name}${path}`;
  try {
    const status = await get(tls === 'none' ? web.http : web.https, { host: web.host, name, path, secure: tls !== 'none', timeoutSeconds });
    return status === wanted ? { what, url, ok: true, status } : { what, url, ok: false, status, problem: say('health.status', { status, wanted }) };
  } catch (error) {
    return { what, url, ok: false, problem: messageOf(error) };
  }
}

function get(port: number, { host, name, path, secure, timeoutSeconds }: { host: string; name: string; path: string; secure: boolean; timeoutSeconds: number }): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)({
      host,
      port,
      path,
      // No connection of an earlier question is used again: each is a visitor of its own.
      agent: false,
      headers: { host: name, 'user-agent': 'koprogo-infra' },
      ...(secure ? { servername: name } : {}),
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
    });
    request.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.once('error', (error) => {
      reject(error.name === 'AbortError' || error.name === 'TimeoutError' ? new Error(say('health.noAnswer', { timeoutSeconds })) : error);
    });
    request.end();
  });
}
