import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { registriesAnswer } from '../../src/targets/sandbox/registry.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function answering(status: number, headers: Record<string, string> = {}): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status, headers).end('{}'));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/v2/`;
}

it('takes a registry by its challenge or its welcome', async () => {
  expect(await registriesAnswer([await answering(200), await answering(401, { 'www-authenticate': 'Bearer realm="x"' })])).toBe(true);
});

it.each([
  [401, {}],
  [403, {}],
  [302, { location: 'http://127.0.0.1:1/' }],
  [502, {}],
])('does not take a proxy for one: %i', async (status, headers) => {
  expect(await registriesAnswer([await answering(200), await answering(status, headers)])).toBe(false);
});

it('needs all of them', async () => {
  expect(await registriesAnswer([await answering(200), 'http://127.0.0.1:1/v2/'])).toBe(false);
});
