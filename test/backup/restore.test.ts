import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Manifest } from '../../src/backup/manifest.js';
import { restoreBackup, RestoreDiffers, type RestoreOptions } from '../../src/backup/restore.js';
import { restoreTestStep } from '../../src/backup/restore-test.js';
import { MemoryState } from '../fixtures/memory-state.js';
import type { BackupSource } from '../../src/backup/restore-stream.js';
import { type DatabaseTarget, discardDatabase, scratchName } from '../../src/backup/scratch.js';
import { LocalHost } from '../../src/edges/process.js';
import { EXIT, InfraError } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { type Content, dumpOf, ID, type Keys, makeBackup, makeKeys, SAMPLE_SQL, sealFor, sha256 } from './restore-support.js';

const why = postgresUnavailable();
if (why) console.warn(`restore tests left out: ${why}`);

describe.skipIf(why !== undefined)('a restore', { timeout: 120_000 }, () => {
  let server: RunningPostgres;
  let target: DatabaseTarget;
  let keys: Keys;
  let content: Required<Content>;
  let backup: Awaited<ReturnType<typeof makeBackup>>;

  beforeAll(async () => {
    server = startPostgres();
    target = { host: new LocalHost(), access: server.access };
    keys = await makeKeys();
    server.sql(SAMPLE_SQL);
    content = await dumpOf(server);
    backup = await makeBackup(keys, content);
  });
  afterAll(() => {
    server.stop();
  });

  const databases = () => server.sql(`SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database WHERE datname LIKE 'koprogo%'`, 'postgres');
  const restore = (source: BackupSource, more: Partial<RestoreOptions> = {}) =>
    restoreBackup({ ...source, target, progress: silent, mode: { kind: 'scratch' }, ...more });

  it('into a scratch database gives every row back and leaves nothing', async () => {
    const report = await restore(backup.source);
    expect(report.tables.map((table) => `${table.table} ${table.found ?? ''} ${table.verdict}`)).toMatchInlineSnapshot(`
      [
        ""Other Schema"."Odd ""Name""; x" 6 equal",
        "public.empty 0 equal",
        "public.owners 20000 equal",
        "public.parts_1 10 equal",
        "public.parts_2 5 equal",
      ]
    `);
    expect(report).toMatchObject({ id: ID, database: undefined, rolesCreated: [] });
    expect(databases()).toBe('koprogo_db');
  });

  it('keeps the scratch database when asked to, and drops it by its name only', async () => {
    const report = await restore(backup.source, { mode: { kind: 'scratch', keep: true } });
    const name = scratchName(ID);
    expect(report.database).toBe(name);
    expect(server.sql('SELECT c FROM "Other Schema"."Odd ""Name""; x" ORDER BY c', name)).toBe(server.sql('SELECT c FROM "Other Schema"."Odd ""Name""; x" ORDER BY c'));
    expect(server.sql('SELECT f()', name)).toBe(String.raw`\! nothing :x`);
    await expect(restore(backup.source)).rejects.toThrow(/was kept by an earlier restore/);
    await expect(discardDatabase(target, 'koprogo_db')).rejects.toThrow(/not a database that a restore left/);
    await expect(discardDatabase(target, `${name}"; DROP DATABASE koprogo_db; --`)).rejects.toThrow(/not a database that a restore left/);
    await discardDatabase(target, name);
    await expect(discardDatabase(target, name)).rejects.toThrow(/there is no database/);
    server.sql(`CREATE DATABASE ${name}`, 'postgres');
    await expect(discardDatabase(target, name)).rejects.toThrow(/does not carry the mark/);
    server.sql(`DROP DATABASE ${name}`, 'postgres');
  });

  describe('that goes wrong says so, and leaves neither database nor role', () => {
    const failing = async (over: { manifest?: (manifest: Manifest) => void; bytes?: (bytes: Buffer) => Buffer; source?: Partial<BackupSource> }) => {
      const { store, manifest, source, key } = await makeBackup(keys, content);
      over.manifest?.(manifest);
      const sealed = store.objects.get(key('database')) ?? Buffer.alloc(0);
      if (over.bytes) store.objects.set(key('database'), over.bytes(Buffer.from(sealed)));
      const roles = server.sql('SELECT count(*) FROM pg_roles');
      const error: unknown = await restore({ ...source, ...over.source }).catch((thrown: unknown) => thrown);
      expect(databases()).toBe('koprogo_db');
      expect(server.sql('SELECT count(*) FROM pg_roles')).toBe(roles);
      expect(server.sql(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'koprogo-restore'`)).toBe('0');
      expect(error).toBeInstanceOf(InfraError);
      return (error as InfraError).message;
    };
    const database = (manifest: Manifest) => manifest.objects.find((object) => object.role === 'database') ?? manifest.objects[0];

    it('another key', async () => {
      const other = await makeKeys();
      const message = await failing({ source: { privateKey: other.privateKey } });
      expect(message).toContain(keys.recovery.fingerprint);
      expect(message).toContain(other.recovery.fingerprint);
    });
    it('another key behind a manifest that names this one', async () => {
      const other = await makeKeys();
      const sealed = await sealFor(other.recovery, gzipSync(content.database));
      const message = await failing({
        bytes: () => sealed,
        manifest: (manifest) => Object.assign(database(manifest) ?? {}, { ciphertextBytes: sealed.length, ciphertextSha256: sha256(sealed) }),
      });
      expect(message).toMatch(/encrypted to other keys/);
    });
    it('an object cut short', async () => {
      expect(await failing({ bytes: (bytes) => bytes.subarray(0, -5000) })).toMatch(/is cut short: \d+ bytes, and its manifest says \d+/);
      expect(await failing({ bytes: () => Buffer.alloc(0) })).toMatch(/is cut short: 0 bytes/);
    });
    it('an object with more behind it', async () => {
      expect(await failing({ bytes: (bytes) => Buffer.concat([bytes, Buffer.of(0)]) })).toMatch(/is longer than/);
    });
    it.each([0.5, 0.9999])('one byte flipped at %d of the length', async (where) => {
      const flip = (bytes: Buffer) => {
        const at = Math.floor(bytes.length * where);
        bytes[at] = (bytes[at] ?? 0) ^ 1;
        return bytes;
      };
      expect(await failing({ bytes: flip })).toMatch(/^the object koprogo\/test\/.*database.sql.gz.gpg in bucket "memory" (has another SHA-256|cannot be decrypted|is encrypted to other)/);
    });
    it('one byte flipped and a manifest that was made to fit', async () => {
      const { store, key } = backup;
      const bytes = Buffer.from(store.objects.get(key('database')) ?? '');
      bytes[bytes.length - 3] = (bytes.at(-3) ?? 0) ^ 1;
      const message = await failing({ bytes: () => bytes, manifest: (manifest) => Object.assign(database(manifest) ?? {}, { ciphertextSha256: sha256(bytes) }) });
      expect(message).toMatch(/cannot be decrypted and decompressed: .*[Mm]odification detected/);
    });
    it('a missing object', async () => {
      const { store, source, key } = await makeBackup(keys, content);
      store.objects.delete(key('database'));
      await expect(restore(source)).rejects.toThrow(/there is no object koprogo\/test/);
      expect(databases()).toBe('koprogo_db');
    });
    it('other sizes and sums of the plaintext', async () => {
      expect(await failing({ manifest: (m) => Object.assign(database(m) ?? {}, { plaintextBytes: content.database.length - 1 }) })).toMatch(/decompresses to more/);
      expect(await failing({ manifest: (m) => Object.assign(database(m) ?? {}, { plaintextBytes: content.database.length + 1 }) })).toMatch(/is not what its manifest says/);
      expect(await failing({ manifest: (m) => Object.assign(database(m) ?? {}, { plaintextSha256: '0'.repeat(64) }) })).toMatch(/is not what its manifest says/);
    });
    it('other rows, missing and extra tables', async () => {
      const message = await failing({
        manifest: (manifest) => {
          const rest = Object.entries(content.rowCounts).filter(([table]) => table !== 'public.empty');
          manifest.database.rowCounts = { ...Object.fromEntries(rest), 'public.owners': 19999, 'public.gone': 3 };
        },
      });
      expect(message).toContain('3 of 6 tables are not as they were');
      expect(message).toContain('public.owners: differs (backup 19999, restored 20000)');
      expect(message).toContain('public.gone: missing (backup 3, restored none)');
      expect(message).toContain('public.empty: extra (backup none, restored 0)');
    });
    it('a newer PostgreSQL, and too little room', async () => {
      expect(await failing({ manifest: (m) => (m.database.serverVersionNumber = 160001) })).toMatch(/runs an older major version/);
      expect(await failing({ manifest: (m) => (m.database.sizeBytes = 2 ** 50) })).toMatch(/are free where PostgreSQL keeps its data/);
    });
  });

  describe('of a forged or broken dump', () => {
    const forged = async (database: string, rowCounts = {}) => {
      const made = await makeBackup(keys, { database: Buffer.from(database), globals: content.globals, rowCounts });
      const error: unknown = await restore(made.source).then(() => undefined, (thrown: unknown) => thrown);
      expect(databases()).toBe('koprogo_db');
      return error instanceof Error ? error.message : 'no error';
    };
    const marker = () => join(tmpdir(), `koprogo-forged-${process.pid}`);
    it.each([
      ['at the start of a line', (file: string) => `\\! touch ${file}\n`],
      ['in the middle of a line', (file: string) => `SELECT 1 \\! touch ${file}\n`],
      ['after its own \\unrestrict', (file: string) => `\\restrict abc\nSELECT 1;\n\\unrestrict abc\n\\! touch ${file}\n`],
      ['after an \\unrestrict at the very end', (file: string) => `\\restrict abc\nSELECT 1;\n\\! touch ${file}\n\\unrestrict abc\n`],
      ['as \\copy to a program', (file: string) => `\\copy (SELECT 1) TO PROGRAM 'touch ${file}'\n`],
      ['as \\connect', () => `\\connect koprogo_db\nCREATE TABLE forged ();\n`],
    ])("runs no psql command %s", async (_, sql) => {
      expect(await forged(sql(marker()))).toMatch(/forged|could not load/);
      expect(existsSync(marker())).toBe(false);
      expect(server.sql(`SELECT to_regclass('forged') IS NULL`)).toBe('t');
    });
    it('shows an error of SQL with its cause', async () => {
      expect(await forged('CREATE TABLE a (x int);\nINSERT INTO a VALUES (1/0);\n')).toMatch(/could not load backup .*\n.*division by zero/s);
    });
    it('finds a dump that ends inside COPY data, because nothing was committed', async () => {
      expect(await forged('CREATE TABLE a (x int);\nCOPY a FROM stdin;\n1\n2\n', { 'public.a': 2 })).toMatch(/a: missing|invalid input syntax/);
    });
    it('takes a dump of an older pg_dump without \\restrict', async () => {
      expect(await forged('CREATE TABLE a (x int);\nCOPY a FROM stdin;\n1\n2\n\\.\n', { 'public.a': 2 })).toBe('no error');
    });
  });

  it('takes away what a killed one left, but nothing else', async () => {
    const name = (id: string) => `koprogo_restore_20260101t000000z_${id}`;
    server.sql(`CREATE DATABASE ${name('aaaaaa')}`, 'postgres');
    server.sql(`CREATE DATABASE ${name('bbbbbb')}`, 'postgres');
    server.sql(`COMMENT ON DATABASE ${name('bbbbbb')} IS 'koprogo-infra: restored and kept'`, 'postgres');
    server.sql('CREATE DATABASE koprogo_restore_mine', 'postgres');
    await restore(backup.source);
    expect(databases()).toBe(`koprogo_db ${name('bbbbbb')} koprogo_restore_mine`);
    for (const left of [name('bbbbbb'), 'koprogo_restore_mine']) server.sql(`DROP DATABASE ${left}`, 'postgres');
  });

  it('is alone: a second one at once is refused and told so', async () => {
    const slow = await makeBackup(keys, content);
    let release: () => void = () => undefined;
    slow.store.hold = new Promise((resolve) => (release = resolve));
    const first = restore(slow.source);
    const started = () => {
      expect(databases()).toContain(scratchName(ID));
    };
    await vi.waitFor(started, { timeout: 60_000, interval: 50 });
    await expect(restore(backup.source)).rejects.toMatchObject({ exitCode: EXIT.busy, message: expect.stringMatching(/database session \d+, since 20/) as string });
    release();
    await expect(first).resolves.toBeDefined();
  });

  it('interrupted by its signal ends soon and leaves nothing', async () => {
    const slow = await makeBackup(keys, content);
    const controller = new AbortController();
    slow.store.beforePiece = (offset) => {
      if (offset > 300_000) controller.abort(new InfraError('interrupted'));
    };
    await expect(restore({ ...slow.source, signal: controller.signal })).rejects.toThrow('interrupted');
    expect(databases()).toBe('koprogo_db');
  });

  it('makes missing roles: bare ones for a scratch database, whole ones for good', async () => {
    const other = startPostgres();
    try {
      const there = { host: new LocalHost(), access: other.access };
      const roles = () => other.sql(`SELECT string_agg(rolname, ',' ORDER BY rolname) FROM pg_roles WHERE rolname !~ '^pg_'`);
      await restore(backup.source, { target: there });
      expect(roles()).toBe('koprogo');
      other.sql('CREATE TABLE old (x int)');
      const report = await restore(backup.source, { target: there, mode: { kind: 'in-place', app: { stop: async () => undefined, start: async () => undefined } } });
      expect(report.rolesCreated.sort()).toEqual(['Syndic Role', 'reader']);
      expect(roles()).toBe('Syndic Role,koprogo,reader');
      expect(other.sql(`SELECT rolcanlogin, pg_has_role('reader', 'Syndic Role', 'member'), rolpassword LIKE 'SCRAM%' FROM pg_authid WHERE rolname = 'reader'`)).toBe('t|t|t');
      expect(other.sql('SELECT count(*) FROM owners')).toBe('20000');
      expect(other.sql('SELECT count(*) FROM old', report.previous)).toBe('0');
    } finally {
      other.stop();
    }
  });

  it('as the last step of a set-up is done once, stored when it passed, and never when it failed', async () => {
    const home = mkdtempSync(join(tmpdir(), 'koprogo-step-'));
    try {
      const state = new MemoryState();
      let newest: BackupSource | undefined;
      const step = restoreTestStep({ state, progress: silent, target: async () => target, withNewest: (work) => work(newest) });
      expect((await step.check()).state).toBe('needed');
      await expect(step.apply()).rejects.toMatchObject({ hints: ['koprogo-infra backup run'] });
      const bad = structuredClone(backup.manifest);
      bad.database.rowCounts['public.owners'] = 1;
      newest = { ...backup.source, manifest: bad };
      await expect(step.apply()).rejects.toThrow(RestoreDiffers);
      expect((await step.check()).state).toBe('needed');
      newest = backup.source;
      await step.apply();
      expect(await step.check()).toMatchObject({ state: 'done', detail: expect.stringMatching(new RegExp(`^backup ${ID}: 5 tables, 20021 rows, all equal`)) as string });
    } finally {
      rmSync(home, { recursive: true, force: true });
    }
  });
});
