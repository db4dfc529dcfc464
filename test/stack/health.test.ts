import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { healthCheck } from '../../src/stack/health.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Answers as Traefik would: by host and path. */
async function serve(statusOf: (host: string, path: string) => number | undefined): Promise<{ web: { host: string; http: number; https: number } }> {
  const made = createServer((request, response) => {
    const status = statusOf(request.headers.host ?? '', request.url ?? '');
    if (status !== undefined) response.writeHead(status).end();
  });
  server = made;
  await new Promise<void>((resolve) => {
    made.listen(0, '127.0.0.1', resolve);
  });
  const address = made.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { web: { host: '127.0.0.1', http: address.port, https: 1 } };
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
