import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Namespaces, namespacesUnavailable } from '../fixtures/network-namespaces.js';

const why = namespacesUnavailable();
if (why !== undefined) console.warn(`left out: the firewall's rules in a real kernel, because ${why}`);

const RULES = fileURLToPath(new URL('../../templates/server/firewall.nft', import.meta.url));
const METADATA = '169.254.169.254';
const OUTSIDE = '198.51.100.2';
const SERVER = '198.51.100.1';
const CONTAINER = '172.30.0.2';
const NOBODY = '65534';
/** Listens on one port of every address, and says so. */
const LISTENER = 'require("node:net").createServer((s) => s.end("hello")).listen(Number(process.argv[1]), "::", () => console.log("listening"))';

describe.skipIf(why !== undefined)('the firewall, in a real kernel', { timeout: 120_000 }, () => {
  let network: Namespaces;
  const listeners: ChildProcess[] = [];

  beforeAll(async () => {
    network = new Namespaces('server', 'outside', 'container');
    network.cable(['server', 'eth0', `${SERVER}/24`, '169.254.0.1/16'], ['outside', 'eth0', `${OUTSIDE}/24`, `${METADATA}/16`]);
    // As Docker calls a network that Compose makes.
    network.cable(['server', 'br-koprogo', '172.30.0.1/24'], ['container', 'eth0', `${CONTAINER}/24`]);
    network.run('container', 'ip', 'route', 'add', 'default', 'via', '172.30.0.1');
    network.run('outside', 'ip', 'route', 'add', '172.30.0.0/24', 'via', SERVER);
    network.run('server', 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    network.run('server', 'nft', '-f', RULES);
    for (const port of [22, 80, 443, 5432]) await listen('server', port);
    await listen('outside', 80);
    await listen('container', 8080);
  });
  afterAll(async () => {
    for (const listener of listeners) {
      if (listener.exitCode !== null || listener.signalCode !== null) continue;
      const ended = once(listener, 'exit');
      listener.kill('SIGKILL');
      await ended;
    }
    network.remove();
  });

  async function listen(name: string, port: number): Promise<void> {
    const listener = spawn(...network.inside(name, process.execPath, '-e', LISTENER, String(port)), { stdio: ['ignore', 'pipe', 'inherit'] });
    listeners.push(listener);
    await once(listener.stdout, 'data');
  }

  /** Whether a connection is taken, and says hello. What should be silent is not waited for as long as what should answer. */
  function hears(seconds: number, from: string, address: string, port: number, user = '0'): boolean {
    const connect = `exec 3<>/dev/tcp/${address}/${String(port)} && read -r word <&3; [[ $word == hello ]]`;
    const [program, args] = network.inside(from, 'setpriv', '--reuid', user, '--clear-groups', 'timeout', String(seconds), 'bash', '-c', connect);
    const { status, error } = spawnSync(program, args, { stdio: 'ignore' });
    if (error) throw error;
    return status === 0;
  }
  const reaches = (...to: [from: string, address: string, port: number, user?: string]) => hears(60, ...to);
  const misses = (...to: [from: string, address: string, port: number, user?: string]) => !hears(3, ...to);

  it('lets in ssh and the web, and nothing else', () => {
    for (const port of [22, 80, 443, 5432]) expect(reaches('server', '127.0.0.1', port), `port ${port} on the server itself`).toBe(true);
    for (const port of [22, 80, 443]) expect(reaches('outside', SERVER, port), `port ${port} from outside`).toBe(true);
    expect(misses('outside', SERVER, 5432)).toBe(true);
  });

  it('lets nobody outside talk to a container that Docker did not publish', () => {
    expect(reaches('server', CONTAINER, 8080)).toBe(true);
    expect(misses('outside', CONTAINER, 8080)).toBe(true);
  });

  it('keeps the metadata service, with the first-boot data, from containers, which reach the internet all the same', () => {
    expect(reaches('container', OUTSIDE, 80)).toBe(true);
    expect(misses('container', METADATA, 80)).toBe(true);
  });

  it("keeps it from the server's own programs too, but for root's", () => {
    expect(reaches('server', METADATA, 80)).toBe(true);
    expect(reaches('server', OUTSIDE, 80, NOBODY)).toBe(true);
    expect(misses('server', METADATA, 80, NOBODY)).toBe(true);
  });
});
