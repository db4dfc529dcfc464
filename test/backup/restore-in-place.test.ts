import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { restoreBackup } from '../../src/backup/restore.js';
import type { App } from '../../src/backup/restore-swap.js';
import { type DatabaseTarget, discardDatabase, previousName, scratchName } from '../../src/backup/scratch.js';
import { LocalHost } from '../../src/edges/process.js';
import { EXIT } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { dumpOf, ID, makeBackup, makeKeys, SAMPLE_SQL } from './restore-support.js';

const why = postgresUnavailable();
if (why) console.warn(`tests of the restore in place left out: ${why}`);

describe.skipIf(why !== undefined)('a restore in place', { timeout: 120_000 }, () => {
  let server: RunningPostgres;
  let target: DatabaseTarget;
  let backup: Awaited<ReturnType<typeof makeBackup>>;
  let calls: string[];
  let app: App;

  beforeAll(async () => {
    server = startPostgres();
    target = { host: new LocalHost(), access: server.access };
    server.sql(SAMPLE_SQL);
    backup = await makeBackup(await makeKeys(), await dumpOf(server));
  });
  afterAll(() => {
    server.stop();
  });
  beforeEach(() => {
    calls = [];
    app = { stop: async () => void calls.push('stop'), start: async () => void calls.push('start') };
    server.sql('DELETE FROM owners WHERE id > 100');
  });
  afterEach(() => {
    for (const name of names().filter((found) => found !== 'koprogo_db')) server.sql(`DROP DATABASE ${name} WITH (FORCE)`, 'postgres');
  });

  const names = () => server.sql(`SELECT datname FROM pg_database WHERE datname LIKE 'koprogo%' ORDER BY 1`, 'postgres').split('\n');
  const owners = () => server.sql('SELECT count(*) FROM owners');
  const restore = (sessionLimitSeconds = 5) => restoreBackup({ ...backup.source, target, progress: silent, mode: { kind: 'in-place', app, sessionLimitSeconds } });

  /** Another program that is connected to the live database. */
  async function connect(application: string) {
    const psql = ['psql', '-X', '-q', '-A', '-t', '-U', 'koprogo', '-d', `dbname=koprogo_db application_name='${application}'`];
    const [file, ...args] = [...server.access.prefix, ...psql];
    const child = spawn(file ?? '', args, { stdio: ['pipe', 'pipe', 'ignore'] });
    child.stdin.write('SELECT 1;\n');
    await once(child.stdout, 'data');
    return async () => {
      child.stdin.end();
      await once(child, 'exit');
    };
  }

  it('brings the rows back, keeps the old database until it is discarded, and loses no setting', async () => {
    const settings = () =>
      server.sql(`SELECT datdba::regrole, encoding, datcollate, datconnlimit, (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) AS a), (SELECT setconfig FROM pg_db_role_setting s WHERE s.setdatabase = d.oid) FROM pg_database d WHERE datname = 'koprogo_db'`);
    const before = settings();
    const report = await restore();
    expect(owners()).toBe('20000');
    expect(settings()).toBe(before);
    expect(before).toContain('search_path=public');
    expect(server.sql('SHOW search_path')).toBe('public, "Other Schema"');
    expect(calls).toEqual(['stop', 'start']);
    const previous = report.previous ?? '';
    expect(previous).toMatch(/^koprogo_db_before_\d{8}t\d{6}z$/);
    expect(report.database).toBe('koprogo_db');
    expect(names()).toEqual(['koprogo_db', previous]);
    expect(server.sql('SELECT count(*) FROM owners', previous)).toBe('100');
    expect(server.sql(`SELECT shobj_description(oid, 'pg_database') IS NULL FROM pg_database WHERE datname = 'koprogo_db'`)).toBe('t');
    for (const name of ['koprogo_db', 'postgres', 'koprogo_db_before_', `${previous}x`, previous.toUpperCase()]) {
      await expect(discardDatabase(target, name)).rejects.toMatchObject({ exitCode: EXIT.usage });
    }
    await discardDatabase(target, previous);
    expect(names()).toEqual(['koprogo_db']);
  });

  it('prepares the restored database before it is live, and leaves the live one when that fails', async () => {
    const prepare = async (database: string) => {
      calls.push(`prepare ${database}`);
      expect(server.sql('SELECT count(*) FROM owners', database)).toBe('20000');
      expect(owners()).toBe('100');
      if (calls.length > 1) throw new Error('not prepared');
    };
    const mode = { kind: 'in-place', app, sessionLimitSeconds: 5, prepare } as const;
    const { previous = '' } = await restoreBackup({ ...backup.source, target, progress: silent, mode });
    expect(calls).toEqual([`prepare ${scratchName(ID)}`, 'stop', 'start']);
    await discardDatabase(target, previous);
    server.sql('DELETE FROM owners WHERE id > 100');
    await expect(restoreBackup({ ...backup.source, target, progress: silent, mode })).rejects.toThrow('not prepared');
    expect(calls.slice(3)).toEqual([`prepare ${scratchName(ID)}`]);
    expect([names(), owners()]).toEqual([['koprogo_db'], '100']);
  });

  it('is refused while others stay connected, names them, and leaves everything as it was', async () => {
    const close = await connect('koprogo-backend');
    try {
      await expect(restore(1)).rejects.toMatchObject({
        exitCode: EXIT.busy,
        message: expect.stringMatching(/koprogo_db is in use and was not replaced: koprogo-backend from the local socket as koprogo \(pid \d+\)/) as string,
      });
    } finally {
      await close();
    }
    expect(owners()).toBe('100');
    expect(names()).toEqual(['koprogo_db']);
    expect(calls).toEqual(['stop', 'start']);
  });

  it('waits for the others to go', async () => {
    const close = await connect('koprogo-backend');
    app.stop = async () => void setTimeout(() => void close(), 1500);
    await restore(20);
    expect(owners()).toBe('20000');
  });

  it('does not touch the live database when the application does not stop', async () => {
    app.stop = async () => {
      throw new Error('docker is away');
    };
    await expect(restore()).rejects.toThrow('docker is away');
    expect(calls).toEqual(['start']);
    expect(owners()).toBe('100');
    expect(names()).toEqual(['koprogo_db']);
  });

  it('says so when the application does not start on the restored database', async () => {
    app.start = async () => {
      throw new Error('docker is away');
    };
    await expect(restore()).rejects.toThrow(/restored database is live, but the application did not start; the old database is kept as koprogo_db_before_/);
    expect(owners()).toBe('20000');
  });

  it('of a backup that is not whole never stops the application', async () => {
    const { store, key } = backup;
    const good = store.objects.get(key('database')) ?? Buffer.alloc(0);
    store.objects.set(key('database'), good.subarray(0, -100));
    try {
      await expect(restore()).rejects.toThrow(/cut short/);
    } finally {
      store.objects.set(key('database'), good);
    }
    expect(calls).toEqual([]);
    expect(owners()).toBe('100');
    expect(names()).toEqual(['koprogo_db']);
  });
});

describe('names of databases', () => {
  it('are derived strictly', () => {
    expect(scratchName(ID)).toBe('koprogo_restore_20261122t020000z_1a2b3c');
    expect(previousName('koprogo_db', new Date('2026-11-22T10:15:00.123Z'))).toBe('koprogo_db_before_20261122t101500z');
    expect(() => previousName('x'.repeat(40), new Date())).toThrow(/too long/);
  });
});
