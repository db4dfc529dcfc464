import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LocalHost } from '../../src/edges/process.js';
import { silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { type AdminDatabase, type AdminState, guardAdmin, guardAdminOnceThere, isAdminPassword, probeSql, readAdmin } from '../../src/stack/admin.js';
import { psql } from '../../src/backup/database.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { recordingProgress } from '../server/recording-progress.js';

const ID = '00000000-0000-0000-0000-000000000001';
const EMAIL = 'admin@koprogo.com';
const PASSWORD = new Secret('our-own-first-password-1');
const unavailable = postgresUnavailable();
if (unavailable !== undefined) console.warn(`The guard of the admin password is not tested: ${unavailable}`);

/** By another program than PostgreSQL, under the name that the backend's library writes. Another salt each time; cheap, because there are many. */
let salts = 0;
function bcrypt(password: string, { name = '2b', cost = '04', salt = `${String((salts += 1)).padStart(2, '0')}koprogo.e.g.salt...u` } = {}): string {
  return crypt(password, `$${name}$${cost}$${salt}`);
}
function crypt(password: string, setting: string): string {
  return execFileSync('perl', ['-e', 'print crypt($ARGV[0], $ARGV[1])', password, setting], { encoding: 'utf8' });
}

const fits = (password: string, hash: string) => crypt(password, hash) === hash;

describe.skipIf(unavailable !== undefined)('the guard of the admin password', { timeout: 120_000 }, () => {
  let postgres: RunningPostgres;
  let where: AdminDatabase;
  beforeAll(() => {
    postgres = startPostgres();
    where = { host: new LocalHost(), access: postgres.access };
  });
  afterAll(() => {
    postgres.stop();
  });

  /** What the first start of the backend does before it sets the password. */
  const migrate = (extensionIn = 'public', database?: string) =>
    postgres.sql(
      `CREATE SCHEMA IF NOT EXISTS ${extensionIn}; CREATE EXTENSION IF NOT EXISTS pgcrypto SCHEMA ${extensionIn};
       CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255) UNIQUE NOT NULL, password_hash varchar(255) NOT NULL, first_name varchar(100) NOT NULL, last_name varchar(100) NOT NULL,
         role varchar(50) NOT NULL, organization_id uuid, is_active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())`,
      database,
    );
  beforeEach(() => {
    migrate();
  });
  afterEach(() => {
    postgres.sql('DROP SCHEMA IF EXISTS koprogo_infra, elsewhere CASCADE; DROP TABLE IF EXISTS users CASCADE; DROP EXTENSION IF EXISTS pgcrypto CASCADE');
  });

  /** What every start of the backend does. */
  const seed = (hash = bcrypt('admin123'), database?: string) =>
    postgres.sql(
      `INSERT INTO users (id, email, password_hash, first_name, last_name, role, organization_id, is_active, created_at, updated_at)
       VALUES ('${ID}', '${EMAIL}', '${hash}', 'Super', 'Admin', 'superadmin', NULL, true, now(), now())
       ON CONFLICT (email) DO UPDATE SET password_hash = EXCLUDED.password_hash, updated_at = EXCLUDED.updated_at, is_active = true`,
      database,
    );
  const stored = (database?: string) => postgres.sql(`SELECT password_hash FROM users WHERE email = '${EMAIL}'`, database);
  const guard = (more: Partial<Parameters<typeof guardAdmin>[1]> = {}) => guardAdmin(where, { password: PASSWORD, ...more });
  const state = async (database?: string): Promise<AdminState | undefined> => {
    const { stdout } = await where.host.run({ ...psql(where.access, { application: 'test', ...(database === undefined ? {} : { database }) }), input: probeSql() });
    return readAdmin(stdout);
  };

  it('sets a first password in the place of the published one, which no later start brings back', async () => {
    seed(bcrypt('admin123', { cost: '12' }));
    expect(fits('admin123', stored())).toBe(true);
    expect(await state()).toBe('unguarded');
    expect(await guard()).toBe('set');
    const set = stored();
    expect(set).toMatch(/^\$2a\$12\$/);
    expect(fits(PASSWORD.reveal(), set)).toBe(true);
    for (let start = 0; start < 3; start += 1) {
      seed();
      expect(stored()).toBe(set);
    }
    expect(postgres.sql('SELECT is_active FROM users')).toBe('t');
    expect(await state()).toBe('safe');
    expect(await isAdminPassword(where, PASSWORD)).toBe(true);
    expect(await isAdminPassword(where, new Secret('another'))).toBe(false);
  });

  it('is the same when it is put in again, and sets nothing anew', async () => {
    seed();
    await guard();
    const set = stored();
    expect(await guard({ password: new Secret('another-first-password') })).toBe('kept');
    expect(stored()).toBe(set);
    expect(await state()).toBe('safe');
  });

  it('keeps a password that was chosen in the app, until it is asked to reset', async () => {
    seed();
    await guard();
    const chosen = bcrypt('chosen by the operator');
    postgres.sql(`UPDATE users SET password_hash = '${chosen}', updated_at = now()`);
    seed();
    expect(await guard()).toBe('kept');
    expect(stored()).toBe(chosen);
    expect(await isAdminPassword(where, PASSWORD)).toBe(false);
    const second = new Secret('the-second-password-1');
    expect(await guard({ reset: true, password: second })).toBe('set');
    expect(await isAdminPassword(where, second)).toBe(true);
  });

  it('keeps one that was chosen before there was a guard', async () => {
    const chosen = bcrypt('chosen by the operator');
    seed(chosen);
    expect(await guard()).toBe('kept');
    expect(stored()).toBe(chosen);
  });

  it('lets nobody in when the user is made after it, until a password is set', async () => {
    expect(await guard()).toBe('nobody');
    expect(await state()).toBe('safe');
    seed();
    const marker = stored();
    expect(marker).toMatch(/^\$2b\$12\$[./A-Za-z0-9]{53}$/);
    expect(fits('admin123', marker)).toBe(false);
    expect(await state()).toBe('open');
    seed();
    expect(stored()).toBe(marker);
    expect(await guard()).toBe('set');
    seed();
    expect(await isAdminPassword(where, PASSWORD)).toBe(true);
  });

  it.each(['2a', '2b', '2y'])('knows the published password under the name $%s$, with any salt and cost', async (name) => {
    seed();
    await guard();
    const set = stored();
    for (const cost of ['04', '08']) {
      postgres.sql(`UPDATE users SET password_hash = '${bcrypt('admin123', { name, cost })}'`);
      expect(stored()).toBe(set);
    }
    const loose = bcrypt('admin123', { name, cost: '04' });
    // The last character of the salt with bits in it that do not count.
    postgres.sql(`UPDATE users SET password_hash = '${loose.slice(0, 28)}v${loose.slice(29)}'`);
    expect(stored()).toBe(set);
  });

  it('throws at no hash that is malformed, and lets it through', async () => {
    seed();
    await guard();
    for (const hash of ['', 'x', '$2b$', '$2b$12$short', `$2b$99$${'a'.repeat(53)}`, `$2b$03$${'a'.repeat(53)}`, `$2b$12$${'!'.repeat(53)}`, '_J9..rasmBYk8r9AiWNc', '$argon2id$v=19$m=1,t=1,p=1$a$b', 'é'.repeat(200)]) {
      postgres.sql(`UPDATE users SET password_hash = '${hash}'`);
      expect(stored()).toBe(hash);
      expect(await state()).toBe('safe');
    }
  });

  it('leaves other users alone, also when they have that password', async () => {
    seed();
    await guard();
    const hash = bcrypt('admin123', { cost: '04' });
    const insert = (email: string) => postgres.sql(`INSERT INTO users VALUES (gen_random_uuid(), '${email}', '${hash}', 'a', 'b', 'syndic', NULL, true)`);
    insert('other@example.be');
    expect(postgres.sql(`SELECT password_hash FROM users WHERE email = 'other@example.be'`)).toBe(hash);
    // Unless one of them takes the administrator's place, or the administrator another address.
    postgres.sql(`UPDATE users SET email = 'moved@example.be' WHERE id = '${ID}'`);
    postgres.sql(`UPDATE users SET email = 'Admin@KoproGo.com' WHERE email = 'other@example.be'`);
    expect(postgres.sql(`SELECT password_hash = '${hash}' FROM users WHERE email = 'Admin@KoproGo.com'`)).toBe('f');
    postgres.sql(`UPDATE users SET password_hash = '${hash}' WHERE id = '${ID}'`);
    expect(postgres.sql(`SELECT password_hash = '${hash}' FROM users WHERE id = '${ID}'`)).toBe('f');
    expect(await isAdminPassword(where, PASSWORD)).toBe(true);
  });

  it('stands in the way of no later migration', async () => {
    seed();
    await guard();
    postgres.sql('ALTER TABLE users ALTER COLUMN password_hash TYPE text, ALTER COLUMN email TYPE text; ALTER TABLE users ADD COLUMN phone text; ALTER TABLE users DROP COLUMN phone');
    seed();
    expect(await state()).toBe('safe');
    expect(await isAdminPassword(where, PASSWORD)).toBe(true);
  });

  it.each(['public', 'elsewhere'])('goes with a dump into another database, with pgcrypto in the schema %s', async (schema) => {
    postgres.sql('DROP TABLE users; DROP EXTENSION pgcrypto');
    migrate(schema);
    seed();
    await guard();
    const set = stored();
    const [file = '', ...args] = where.access.prefix;
    const dump = execFileSync(file, [...args, 'pg_dump', '-U', 'koprogo', '-d', 'koprogo_db'], { encoding: 'utf8' });
    postgres.sql('CREATE DATABASE restored', 'postgres');
    try {
      execFileSync(file, [...args, 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-1', '-U', 'koprogo', '-d', 'restored'], { input: dump, stdio: ['pipe', 'ignore', 'pipe'] });
      expect(await state('restored')).toBe('safe');
      seed(undefined, 'restored');
      expect(stored('restored')).toBe(set);
    } finally {
      postgres.sql('DROP DATABASE restored', 'postgres');
    }
  });

  it('is put into a database that is about to become the live one', async () => {
    postgres.sql('CREATE DATABASE restored', 'postgres');
    try {
      expect(await guard({ database: 'restored' })).toBe('absent');
      migrate('public', 'restored');
      seed(undefined, 'restored');
      expect(await guard({ database: 'restored' })).toBe('set');
      expect(await state('restored')).toBe('safe');
      expect(await state()).toBe('unguarded');
    } finally {
      postgres.sql('DROP DATABASE restored', 'postgres');
    }
  });

  it.each<[string, string]>([
    ['the trigger is disabled', 'ALTER TABLE users DISABLE TRIGGER koprogo_infra_published_password'],
    ['all triggers are disabled', 'ALTER TABLE users DISABLE TRIGGER ALL'],
    ['the trigger does not work while a session replicates', 'ALTER TABLE users ENABLE TRIGGER koprogo_infra_published_password'],
    ['the trigger is gone', 'DROP TRIGGER koprogo_infra_published_password ON users'],
    ['the trigger works only at times', 'CREATE OR REPLACE TRIGGER koprogo_infra_published_password BEFORE INSERT OR UPDATE ON users FOR EACH ROW WHEN (false) EXECUTE FUNCTION koprogo_infra.keep_published_password_out()'],
    ['the trigger calls something else', "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE OR REPLACE TRIGGER koprogo_infra_published_password BEFORE INSERT OR UPDATE ON users FOR EACH ROW EXECUTE FUNCTION nothing()"],
    ['its function is another', "CREATE OR REPLACE FUNCTION koprogo_infra.keep_published_password_out() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN NEW; END'"],
    ['what compares is another', "CREATE OR REPLACE FUNCTION koprogo_infra.password_fits(password text, hash text) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS 'BEGIN RETURN false; END'"],
    ['its search path is open', 'ALTER FUNCTION koprogo_infra.password_fits(text, text) RESET search_path'],
    ['pgcrypto is gone', 'DROP EXTENSION pgcrypto'],
    ['all of it is gone', 'DROP SCHEMA koprogo_infra CASCADE'],
  ])('is found missing when %s, and put back', async (_, spoil) => {
    seed(bcrypt('chosen by the operator'));
    await guard();
    expect(await state()).toBe('safe');
    postgres.sql(`${spoil};`);
    expect(await state()).toBe('unguarded');
    expect(await guard()).toBe('kept');
    expect(await state()).toBe('safe');
    postgres.sql('DROP FUNCTION IF EXISTS nothing');
  });

  it('finds the published password that came past it', async () => {
    seed();
    await guard();
    postgres.sql(`ALTER TABLE users DISABLE TRIGGER ALL; UPDATE users SET password_hash = '${bcrypt('admin123')}'; ALTER TABLE users ENABLE ALWAYS TRIGGER koprogo_infra_published_password`);
    expect(await state()).toBe('open');
    seed();
    expect(fits('admin123', stored())).toBe(false);
    expect(await guard()).toBe('set');
    expect(await state()).toBe('safe');
  });

  it('waits for a backend that is still making its tables', async () => {
    postgres.sql('DROP TABLE users');
    expect(await guard()).toBe('absent');
    expect([await state(), await isAdminPassword(where, PASSWORD)]).toEqual(['unguarded', undefined]);
    setTimeout(() => {
      migrate();
      seed();
    }, 500);
    await guardAdminOnceThere(where, { password: PASSWORD, progress: silent, patienceSeconds: 60 });
    expect(await isAdminPassword(where, PASSWORD)).toBe(true);
  });

  it('gives up with the command that shows why, but lets a missing user be', async () => {
    const progress = recordingProgress();
    await guardAdminOnceThere(where, { password: PASSWORD, progress, patienceSeconds: 0 });
    expect(progress.warnings).toEqual([expect.stringContaining('no user admin@koprogo.com')]);
    postgres.sql('DROP TABLE users');
    await expect(guardAdminOnceThere(where, { password: PASSWORD, progress, patienceSeconds: 0 })).rejects.toMatchObject({ hints: expect.arrayContaining(['koprogo-infra stack logs backend']) as string[] });
  });

  it('leaves our password in no log of the server, also when it fails', async () => {
    for (const setting of ["log_statement = 'all'", 'log_min_duration_statement = 0', "log_min_messages = 'debug1'"]) postgres.sql(`ALTER SYSTEM SET ${setting}`);
    postgres.sql('SELECT pg_reload_conf()');
    try {
      seed();
      await guard();
      await isAdminPassword(where, PASSWORD);
      postgres.sql('ALTER TABLE users ADD CHECK (length(password_hash) < 2) NOT VALID');
      await expect(guard({ reset: true })).rejects.toThrow(/violates check constraint/);
      const log = readFileSync(join(postgres.directory, 'log'), 'utf8');
      expect(log).toContain('COPY given');
      expect(log).toContain('violates check constraint');
      expect(log).not.toContain(PASSWORD.reveal());
    } finally {
      postgres.sql('ALTER SYSTEM RESET ALL');
      postgres.sql('SELECT pg_reload_conf()');
    }
  });

  it.each(["x'; DROP TABLE users; --aaaa", '\\.\naaaaaaaaaaaaaaaaaaaaaaa', 'short'])('never writes %j into SQL', async (text) => {
    await expect(guard({ password: new Secret(text) })).rejects.toThrow(/not one that this program makes/);
  });
});
