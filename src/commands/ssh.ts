import { join } from 'node:path';
import { withPrivateDirectory, writeDurably } from '../edges/files.js';
import { sshAtTerminal } from '../edges/terminal.js';
import type { Invocation } from './invocation.js';
import { withInstallation } from './open.js';

export async function ssh(invocation: Invocation): Promise<number> {
  return withInstallation(invocation, {}, async ({ machine, identity }) => {
    const { address } = await machine();
    const { privateKey } = await identity();
    return withPrivateDirectory(async (directory) => {
      const knownHosts = join(directory, 'known_hosts');
      const name = address.port === 22 ? address.host : `[${address.host}]:${address.port}`;
      await writeDurably(knownHosts, `${name} ${address.hostKey}\n`);
      return sshAtTerminal(
        privateKey,
        ...['-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'GlobalKnownHostsFile=/dev/null', '-o', 'StrictHostKeyChecking=yes', '-F', 'none'],
        ...['-p', String(address.port), '--', `${address.user}@${address.host}`, ...invocation.arguments],
      );
    });
  });
}
