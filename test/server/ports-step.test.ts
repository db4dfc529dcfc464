import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { Machine } from '../../src/machine.js';
import { silent } from '../../src/progress.js';
import { portsStep } from '../../src/server/ports-step.js';

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

async function speaks(delay = 0): Promise<number> {
  const server = createServer((socket: Socket) => {
    socket.on('error', () => undefined);
    setTimeout(() => socket.end('SSH-2.0-x\r\n'), delay);
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  return typeof address === 'object' && address ? address.port : 0;
}

async function deaf(): Promise<number> {
  const port = await speaks();
  const server = servers.pop();
  await new Promise((resolve) => server?.close(resolve));
  return port;
}

function step(ports: { ssh: number; web: number; database: number }) {
  const host = '127.0.0.1';
  const machine = {
    address: { host, port: ports.ssh, user: 'debian', hostKey: '' },
    web: { host, http: ports.web, https: 1 },
    closed: [{ port: 5432, host, at: ports.database }],
    forwarder: false,
  } as unknown as Machine;
  return portsStep({ machine: async () => machine, tls: false, progress: silent, patienceSeconds: 0.3, timeoutSeconds: 0.2 });
}

describe('the ports step', () => {
  it('is done when ssh and the web answer and the rest does not', async () => {
    expect(await step({ ssh: await speaks(), web: await speaks(), database: await deaf() }).check()).toEqual({ state: 'done', detail: '22, 80 answer; 5432 do not' });
  });

  it('stops the set-up when a port that must be closed answers', async () => {
    expect(await step({ ssh: await speaks(), web: await speaks(), database: await speaks() }).check()).toMatchObject({ state: 'blocked', reason: expect.stringContaining('port 5432') as string });
  });

  it('waits for a port that does not answer yet, and says which one never did', async () => {
    const nobody = step({ ssh: await speaks(), web: await deaf(), database: await deaf() });
    expect(await nobody.check()).toMatchObject({ state: 'needed', changes: ['wait until port 80 answers'] });
    await expect(nobody.apply()).rejects.toThrow('port 80 of the server does not answer');
  });
});
