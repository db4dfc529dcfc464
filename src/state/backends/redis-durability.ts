import { RefusedError } from '../../errors.js';
import type { RedisConnection, Reply } from './redis-connection.js';
import { say } from './words.js';

/** How a Redis server keeps what it has confirmed. undefined: the server does not tell. */
export interface RedisDurability {
  mode: string | undefined;
  role: string | undefined;
  evictionPolicy: string | undefined;
  appendOnly: boolean | undefined;
  /** When the append-only file is made durable: "always", "everysec" or "no". */
  appendSync: string | undefined;
  /** When snapshots are made, as Redis writes it: "3600 1 300 100"; empty for never. */
  snapshots: string | undefined;
  writeFailed: boolean;
}

/** Asks INFO and CONFIG GET. Managed servers refuse the second, and a restricted user may be refused both. */
export async function readDurability(connection: RedisConnection): Promise<RedisDurability> {
  const info = parseInfo(await ask(connection, 'INFO'));
  const setting = async (name: string) => {
    const pair = await ask(connection, 'CONFIG', 'GET', name);
    return Array.isArray(pair) && pair.length === 2 ? String(pair[1]) : undefined;
  };
  const appendOnly = info.get('aof_enabled');
  return {
    mode: info.get('redis_mode'),
    role: info.get('role'),
    evictionPolicy: info.get('maxmemory_policy') ?? (await setting('maxmemory-policy')),
    appendOnly: appendOnly === undefined ? undefined : appendOnly === '1',
    appendSync: await setting('appendfsync'),
    snapshots: await setting('save'),
    writeFailed: [info.get('aof_last_write_status'), info.get('rdb_last_bgsave_status')].includes('err'),
  };
}

/** Throws RefusedError for a server that may drop objects of its own accord, or that holds only a part of them. */
export function refuseUnfit(durability: RedisDurability, where: string): void {
  const { mode, role, evictionPolicy } = durability;
  if (evictionPolicy?.startsWith('allkeys-') === true) {
    throw new RefusedError(say('redis.evicts', { where, policy: evictionPolicy }), {
      hints: ['redis-cli CONFIG SET maxmemory-policy noeviction', say('redis.server')],
    });
  }
  if (mode === 'cluster') throw new RefusedError(say('redis.node', { where }), { hints: [say('redis.single')] });
  if (role === 'slave') throw new RefusedError(say('redis.replicaOld', { where }), { hints: [say('primary')] });
}

/** One sentence for each way in which the server could lose what it has confirmed, or that could not be found out. */
export function durabilityWarnings(durability: RedisDurability, where: string): string[] {
  const { appendOnly, appendSync, snapshots, evictionPolicy, writeFailed } = durability;
  const warnings: string[] = [];
  if (appendOnly === true && appendSync === undefined) warnings.push(say('redis.fsync', { where }));
  if (appendOnly === true && appendSync !== undefined && appendSync !== 'always') {
    warnings.push(say('redis.newest', { where, appendSync }));
  }
  if (appendOnly === false && snapshots === '') warnings.push(say('redis.nothing', { where }));
  if (appendOnly === false && snapshots !== undefined && snapshots !== '') {
    warnings.push(say('redis.snapshots', { where, snapshots }));
  }
  if (appendOnly === false && snapshots === undefined) warnings.push(say('redis.noLog', { where }));
  if (appendOnly === undefined) warnings.push(say('redis.noInfo', { where }));
  if (evictionPolicy === undefined) warnings.push(say('redis.noPolicy', { where }));
  if (writeFailed) warnings.push(say('redis.lastWrite', { where }));
  return warnings;
}

/** The answer, or undefined when the server refuses the question. */
async function ask(connection: RedisConnection, ...argv: string[]): Promise<Reply | undefined> {
  try {
    return (await connection.send(say('doing.durability'), ...argv)).reply;
  } catch (error) {
    const refused = error instanceof Error && error.cause instanceof Error && /^(NOPERM|ERR) /.test(error.cause.message);
    if (refused) return undefined;
    throw error;
  }
}

function parseInfo(reply: Reply | undefined): Map<string, string> {
  const text = Buffer.isBuffer(reply) ? reply.toString('latin1') : '';
  return new Map([...text.matchAll(/^([a-z_]{1,60}):([^\r\n]{0,200})\r?$/gm)].map(([, name = '', value = '']) => [name, value]));
}
