import type { Machine } from '../machine.js';
import type { BucketAccess, Target } from './target.js';

/** A Debian 13 server that already exists: nothing to build, nothing to take away. */
export function createHost(machine: Machine, access: BucketAccess): Target {
  return {
    name: 'host',
    describeSetup: () => [`set up the Debian 13 server ${machine.address.user}@${machine.address.host}:${machine.address.port}`],
    steps: () => [],
    machine: () => Promise.resolve(machine),
    bucket: () => Promise.resolve(access),
    images: () => Promise.resolve({ kind: 'registry' as const }),
    freshDisks: () => Promise.resolve([]),
    describeDestroy: () => Promise.resolve([]),
    destroy: () => Promise.resolve(),
  };
}
