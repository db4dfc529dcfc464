import { readFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { healthCheck } from '../../src/stack/health.js';
import { makeCertificate, type TestCertificate } from '../fixtures/tls.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** Answers as Traefik would: by host and path. */
async function serve(statusOf: (host: string, path: string) => number | undefined): Promise<{ web: { host: string; http: number; https: number } }> {
  const http = await listen(
    createServer((request, response) => {
      const status = statusOf(request.headers.host ?? '', request.url ?? '');
      if (status !== undefined) response.writeHead(status).end();
    }),
  );
  return { web: { host: '127.0.0.1', http, https: 1 } };
}

const koprogo = (database: number) => (host: string, path: string) => {
  if (host === 'a.be') return path === '/health' ? 200 : 404;
  if (host !== 'api.a.be') return 404;
  if (path === '/api/v1/health') return 200;
  return /^\/api\/v1\/public\/buildings\/[0-9a-f-]{36}\/syndic$/.test(path) ? database : 403;
};

describe('healthCheck', () => {
  it('asks the site, the API and the database by their names', async () => {
    const { ok, answers } = await healthCheck({ machine: await serve(koprogo(404)), domain: 'a.be' });
    expect(ok).toBe(true);
    expect(answers.map(({ what, status }) => [what, status])).toEqual([['site', 200], ['api', 200], ['database', 404]]);
  });

  it('sees a database that is down behind an API that is up', async () => {
    const { ok, answers } = await healthCheck({ machine: await serve(koprogo(500)), domain: 'a.be' });
    expect([ok, answers.map((answer) => answer.ok)]).toEqual([false, [true, true, false]]);
    expect(answers[2]?.problem).toBe('answers 500 instead of 404');
  });

  it('reports silence and refusal instead of throwing', async () => {
    const silent = await healthCheck({ machine: await serve(() => undefined), domain: 'a.be', timeoutSeconds: 0.3 });
    expect(silent.answers.map(({ problem }) => problem)).toEqual(Array(3).fill('no answer within 0.3 s'));
    const refused = await healthCheck({ machine: { web: { host: '127.0.0.1', http: 1, https: 1 } }, domain: 'a.be', tls: 'letsencrypt' });
    expect(refused.ok).toBe(false);
    expect(refused.answers[0]).toMatchObject({ url: 'https://a.be/health', problem: expect.stringContaining('ECONNREFUSED') as string });
  });
});

const HEADERS = { 'Strict-Transport-Security': 'max-age=31536000', 'X-Content-Type-Options': 'nosniff', 'X-Frame-Options': 'DENY' };
type Answering = (host: string, path: string, response: ServerResponse) => void;

/** As Traefik does it with TLS: port 80 only redirects, www. leads to the domain. */
const rightly: { http: Answering; https: Answering } = {
  http: (host, path, response) => response.writeHead(301, { location: `https://${host}${path}` }),
  https: (host, path, response) => {
    for (const [name, value] of Object.entries(HEADERS)) response.setHeader(name, value);
    if (host === 'www.a.be') response.writeHead(308, { location: `https://a.be${path}` });
    else response.writeHead(koprogo(404)(host, path));
  },
};

describe('healthCheck with TLS', () => {
  let made: TestCertificate;
  beforeAll(() => {
    made = makeCertificate(['DNS:a.be', 'DNS:api.a.be', 'DNS:www.a.be']);
  });
  afterAll(() => {
    made.remove();
  });

  async function check(change: Partial<typeof rightly> = {}) {
    const { http, https } = { ...rightly, ...change };
    const listener = (answer: Answering): RequestListener => (request, response) => {
      answer(request.headers.host ?? '', request.url ?? '', response);
      response.end();
    };
    const web = {
      host: '127.0.0.1',
      http: await listen(createServer(listener(http))),
      https: await listen(createTlsServer({ cert: readFileSync(made.certificate), key: readFileSync(made.key) }, listener(https))),
    };
    return healthCheck({ machine: { web }, domain: 'a.be', www: true, tls: 'letsencrypt', ca: readFileSync(made.authority, 'utf8') });
  }
  const problems = async (change: Partial<typeof rightly>) => (await check(change)).answers.flatMap(({ what, problem }) => (problem === undefined ? [] : [`${what}: ${problem}`]));

  it('asks for www, and once for the way from http', async () => {
    const { ok, answers } = await check();
    expect(answers.map(({ what, url, problem }) => [what, url, problem]).slice(3)).toEqual([
      ['www', 'https://www.a.be/health?from=www', undefined],
      ['redirect', 'http://a.be/health', undefined],
    ]);
    expect([ok, answers.length]).toEqual([true, 5]);
  });

  it('sees a name that http does not lead from, a way that is not for good, and one that leads elsewhere', async () => {
    const notFromWww: Answering = (host, path, response) => {
      if (host === 'www.a.be') response.writeHead(200);
      else rightly.http(host, path, response);
    };
    expect(await problems({ http: notFromWww })).toEqual([
      'redirect: answers 200 instead of leading to https://www.a.be/health for good (301 or 308)',
    ]);
    expect(await problems({ http: (host, path, response) => response.writeHead(302, { location: `https://${host}${path}` }) })).toEqual([
      'redirect: answers 302 instead of leading to https://a.be/health for good (301 or 308)',
    ]);
    expect(await problems({ http: (_host, path, response) => response.writeHead(301, { location: `https://evil.test${path}` }) })).toEqual([
      'redirect: leads to "https://evil.test/health" instead of https://a.be/health',
    ]);
  });

  it('sees that www. is the site itself, or loses the path', async () => {
    const www = (answer: (response: ServerResponse) => void): Answering => (host, path, response) => {
      if (host === 'www.a.be') answer(response);
      else rightly.https(host, path, response);
    };
    expect(await problems({ https: www((response) => response.writeHead(200)) })).toEqual(['www: answers 200 instead of leading to https://a.be/health?from=www for good (301 or 308)']);
    expect(await problems({ https: www((response) => response.writeHead(301, { location: 'https://a.be/' })) })).toEqual(['www: leads to "https://a.be/" instead of https://a.be/health?from=www']);
  });

  it.each([
    ['all of them', {}, 'Strict-Transport-Security, X-Content-Type-Options, X-Frame-Options'],
    ['a long enough HSTS', { ...HEADERS, 'Strict-Transport-Security': 'max-age=60' }, 'Strict-Transport-Security'],
    ['a frame that nobody may use', { ...HEADERS, 'X-Frame-Options': 'SAMEORIGIN' }, 'X-Frame-Options'],
  ])('misses %s on site and API', async (_, headers, names) => {
    const https: Answering = (host, path, response) => {
      rightly.https(host, path, { writeHead: (...all: [number, object?]) => response.writeHead(all[0], { ...headers, ...all[1] }), setHeader: () => response } as unknown as ServerResponse);
    };
    expect(await problems({ https })).toEqual(['site', 'api'].map((what) => `${what}: security headers are missing or wrong: ${names}`));
  });

  it('does not take a certificate of an unknown authority', async () => {
    const web = { host: '127.0.0.1', http: 1, https: await listen(createTlsServer({ cert: readFileSync(made.certificate), key: readFileSync(made.key) })) };
    const { answers } = await healthCheck({ machine: { web }, domain: 'a.be', tls: 'letsencrypt' });
    expect(answers[0]?.problem).toMatch(/certificate|verify/);
  });
});
