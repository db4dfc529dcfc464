import { RefusedError } from '../../errors.js';
import type { RedisConnection, Reply } from './redis-connection.js';

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
    throw new RefusedError(`${where} throws data away when its memory is full (maxmemory-policy ${evictionPolicy}): it is a cache, and no place for the state`, {
      hints: ['redis-cli CONFIG SET maxmemory-policy noeviction', 'or use another server'],
    });
  }
  if (mode === 'cluster') throw new RefusedError(`${where} is a node of a Redis cluster and holds only a part of the keys`, { hints: ['use a single server'] });
  if (role === 'slave') throw new RefusedError(`${where} is a replica: what it answers may be old`, { hints: ['name the primary in the URL'] });
}

/** One sentence for each way in which the server could lose what it has confirmed, or that could not be found out. */
export function durabilityWarnings(durability: RedisDurability, where: string): string[] {
  const { appendOnly, appendSync, snapshots, evictionPolicy, writeFailed } = durability;
  const warnings: string[] = [];
  if (appendOnly === true && appendSync === undefined) warnings.push(`how soon ${where} writes to its disk is not known: it does not tell appendfsync`);
  if (appendOnly === true && appendSync !== undefined && appendSync !== 'always') {
    warnings.push(`a power cut at ${where} loses the newest writes (appendfsync ${appendSync}); to prevent it: redis-cli CONFIG SET appendfsync always`);
  }
  if (appendOnly === false && snapshots === '') warnings.push(`${where} keeps nothing on disk: when it stops, the whole state is lost; to prevent it: redis-cli CONFIG SET appendonly yes`);
  if (appendOnly === false && snapshots !== undefined && snapshots !== '') {
    warnings.push(`${where} only writes snapshots (save ${snapshots}): when it stops, what came after the last one is lost; to prevent it: redis-cli CONFIG SET appendonly yes`);
  }
  if (appendOnly === false && snapshots === undefined) warnings.push(`${where} has no append-only file, and whether it writes snapshots is not known: it may keep nothing on disk`);
  if (appendOnly === undefined) warnings.push(`whether ${where} keeps anything on disk is not known: it does not answer INFO`);
  if (evictionPolicy === undefined) warnings.push(`whether ${where} throws data away when its memory is full is not known`);
  if (writeFailed) warnings.push(`${where} could not write to its disk the last time; look into its log`);
  return warnings;
}

/** The answer, or undefined when the server refuses the question. */
async function ask(connection: RedisConnection, ...argv: string[]): Promise<Reply | undefined> {
  try {
    return (await connection.send('ask how the server keeps its data', ...argv)).reply;
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
