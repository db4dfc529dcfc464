import { randomUUID } from 'node:crypto';
import { InfraError } from '../../errors.js';
import { type Backend, Conflict, type Expected, type StoredObject } from './backend.js';
import { checkBytes, checkId, isId } from './limits.js';
import { RedisConnection } from './redis-connection.js';
import { durabilityWarnings, readDurability, refuseUnfit } from './redis-durability.js';
import { connectionWarnings, parseRedisUrl } from './redis-url.js';
import { say } from './words.js';

const PREFIX = 'koprogo-infra:object:';
const FORMAT_KEY = 'koprogo-infra:format';
const FORMAT = 1;
const MAX_SCANS = 100_000;

/**
 * Each write carries a revision that the writer has made up. So a script whose answer was lost may be sent again: where it ran
 * already, it finds its own revision and counts as done. A script runs whole, with nothing in between.
 */
const WRITE = `
  local stored = redis.call('HGET', KEYS[1], 'revision')
  if stored ~= ARGV[1] then
    if (stored and 'revision ' .. stored or 'absent') ~= ARGV[2] then return 0 end
    redis.call('HSET', KEYS[1], 'revision', ARGV[1], 'bytes', ARGV[3])
  end
  return 1`;
/** 1: removed, 0: another revision is there, -1: nothing is there. */
const REMOVE = `
  local stored = redis.call('HGET', KEYS[1], 'revision')
  if not stored then return -1 end
  if stored ~= ARGV[1] then return 0 end
  redis.call('DEL', KEYS[1])
  return 1`;

/**
 * Opens the state at a Redis server (one server, not a cluster). What it has confirmed is as durable as the server's settings
 * make it: `warnings` says how durable that is. Throws InputError for a wrong URL, RefusedError for a server that throws
 * data away, InfraError when it cannot be used. `pauses` are those before further tries, in ms.
 */
export async function openRedis(url: string, options: { pauses?: readonly number[] } = {}): Promise<Backend> {
  const connection = new RedisConnection(await parseRedisUrl(url), options.pauses);
  try {
    refuseUnfit(await readDurability(connection), connection.place.where);
    await checkFormat(connection);
  } catch (error) {
    await connection.close();
    throw error;
  }
  return new RedisBackend(connection);
}

async function checkFormat(connection: RedisConnection): Promise<void> {
  await connection.send(say('doing.open'), 'SET', FORMAT_KEY, String(FORMAT), 'NX');
  const { reply } = await connection.send(say('doing.open'), 'GET', FORMAT_KEY);
  const format = Number(reply);
  if (format === FORMAT) return;
  if (format > FORMAT) {
    throw new InfraError(say('newer', { where: connection.place.where, format, known: FORMAT }), {
      hints: [say('newer.use')],
    });
  }
  throw new InfraError(say('redis.notOurs', { formatKey: FORMAT_KEY, where: connection.place.where }), { hints: [say('redis.another')] });
}

class RedisBackend implements Backend {
  readonly where: string;

  constructor(private readonly connection: RedisConnection) {
    this.where = connection.place.where;
  }

  async read(id: string): Promise<StoredObject | undefined> {
    checkId(this.where, id);
    const { reply } = await this.connection.send(say('doing.read'), 'HMGET', PREFIX + id, 'revision', 'bytes');
    const [revision, bytes] = Array.isArray(reply) ? reply : [];
    return Buffer.isBuffer(revision) && Buffer.isBuffer(bytes) ? { revision: revision.toString(), bytes } : undefined;
  }

  async write(id: string, bytes: Uint8Array, expected: Expected): Promise<string> {
    checkId(this.where, id);
    checkBytes(this.where, bytes);
    const revision = randomUUID();
    const content = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const condition = expected === 'absent' ? 'absent' : `revision ${expected.revision}`;
    const { reply } = await this.connection.send(say('doing.store'), 'EVAL', WRITE, '1', PREFIX + id, revision, condition, content);
    if (reply !== 1) throw new Conflict(this.where, id);
    return revision;
  }

  async remove(id: string, expected: { revision: string }): Promise<void> {
    checkId(this.where, id);
    const { reply, repeated } = await this.connection.send(say('doing.remove'), 'EVAL', REMOVE, '1', PREFIX + id, expected.revision);
    if (reply === 1 || (reply === -1 && repeated)) return;
    throw new Conflict(this.where, id);
  }

  async ids(): Promise<string[]> {
    // SCAN may name a key twice, and never misses one that was there all the time.
    const ids = new Set<string>();
    let cursor = '0';
    for (let scans = 0; scans < MAX_SCANS; scans += 1) {
      const { reply } = await this.connection.send(say('doing.list'), 'SCAN', cursor, 'MATCH', `${PREFIX}*`, 'COUNT', '1000');
      const [next, keys] = Array.isArray(reply) ? reply : [];
      for (const key of Array.isArray(keys) ? keys : []) ids.add(String(key).slice(PREFIX.length));
      cursor = String(next);
      if (cursor === '0') return [...ids].filter(isId).sort();
    }
    throw new InfraError(say('redis.endless', { where: this.where }));
  }

  async warnings(): Promise<string[]> {
    return [...connectionWarnings(this.connection.place), ...durabilityWarnings(await readDurability(this.connection), this.where)];
  }

  async close(): Promise<void> {
    await this.connection.close();
  }
}
