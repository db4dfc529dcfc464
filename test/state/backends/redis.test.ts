import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../../src/errors.js';
import { type Backend, Conflict } from '../../../src/state/backends/backend.js';
import { openBackend } from '../../../src/state/backends/open-backend.js';
import { openRedis } from '../../../src/state/backends/redis.js';
import { freePorts } from '../../../src/targets/sandbox/ports.js';
import { backendContract } from '../../contract/backend.js';
import { failureOf } from '../../fixtures/failure.js';
import { startLosingProxy } from '../../fixtures/losing-proxy.js';
import { type RedisOptions, redisUnavailable, type RunningRedis, startRedis } from '../../fixtures/redis.js';
import { makeCertificate } from '../../fixtures/tls.js';

const why = redisUnavailable();
if (why !== undefined) console.warn(`left out: the state in Redis: ${why}`);
const QUICK = { pauses: [50, 100, 150] };

describe.skipIf(why !== undefined)('the state in Redis', { timeout: 60_000 }, () => {
  let server: RunningRedis;
  const opened: Backend[] = [];
  const servers: RunningRedis[] = [];

  const start = async (options: RedisOptions = {}) => {
    const started = await startRedis(options);
    servers.push(started);
    return started;
  };
  const open = async (url: string) => {
    const backend = await openRedis(url, QUICK);
    opened.push(backend);
    return backend;
  };
  const at = (redis: RunningRedis, credentials = '') => `redis://${credentials}127.0.0.1:${redis.port}`;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    for (const running of servers) await running.stop();
  });

  backendContract(() => openBackend(at(server), {}));

  it('is one database of the server; keys of others are left alone', async () => {
    server.cli('-n', '3', 'SET', 'other', 'x');
    const backend = await open(`${at(server)}/3`);
    expect(backend.where).toBe(`Redis database 3 at 127.0.0.1:${server.port}`);
    await backend.write('a', Buffer.from('x'), 'absent');
    expect(await backend.ids()).toEqual(['a']);
    expect(server.cli('-n', '3', 'DBSIZE')).toBe('3');
  });

  it('of a newer version is refused, and so are keys of another program', async () => {
    server.cli('-n', '4', 'SET', 'koprogo-infra:format', '2');
    expect((await failureOf(open(`${at(server)}/4`))).message).toMatch(/newer version of koprogo-infra \(format 2, this one knows 1\)/);
    server.cli('-n', '4', 'SET', 'koprogo-infra:format', 'rubbish');
    expect((await failureOf(open(`${at(server)}/4`))).message).toMatch(/is not of koprogo-infra/);
    server.cli('-n', '5', 'SET', 'koprogo-infra:object:a', 'text');
    const backend = await open(`${at(server)}/5`);
    expect((await failureOf(backend.read('a'))).message).toMatch(/another program uses keys/);
    expect((await failureOf(backend.write('a', Buffer.from('x'), 'absent'))).message).toMatch(/another program uses keys/);
    expect(server.cli('-n', '5', 'GET', 'koprogo-infra:object:a')).toBe('text');
  });

  describe('what the server does with what it confirmed', () => {
    const warningsWith = async (settings: Record<string, string>) => {
      for (const [name, value] of Object.entries(settings)) server.cli('CONFIG', 'SET', name, value);
      try {
        return await (await open(at(server))).warnings?.();
      } finally {
        for (const [name, value] of [['appendonly', 'yes'], ['appendfsync', 'always'], ['save', '']] as const) server.cli('CONFIG', 'SET', name, value);
      }
    };

    it('is told in warnings', async () => {
      expect(await warningsWith({})).toEqual([]);
      expect(await warningsWith({ appendfsync: 'everysec' })).toEqual([expect.stringMatching(/power cut .* loses the newest writes \(appendfsync everysec\)/)]);
      expect(await warningsWith({ appendonly: 'no' })).toEqual([expect.stringMatching(/keeps nothing on disk: when it stops, the whole state is lost/)]);
      expect(await warningsWith({ appendonly: 'no', save: '3600 1' })).toEqual([expect.stringMatching(/only writes snapshots \(save 3600 1\)/)]);
    });

    it('is said not to be known where the server does not tell', async () => {
      server.cli('ACL', 'SETUSER', 'plain', 'on', '>plain-pw', '~koprogo-infra:*', '+@read', '+@write', '+@scripting', '+@connection', '+info');
      expect(await (await open(at(server, 'plain:plain-pw@'))).warnings?.()).toEqual([expect.stringMatching(/how soon .* writes to its disk is not known/)]);
      server.cli('ACL', 'SETUSER', 'blind', 'on', '>blind-pw', '~koprogo-infra:*', '+@read', '+@write', '+@scripting', '+@connection');
      const blind = await open(at(server, 'blind:blind-pw@'));
      expect(await blind.warnings?.()).toEqual([expect.stringMatching(/keeps anything on disk is not known/), expect.stringMatching(/throws data away when its memory is full is not known/)]);
      await blind.write('blind', Buffer.from('x'), 'absent');
    });

    it('is refused when it may throw objects away', async () => {
      server.cli('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
      try {
        const error = await failureOf(open(at(server)));
        expect(error.message).toMatch(/throws data away when its memory is full \(maxmemory-policy allkeys-lru\)/);
        expect(error.exitCode).toBe(EXIT.refused);
      } finally {
        server.cli('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
      }
    });
  });

  describe('a server that does not do what it should', () => {
    it('refuses a wrong password, which no message repeats', async () => {
      server.cli('ACL', 'SETUSER', 'keeper', 'on', '>p@ss/planted', '~koprogo-infra:*', '+@all');
      const backend = await open(at(server, 'keeper:p%40ss%2Fplanted@'));
      expect(await backend.ids()).toContain('reopened');
      expect((await failureOf(open(at(server, 'keeper:wrong-planted@')), 'planted')).message).toMatch(/does not accept this user and password/);
      const secret = await start({ settings: { requirepass: 'only-planted' } });
      expect((await failureOf(open(at(secret)), 'planted')).message).toMatch(/does not accept this user and password/);
      expect((await failureOf(open(at(secret, ':wrong-planted@')), 'planted')).message).toMatch(/does not accept this user and password/);
      await open(at(secret, ':only-planted@'));
    });

    it('whose memory is full takes no more, and keeps what it has', async () => {
      const small = await start({ settings: { maxmemory: '10mb', 'maxmemory-policy': 'noeviction' } });
      const backend = await open(at(small));
      const revision = await backend.write('a', Buffer.alloc(1000, 1), 'absent');
      const fill = async () => {
        for (let index = 0; index < 20; index += 1) await backend.write(`filler-${index}`, Buffer.alloc(1_000_000, 2), 'absent');
      };
      expect((await failureOf(fill())).message).toMatch(/the memory of the server is used up; what was stored before is whole/);
      expect(await backend.read('a')).toEqual({ bytes: Buffer.alloc(1000, 1), revision });
    });

    it('is refused when it is a replica', async () => {
      const replica = await start({ settings: { replicaof: `127.0.0.1 ${String(server.port)}` } });
      expect((await failureOf(open(at(replica)))).message).toMatch(/is a replica/);
    });

    it('that is killed and comes back goes on, and nothing that was confirmed is missing', async () => {
      const own = await start();
      const backend = await openRedis(at(own));
      opened.push(backend);
      const first = await backend.write('killed', Buffer.from('before'), 'absent');
      await own.kill();
      const waiting = backend.write('killed', Buffer.from('after'), { revision: first });
      await own.start();
      const revision = await waiting;
      expect(await backend.read('killed')).toEqual({ bytes: Buffer.from('after'), revision });
    });

    it('that stays away is an error within a bounded time, and works again when it is back', async () => {
      const own = await start();
      const backend = await open(at(own));
      const revision = await backend.write('away', Buffer.from('x'), 'absent');
      await own.kill();
      const begun = Date.now();
      expect((await failureOf(backend.read('away'))).message).toMatch(/cannot read an object in Redis database 0 at .*: the server does not answer \(ECONNREFUSED\)/);
      expect(Date.now() - begun).toBeLessThan(5000);
      await own.start();
      expect((await backend.read('away'))?.revision).toBe(revision);
      const [free = 0] = await freePorts(1);
      expect((await failureOf(open(`redis://127.0.0.1:${free}`))).message).toMatch(/the server does not answer/);
    });
  });

  it('does not take an answer that was lost for a Conflict, and does nothing twice', async () => {
    const lossy = await startLosingProxy(server.port, (data) => data.includes(':'));
    try {
      const [backend, other] = [await open(`redis://127.0.0.1:${lossy.port}`), await open(at(server))];
      lossy.loseNextAnswerTo("'HSET'");
      const created = await backend.write('lost', Buffer.from('one'), 'absent');
      lossy.loseNextAnswerTo("'HSET'");
      const updated = await backend.write('lost', Buffer.from('two'), { revision: created });
      expect(await other.read('lost')).toEqual({ bytes: Buffer.from('two'), revision: updated });
      lossy.loseNextAnswerTo("'HSET'", async () => {
        await other.write('lost', Buffer.from('theirs'), { revision: (await other.read('lost'))?.revision ?? '' });
      });
      await expect(backend.write('lost', Buffer.from('mine'), { revision: updated })).rejects.toThrow(Conflict);
      const theirs = await backend.read('lost');
      expect(theirs?.bytes.toString()).toBe('theirs');
      lossy.loseNextAnswerTo("'DEL'");
      await backend.remove('lost', { revision: theirs?.revision ?? '' });
      expect(await backend.read('lost')).toBeUndefined();
      expect(lossy.lost).toBe(4);
    } finally {
      lossy.close();
    }
  });

  it('is reached over TLS, which is verified', async () => {
    const certificate = makeCertificate(['DNS:localhost']);
    try {
      const secure = await start({ tls: certificate });
      const backend = await open(`rediss://localhost:${secure.port}/0?cacert=${certificate.authority}`);
      await backend.write('tls', Buffer.from('x'), 'absent');
      expect(await backend.warnings?.()).toEqual([]);
      expect((await failureOf(open(`rediss://localhost:${secure.port}`))).message).toMatch(/no trusted TLS connection/);
      expect((await failureOf(open(`rediss://127.0.0.1:${secure.port}?cacert=${certificate.authority}`))).message).toMatch(/no trusted TLS connection/);
      expect((await failureOf(open(`redis://localhost:${secure.port}`))).hints.join(' ')).toMatch(/wants TLS \(rediss:\/\/\)/);
    } finally {
      certificate.remove();
    }
  });
});
