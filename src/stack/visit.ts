import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Machine } from '../machine.js';
import { say } from './words.js';

export type Scheme = 'http' | 'https';

export interface Visit {
  scheme: Scheme;
  /** Of the site: it need not be in DNS yet. */
  name: string;
  path: string;
  web: Machine['web'];
  timeoutSeconds: number;
  /** Authorities to trust instead of this computer's, in PEM. */
  ca?: string;
}

export interface Reply {
  status: number;
  headers: IncomingHttpHeaders;
}

/** Asks the server by its address for a path of a name, as a visitor would. Throws an Error when nothing answers. */
export function visit({ scheme, web, name, path, timeoutSeconds, ca }: Visit): Promise<Reply> {
  const secure = scheme === 'https';
  return new Promise((resolve, reject) => {
    const request = (secure ? httpsRequest : httpRequest)({
      host: web.host,
      port: secure ? web.https : web.http,
      path,
      // No connection of an earlier question is used again: each is a visitor of its own.
      agent: false,
      headers: { host: name, 'user-agent': 'koprogo-infra' },
      ...(secure ? { servername: name, ...(ca === undefined ? {} : { ca }) } : {}),
      signal: AbortSignal.timeout(timeoutSeconds * 1000),
    });
    request.once('response', (response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, headers: response.headers });
    });
    request.once('error', (error) => {
      reject(error.name === 'AbortError' || error.name === 'TimeoutError' ? new Error(say('health.noAnswer', { timeoutSeconds })) : error);
    });
    request.end();
  });
}
