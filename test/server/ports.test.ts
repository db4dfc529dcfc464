import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { verifyPorts } from '../../src/server/ports.js';

const servers: Server[] = [];
const sockets = new Set<Socket>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
});

/** A port on loopback that treats every connection so. */
async function listen(treat: (socket: Socket) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    treat(socket);
  });
  servers.push(server);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const speaksFirst = () => listen((socket) => socket.write('SSH-2.0-x\r\n'));
const answersWhenAsked = () => listen((socket) => socket.once('data', () => socket.end('HTTP/1.0 404\r\n\r\n')));
const saysNothing = () => listen(() => undefined);
const hangsUp = () => listen((socket) => socket.destroy());

async function nothingListens(): Promise<number> {
  const port = await saysNothing();
  const server = servers.pop();
  await new Promise((resolve) => server?.close(resolve));
  return port;
}

const at = (port: number, expected: 'open' | 'closed') => ({ port, host: '127.0.0.1', at: port, expected });
const look = async (port: number, forwarder: boolean, expected: 'open' | 'closed') => {
  const { ok, ports } = await verifyPorts({ ports: [at(port, expected)], forwarder, timeoutSeconds: 0.4 });
  return [ok, ports[0]?.answer];
};

describe('verifyPorts', () => {
  it.each([
    ['a greeting', speaksFirst, 'answers'],
    ['an answer to a question', answersWhenAsked, 'answers'],
  ] as const)('counts %s as open', async (_, make, answer) => {
    const port = await make();
    expect(await look(port, false, 'open')).toEqual([true, answer]);
    expect(await look(port, true, 'closed')).toEqual([false, answer]);
  });

  it.each([
    ['silence', saysNothing, 'silent'],
    ['hanging up', hangsUp, 'dropped'],
  ] as const)('counts %s as open on the server, and as closed behind a forwarder', async (_, make, answer) => {
    const port = await make();
    expect(await look(port, false, 'closed')).toEqual([false, answer]);
    expect(await look(port, true, 'closed')).toEqual([true, answer]);
    expect(await look(port, true, 'open')).toEqual([false, answer]);
  });

  it('counts a refused connection as closed', async () => {
    expect(await look(await nothingListens(), false, 'closed')).toEqual([true, 'refused']);
  });

  it('is only ok when every port is as expected', async () => {
    const ports = [
      at(await speaksFirst(), 'open'),
      at(await nothingListens(), 'open'),
    ];
    const report = await verifyPorts({ ports, forwarder: false, timeoutSeconds: 0.4 });
    expect([report.ok, report.ports.map(({ ok }) => ok)]).toEqual([false, [true, false]]);
  });
});
