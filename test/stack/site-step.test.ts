import { createServer, type Server } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import { silent } from '../../src/progress.js';
import { siteStep } from '../../src/stack/site-step.js';

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A site whose API begins to answer with the given number of its request. */
async function site(healthyFrom: number) {
  let requests = 0;
  const made = createServer((request, response) => {
    const path = request.url ?? '';
    if (path === '/health') response.writeHead(200).end();
    else if (path === '/api/v1/health') response.writeHead((requests += 1) >= healthyFrom ? 200 : 502).end();
    else response.writeHead(404).end();
  });
  server = made;
  await new Promise<void>((resolve) => {
    made.listen(0, '127.0.0.1', resolve);
  });
  const address = made.address();
  const http = typeof address === 'object' && address ? address.port : 0;
  return siteStep({ machine: async () => ({ web: { host: '127.0.0.1', http, https: 1 } }), domain: 'a.be', tls: 'none', progress: silent, patienceSeconds: 1 });
}

describe('the site step', () => {
  it('is done when the site, the API and the database answer', async () => {
    expect(await (await site(1)).check()).toMatchObject({ state: 'done' });
  });

  it('waits for an app that is still starting', async () => {
    const step = await site(3);
    expect(await step.check()).toMatchObject({ state: 'needed', changes: ['wait until all answers: api: answers 502 instead of 200'] });
    await step.apply();
    expect(await step.check()).toMatchObject({ state: 'done' });
  });

  it('gives up with what it saw', async () => {
    await expect((await site(99)).apply()).rejects.toThrow('api: answers 502 instead of 200');
  });
});
