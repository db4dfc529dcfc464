import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, statSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../../src/errors.js';
import { type Backend, Conflict } from '../../../src/state/backends/backend.js';
import { openBackend } from '../../../src/state/backends/open-backend.js';
import { openPostgres } from '../../../src/state/backends/postgres.js';
import { freePorts } from '../../../src/targets/sandbox/ports.js';
import { backendContract } from '../../contract/backend.js';
import { failureOf } from '../../fixtures/failure.js';
import { startLosingProxy } from '../../fixtures/losing-proxy.js';
import { mountingRefused } from '../../fixtures/mounting.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../../fixtures/postgres.js';
import { makeCertificate, type TestCertificate } from '../../fixtures/tls.js';

const why = postgresUnavailable();
if (why !== undefined) console.warn(`left out: the state in PostgreSQL: ${why}`);
const noMount = mountingRefused();
if (noMount !== undefined) console.warn(`left out: a PostgreSQL whose disk is full: ${noMount}`);
const PASSWORD = 'p@ss/w:rd#planted';
/** ReadyForQuery, idle: the statement is complete and committed. */
const IDLE = Buffer.from('Z\0\0\0\u0005I', 'latin1');
const ENCODED = encodeURIComponent(PASSWORD);

describe.skipIf(why !== undefined)('the state in PostgreSQL', { timeout: 60_000 }, () => {
  let server: RunningPostgres;
  let tls: TestCertificate;
  let port = 0;
  const opened: Backend[] = [];

  beforeAll(async () => {
    tls = makeCertificate(['DNS:localhost']);
    [port = 0] = await freePorts(1);
    server = startPostgres({ tcp: { port, tls } });
    server.sql(`CREATE ROLE keeper LOGIN PASSWORD '${PASSWORD}'; CREATE ROLE stranger LOGIN PASSWORD '${PASSWORD}'`);
    server.sql('GRANT CREATE ON DATABASE koprogo_db TO keeper');
  });
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    server.stop();
    tls.remove();
  });

  const url = (change: { host?: string; port?: number; user?: string; password?: string; database?: string; query?: string } = {}) =>
    `postgres://${change.user ?? 'keeper'}:${change.password ?? ENCODED}@${change.host ?? '127.0.0.1'}:${change.port ?? port}/${change.database ?? 'koprogo_db'}${change.query ?? ''}`;
  const open = async (change: Parameters<typeof url>[0] = {}) => {
    const backend = await openBackend(url(change), {});
    opened.push(backend);
    return backend;
  };
  const failure = (promise: Promise<unknown>) => failureOf(promise, 'planted');

  backendContract(() => openBackend(url(), {}));

  describe('the schema', () => {
    it('is made once, though many make it at the same moment', async () => {
      server.sql('CREATE DATABASE fresh OWNER keeper', 'postgres');
      const backends = await Promise.all(Array.from({ length: 6 }, () => open({ database: 'fresh' })));
      await backends[0]?.write('a', Buffer.from('x'), 'absent');
      expect(await backends[5]?.ids()).toEqual(['a']);
      expect(server.sql('SELECT count(*) FROM koprogo_infra.format', 'fresh')).toBe('1');
    });

    it('may have been made by the owner of the database, for a user without the right to', async () => {
      server.sql('CREATE DATABASE strict', 'postgres');
      const error = await failure(open({ user: 'stranger', database: 'strict' }));
      expect(error.message).toMatch(/cannot make the tables of the state in PostgreSQL database "strict" at 127\.0\.0\.1:\d+: this user may not do that/);
      const [command = ''] = error.hints;
      server.sql(command.replace(/^.*: /, ''), 'strict');
      const backend = await open({ user: 'stranger', database: 'strict' });
      await backend.write('a', Buffer.from('x'), 'absent');
    });

    it('of a newer version is refused, and so is one that is something else', async () => {
      server.sql('CREATE DATABASE newer OWNER keeper', 'postgres');
      await open({ database: 'newer' });
      server.sql('UPDATE koprogo_infra.format SET format = 2', 'newer');
      expect((await failure(open({ database: 'newer' }))).message).toMatch(/newer version of koprogo-infra \(format 2, this one knows 1\)/);
      server.sql('DELETE FROM koprogo_infra.format', 'newer');
      expect((await failure(open({ database: 'newer' }))).message).toMatch(/is not a state of koprogo-infra/);
    });
  });

  describe('a server that does not do what it should', () => {
    it('is named, with the reason and without the password', async () => {
      expect((await failure(open({ password: 'wrong-planted' }))).message).toMatch(/does not accept this user and password/);
      expect((await failure(openBackend(`postgres://keeper@127.0.0.1:${port}/koprogo_db`, {}))).message).toMatch(/does not accept this user and password/);
      expect((await failure(open({ database: 'nowhere' }))).message).toMatch(/there is no such database/);
    });

    it('is said not to answer, within a bounded time', async () => {
      const [free = 0] = await freePorts(1);
      const begun = Date.now();
      expect((await failure(openPostgres(url({ port: free }), { pauses: [50, 100] }))).message).toMatch(/the server does not answer \(ECONNREFUSED\)/);
      expect(Date.now() - begun).toBeLessThan(5000);
    });

    it('because somebody has locked the table is waited for, and the wait can be ended there', async () => {
      const backend = await open();
      const revision = await backend.write('locked', Buffer.from('x'), 'absent');
      const holder = new pg.Client({ host: server.directory, port, user: 'koprogo', database: 'koprogo_db' });
      await holder.connect();
      try {
        await holder.query('BEGIN; LOCK TABLE koprogo_infra.objects');
        const waiters = "FROM pg_stat_activity WHERE usename = 'keeper' AND wait_event_type = 'Lock'";
        const blocked = failure(backend.remove('locked', { revision }));
        await vi.waitFor(() => {
          expect(server.sql(`SELECT count(*) ${waiters}`)).toBe('1');
        });
        server.sql(`SELECT pg_cancel_backend(pid) ${waiters}`);
        expect((await blocked).message).toMatch(/the statement took too long: somebody keeps the table locked/);
        const waiting = backend.remove('locked', { revision });
        await holder.query('COMMIT');
        await waiting;
      } finally {
        await holder.end();
      }
    });

    it('that crashed and came back goes on, and nothing that was confirmed is missing', async () => {
      const backend = await open();
      const first = await backend.write('crash', Buffer.from('before'), 'absent');
      await server.crash();
      const waiting = backend.write('crash', Buffer.from('after'), { revision: first });
      server.start();
      const revision = await waiting;
      expect(await backend.read('crash')).toEqual({ bytes: Buffer.from('after'), revision });
    });

    it.skipIf(noMount !== undefined)('whose disk is full takes no more, and keeps what it has', async () => {
      const folder = mkdtempSync(join(server.directory, 'small-'));
      const { uid, gid } = statSync(server.directory);
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=4m,uid=${uid},gid=${gid},mode=0700`, 'koprogo-test', folder]);
      try {
        server.sql('CREATE DATABASE small OWNER keeper');
        const backend = await open({ database: 'small' });
        const revision = await backend.write('a', Buffer.alloc(1000, 1), 'absent');
        server.sql(`CREATE TABLESPACE small LOCATION '${folder}'`);
        server.sql('ALTER TABLE koprogo_infra.objects SET TABLESPACE small', 'small');
        // Random: PostgreSQL stores what repeats itself in a few bytes.
        const error = await failure(backend.write('a', randomBytes(6_000_000), { revision }));
        expect(error.message).toMatch(/the disk of the server is full/);
        expect(await backend.read('a')).toEqual({ bytes: Buffer.alloc(1000, 1), revision });
        await backend.write('b', Buffer.from('small'), 'absent');
        await backend.close();
        opened.splice(opened.indexOf(backend), 1);
        server.sql('DROP DATABASE small', 'postgres');
        server.sql('DROP TABLESPACE small', 'postgres');
      } finally {
        execFileSync('umount', ['--lazy', folder]);
      }
    });

    it('that stays away is an error in the end, and works again when it is back', async () => {
      const backend = await openPostgres(url(), { pauses: [50, 100] });
      opened.push(backend);
      const revision = await backend.write('away', Buffer.from('x'), 'absent');
      await server.crash();
      const begun = Date.now();
      const error = await failure(backend.read('away'));
      expect(error.message).toMatch(/cannot read an object in PostgreSQL database .*: the server does not answer/);
      expect(Date.now() - begun).toBeLessThan(5000);
      server.start();
      expect((await backend.read('away'))?.revision).toBe(revision);
    });
  });

  describe('an answer that is lost after the server has done the work', () => {
    it('is no Conflict and no second write', async () => {
      const lossy = await startLosingProxy(port, (data) => data.includes(IDLE));
      try {
        const backend = await open({ port: lossy.port });
        lossy.loseNextAnswerTo('INSERT INTO koprogo_infra.objects');
        const created = await backend.write('lost', Buffer.from('one'), 'absent');
        lossy.loseNextAnswerTo('UPDATE koprogo_infra.objects');
        const updated = await backend.write('lost', Buffer.from('two'), { revision: created });
        expect(await (await open()).read('lost')).toEqual({ bytes: Buffer.from('two'), revision: updated });
        lossy.loseNextAnswerTo('DELETE FROM koprogo_infra.objects');
        await backend.remove('lost', { revision: updated });
        expect(await backend.read('lost')).toBeUndefined();
        expect(lossy.lost).toBe(3);
      } finally {
        lossy.close();
      }
    });

    it('is a Conflict where somebody else was first', async () => {
      const lossy = await startLosingProxy(port, (data) => data.includes(IDLE));
      try {
        const [backend, other] = [await open({ port: lossy.port }), await open()];
        const created = await backend.write('lost-race', Buffer.from('one'), 'absent');
        lossy.loseNextAnswerTo('UPDATE koprogo_infra.objects', async () => {
          const found = await other.read('lost-race');
          await other.write('lost-race', Buffer.from('theirs'), { revision: found?.revision ?? '' });
        });
        await expect(backend.write('lost-race', Buffer.from('mine'), { revision: created })).rejects.toThrow(Conflict);
        expect((await backend.read('lost-race'))?.bytes.toString()).toBe('theirs');
      } finally {
        lossy.close();
      }
    });
  });

  describe('TLS', () => {
    it('is verified, with the name, when it is asked for', async () => {
      const query = `?sslmode=verify-full&sslrootcert=${tls.authority}`;
      const backend = await open({ host: 'localhost', query });
      await backend.write('tls', Buffer.from('x'), 'absent');
      expect(server.sql("SELECT count(*) > 0 FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND usename = 'keeper'")).toBe('t');
      // The certificate is made out to localhost, not to its address.
      expect((await failure(open({ query }))).message).toMatch(/no trusted TLS connection \(ERR_TLS_CERT_ALTNAME_INVALID\)/);
      await open({ query: `?sslmode=verify-ca&sslrootcert=${tls.authority}` });
      const unknown = await failure(open({ host: 'localhost', query: '?sslmode=verify-full' }));
      expect(unknown.message).toMatch(/no trusted TLS connection/);
      expect(unknown.exitCode).toBe(EXIT.failed);
      await open({ query: '?sslmode=require' });
    });
  });

  it('says when the server would lose what it confirms', async () => {
    const backend = await open();
    expect(await backend.warnings?.()).toEqual([expect.stringMatching(/runs with fsync = off: a power cut there can destroy/)]);
  });

  it('behind a Unix socket needs no host', async () => {
    const backend = await openBackend(`postgres://koprogo@:${port}/koprogo_db?host=${server.directory}`, {});
    opened.push(backend);
    expect(backend.where).toBe(`PostgreSQL database "koprogo_db" behind the socket in ${server.directory}`);
    expect(await backend.ids()).toContain('reopened');
  });
});
