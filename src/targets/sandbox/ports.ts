import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../../errors.js';
import { say } from './words.js';

/** Below the range from which Linux takes the ports of outgoing connections (32768 and up), so that none sits there by chance after a restart. */
const FIRST = 20_000;
const LAST = 32_000;
const TRIES = 50;

/** `count` different loopback ports where nothing listens now. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > TRIES + count) throw new InfraError(say('ports.none'), { hints: ['ss -ltn'] });
    const port = randomInt(FIRST, LAST);
    if (await portIsFree(port)) ports.add(port);
  }
  return [...ports];
}

/** Whether a program could listen on this port of 127.0.0.1 now. */
export function portIsFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen(port, '127.0.0.1', () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}

/** The same, but for a program that is just ending: for a moment after it was killed the kernel still keeps its ports. */
export async function portBecomesFree(port: number, seconds = 5): Promise<boolean> {
  const end = Date.now() + seconds * 1000;
  while (!(await portIsFree(port))) {
    if (Date.now() > end) return false;
    await sleep(200);
  }
  return true;
}
