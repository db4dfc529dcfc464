import { lookup } from 'node:dns/promises';
import { BlockList, isIP } from 'node:net';
import { plainAddress } from '../dns/names.js';
import type { Host } from '../edges/command.js';
import { InfraError, messageOf } from '../errors.js';
import { say } from './words.js';

/** Addresses that nobody on the internet reaches: Docker's networks, networks at home and in a data centre. */
const PRIVATE = new BlockList();
for (const [net, prefix] of [['10.0.0.0', 8], ['100.64.0.0', 10], ['127.0.0.0', 8], ['169.254.0.0', 16], ['172.16.0.0', 12], ['192.168.0.0', 16]] as const) PRIVATE.addSubnet(net, prefix, 'ipv4');
for (const [net, prefix] of [['::1', 128], ['fc00::', 7], ['fe80::', 10]] as const) PRIVATE.addSubnet(net, prefix, 'ipv6');

/**
 * Where the names may lead: the address by which this computer reaches the server, and the server's own public ones,
 * because only it knows its IPv6.
 */
export async function addressesOf(host: string, server: Host): Promise<string[]> {
  const { stdout } = await server.run({ argv: ['ip', '-o', 'address', 'show', 'scope', 'global'], purpose: say('addresses.look') });
  const own = Array.from(stdout.matchAll(/ inet6? ([0-9a-f.:]{2,45})\//gi), ([, address = '']) => plainAddress(address) ?? '');
  return [...new Set([...(await resolved(host)), ...own.filter((address) => address !== '' && !PRIVATE.check(address, address.includes(':') ? 'ipv6' : 'ipv4'))])];
}

async function resolved(host: string): Promise<string[]> {
  if (isIP(host) !== 0) return [plainAddress(host) ?? host];
  try {
    return (await lookup(host, { all: true })).map(({ address }) => plainAddress(address) ?? address);
  } catch (cause) {
    throw new InfraError(say('addresses.unknown', { host, why: messageOf(cause) }), { hints: [`getent ahosts ${host}`], cause });
  }
}
