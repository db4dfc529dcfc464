import { CLOSED_PORTS, type Machine } from '../machine.js';
import type { BucketAccess, Target } from './target.js';
import { say } from './words.js';

/** A Debian 13 server that already exists: nothing to build, nothing to take away. */
export function createHost(reached: Pick<Machine, 'address' | 'disks'>, access: BucketAccess): Target {
  const { host } = reached.address;
  const machine: Machine = { ...reached, web: { host, http: 80, https: 443 }, closed: CLOSED_PORTS.map((port) => ({ port, host, at: port })), forwarder: false };
  return {
    name: 'host',
    describeSetup: () => [say('host.setUp', { user: machine.address.user, host: machine.address.host, port: machine.address.port })],
    steps: () => [],
    machine: () => Promise.resolve(machine),
    bucket: () => Promise.resolve(access),
    images: () => Promise.resolve({ kind: 'registry' as const }),
    freshDisks: () => Promise.resolve([]),
    describeDestroy: () => Promise.resolve({ goes: [], stays: [] }),
    destroy: () => Promise.resolve([]),
  };
}
