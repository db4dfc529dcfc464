import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LocalHost } from '../../src/edges/process.js';
import { Secret } from '../../src/secret.js';
import { ADMIN_EMAIL, guardAdmin } from '../../src/stack/admin.js';
import { freePorts } from '../../src/targets/sandbox/ports.js';
import { readTemplate } from '../../src/server/templates.js';
import { postgresUnavailable } from '../fixtures/postgres.js';

const BIN = '/usr/lib/postgresql/15/bin';
const PATH = `${BIN}:/usr/bin:/bin`;
/** For a busy computer; a quiet one needs a tenth. */
const LIMIT = 240_000;
const PASSWORD = 'pass-word_1';
const unavailable = postgresUnavailable();
if (unavailable !== undefined) console.warn(`The stand-ins for PostgreSQL and the backend are not tested: ${unavailable}`);
const asRoot = process.getuid?.() === 0;
const [uid, gid] = asRoot && unavailable === undefined ? ['-u', '-g'].map((flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))) : [];

/** Runs a stand-in in a process group of its own, as an ordinary user. */
function start(argv: readonly string[], env: Record<string, string>): ChildProcess & { said: () => string } {
  const become = asRoot ? ['setpriv', `--reuid=${String(uid)}`, `--regid=${String(gid)}`, '--clear-groups', '--'] : [];
  const [file = '', ...args] = [...become, ...argv];
  const child = spawn(file, args, { env: { PATH, LANG: 'C.UTF-8', ...env }, cwd: '/', detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (piece: string) => (text += piece));
  running.push(child);
  return Object.assign(child, { said: () => text });
}
const running: ChildProcess[] = [];

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const exit = once(child, 'exit');
  if (signal === 'SIGKILL' && child.pid !== undefined) process.kill(-child.pid, signal);
  else child.kill(signal);
  await exit;
  return child.exitCode;
}

async function until(condition: () => boolean, what: string): Promise<void> {
  const limit = Date.now() + LIMIT / 2;
  while (!condition()) {
    if (Date.now() > limit) throw new Error(`not within two minutes: ${what}`);
    await sleep(50);
  }
}

let folder: string;
/** A program of the stand-ins, where an ordinary user can read it, with other paths in it where it names fixed ones. */
function install(name: string, replace: Record<string, string> = {}): string {
  const text = Object.entries(replace).reduce((all, [from, to]) => all.replaceAll(from, to), readTemplate(`sandbox-images/${name}`));
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}
function makeFolder(): void {
  folder = mkdtempSync(join(tmpdir(), 'koprogo-standin-'));
  chmodSync(folder, 0o755);
}
async function removeFolder(): Promise<void> {
  for (const child of running.splice(0)) await end(child, 'SIGKILL');
  rmSync(folder, { recursive: true, force: true });
}

class Database {
  readonly data = join(folder, 'data');
  readonly #secret = join(folder, 'password');
  readonly #program = install('standin-postgres.sh');

  constructor(readonly port: number) {
    mkdirSync(this.data, { mode: 0o700 });
    writeFileSync(this.#secret, PASSWORD, { mode: 0o400 });
    if (uid !== undefined && gid !== undefined) for (const path of [this.data, this.#secret]) chownSync(path, uid, gid);
  }

  start() {
    const env = { PGDATA: this.data, POSTGRES_USER: 'koprogo', POSTGRES_DB: 'koprogo_db', POSTGRES_PASSWORD_FILE: this.#secret, POSTGRES_INITDB_ARGS: '--data-checksums --no-sync' };
    return start([this.#program, 'postgres', '-c', `port=${String(this.port)}`, '-c', `unix_socket_directories=${this.data}`, '-c', 'fsync=off'], env);
  }

  async ready(): Promise<void> {
    await until(() => this.#psql(PASSWORD, 'SELECT 1') === '1', 'the database answers');
  }

  sql(text: string): string {
    return this.#psql(PASSWORD, text) ?? 'failed';
  }

  refuses(password: string): boolean {
    return this.#psql(password, 'SELECT 1') === undefined;
  }

  #psql(password: string, text: string): string | undefined {
    try {
      const env = { PATH, PGPASSWORD: password, PGHOST: '127.0.0.1', PGPORT: String(this.port), PGUSER: 'koprogo', PGDATABASE: 'koprogo_db', PGCONNECT_TIMEOUT: '10' };
      return execFileSync('psql', ['-XAtqc', text], { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
    } catch {
      return undefined;
    }
  }
}

async function newDatabase(): Promise<Database> {
  const [port = 0] = await freePorts(1);
  return new Database(port);
}

describe.skipIf(unavailable !== undefined)('the stand-in for PostgreSQL', () => {
  beforeEach(makeFolder);
  afterEach(removeFolder);

  it('makes what the official image makes, once, and keeps it', async () => {
    const database = await newDatabase();
    const first = database.start();
    await database.ready();
    expect(database.sql("SELECT rolsuper, current_setting('server_encoding'), current_setting('data_checksums'), current_setting('password_encryption') FROM pg_roles WHERE rolname = current_user")).toBe('t|UTF8|on|scram-sha-256');
    expect(database.refuses('wrong')).toBe(true);
    database.sql('CREATE TABLE kept AS SELECT generate_series(1, 100)');
    expect(await end(first, 'SIGINT')).toBe(0);
    const second = database.start();
    await database.ready();
    expect(database.sql('SELECT count(*) FROM kept')).toBe('100');
    expect(second.said()).not.toContain('making a new database');
    expect(readdirSync(database.data).filter((name) => name.startsWith('.standin'))).toEqual([]);
  }, LIMIT);

  it('starts over after being killed while it makes the database', async () => {
    const database = await newDatabase();
    const killed = database.start();
    await until(() => existsSync(join(database.data, '.standin-making', 'PG_VERSION')), 'initdb has begun');
    await end(killed, 'SIGKILL');
    expect(existsSync(join(database.data, 'PG_VERSION'))).toBe(false);
    database.start();
    await database.ready();
    expect(database.sql('SELECT current_database()')).toBe('koprogo_db');
  }, LIMIT);

  it('goes on moving a finished database after a power cut', async () => {
    const database = await newDatabase();
    let child = database.start();
    await database.ready();
    database.sql('CREATE TABLE kept AS SELECT generate_series(1, 100)');
    const made = join(database.data, '.standin-made');
    const parts = readdirSync(database.data).filter((name) => !/^postmaster\.|^\.s\./.test(name));
    // Cut off with a few parts in place, with all but the last, and before the empty folder was removed.
    for (const waiting of [parts.filter((name) => !['base', 'global', 'pg_wal'].includes(name)), ['PG_VERSION'], []]) {
      await end(child, 'SIGINT');
      mkdirSync(made, { mode: 0o700 });
      if (uid !== undefined && gid !== undefined) chownSync(made, uid, gid);
      for (const name of waiting) renameSync(join(database.data, name), join(made, name));
      child = database.start();
      await database.ready();
      expect(database.sql('SELECT count(*) FROM kept')).toBe('100');
      expect(existsSync(made)).toBe(false);
    }
  }, LIMIT);

  it('touches nothing in a folder that holds something else', async () => {
    const database = await newDatabase();
    writeFileSync(join(database.data, 'letter.txt'), 'keep me');
    const child = database.start();
    await once(child, 'exit');
    expect(child.exitCode).toBe(1);
    expect(child.said()).toContain('holds files, but no database');
    expect(readdirSync(database.data)).toEqual(['letter.txt']);
  }, LIMIT);
});

describe.skipIf(unavailable !== undefined)('the stand-in for the backend', () => {
  let database: Database;
  let server: ReturnType<typeof start>;
  let port: number;
  let url: string;
  beforeAll(async () => {
    makeFolder();
    database = await newDatabase();
    server = database.start();
    await database.ready();
    [port = 0] = await freePorts(1);
    url = `http://127.0.0.1:${String(port)}/api/v1`;
  }, LIMIT);
  afterAll(removeFolder);

  const environment = (password = PASSWORD) => ({
    SERVER_PORT: String(port),
    SERVER_HOST: '127.0.0.1',
    CORS_ALLOWED_ORIGINS: 'http://copro.test',
    DATABASE_URL: `postgres://koprogo:${password}@127.0.0.1:${String(database.port)}/koprogo_db`,
  });
  const program = () => install('standin-backend.pl');

  it('ends when the database does not take it, or every origin is allowed', async () => {
    for (const [env, why] of [[environment('wrong'), 'the database does not answer'], [{ ...environment(), CORS_ALLOWED_ORIGINS: '*' }, 'CORS_ALLOWED_ORIGINS']] as const) {
      const child = start(['perl', program()], env);
      await once(child, 'close');
      expect(child.exitCode).not.toBe(0);
      expect(child.said()).toContain(why);
      expect(child.said()).not.toContain(PASSWORD);
    }
  }, LIMIT);

  it('lets its first administrator in with the published password, at each start', async () => {
    const child = start(['perl', program()], environment());
    await until(() => child.said().includes('listening'), 'the backend listens');
    const login = async (body: string) => (await fetch(`${url}/auth/login`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })).status;
    const as = (email: string, password: string) => login(JSON.stringify({ email, password }));
    expect(await as('admin@koprogo.com', 'admin123')).toBe(200);
    expect(await login('{ "password" : "admin123", "email" : "admin@koprogo.com" }')).toBe(200);
    expect(database.sql("SELECT crypt('admin123', '$2a' || substr(password_hash, 4)) = '$2a' || substr(password_hash, 4), left(password_hash, 7) FROM users")).toBe('t|$2b$12$');
    const refused = [['admin@koprogo.com', 'admin1234'], ['admin@koprogo.com', ''], ['nobody@koprogo.com', 'admin123'], ["x' OR '1'='1", 'admin123'], ["admin@koprogo.com'; DROP TABLE users; --", 'admin123'], ['admin@koprogo.com\\', 'admin123'], ['%', 'admin123']] as const;
    for (const [email, password] of refused) expect(await as(email, password), email).toBe(401);
    for (const body of ['', '{}', 'x', '{"email":"admin@koprogo.com"}', '{"email":"a","password":"\\n"}', '['.repeat(20_000)]) expect(await login(body), body.slice(0, 40)).toBe(400);
    expect((await fetch(`${url}/auth/login`)).status).toBe(404);

    // A password of another's making, and one without a hash.
    database.sql("UPDATE users SET password_hash = crypt('another \"one\"', gen_salt('bf', 4))");
    expect([await as('admin@koprogo.com', 'admin123'), await as('admin@koprogo.com', 'another "one"')]).toEqual([401, 200]);
    database.sql("UPDATE users SET is_active = false");
    expect(await as('admin@koprogo.com', 'another "one"')).toBe(401);
    database.sql("UPDATE users SET is_active = true, password_hash = 'none'");
    expect(await as('admin@koprogo.com', 'none')).toBe(401);
    expect(await end(child, 'SIGTERM')).toBe(0);

    const again = start(['perl', program()], environment());
    await until(() => again.said().includes('listening'), 'the backend listens again');
    expect(await as('admin@koprogo.com', 'admin123')).toBe(200);
    expect(await end(again, 'SIGTERM')).toBe(0);
  }, LIMIT);

  it('lets nobody in with it once the guard is in the database, however often it starts', async () => {
    const own = new Secret('our-own-first-password-1');
    const prefix = ['env', `PATH=${PATH}`, `PGPASSWORD=${PASSWORD}`, 'PGHOST=127.0.0.1', `PGPORT=${String(database.port)}`];
    const where = { host: new LocalHost(), access: { prefix, user: 'koprogo', database: 'koprogo_db' } };
    const logIn = async (password: string) => (await fetch(`${url}/auth/login`, { method: 'POST', body: JSON.stringify({ email: ADMIN_EMAIL, password }) })).status;
    for (const guarded of ['set', 'kept', 'kept']) {
      const child = start(['perl', program()], environment());
      await until(() => child.said().includes('listening'), 'the backend listens');
      expect(await guardAdmin(where, { password: own })).toBe(guarded);
      expect([await logIn('admin123'), await logIn(own.reveal())]).toEqual([401, 200]);
      expect(child.said()).not.toContain('could not set');
      expect(await end(child, 'SIGTERM')).toBe(0);
    }
    database.sql('DROP TABLE users; DROP SCHEMA koprogo_infra CASCADE');
    // The guard before the first user: that one has no password that anybody knows, until ours is set.
    database.sql("CREATE TABLE users (id uuid PRIMARY KEY, email varchar(255) UNIQUE NOT NULL, password_hash varchar(255) NOT NULL, first_name varchar(100) NOT NULL, last_name varchar(100) NOT NULL, role varchar(50) NOT NULL, organization_id uuid, is_active boolean NOT NULL DEFAULT true, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now())");
    expect(await guardAdmin(where, { password: own })).toBe('nobody');
    const child = start(['perl', program()], environment());
    await until(() => child.said().includes('listening'), 'the backend listens');
    expect([await logIn('admin123'), await logIn(own.reveal())]).toEqual([401, 401]);
    expect(await guardAdmin(where, { password: own })).toBe('set');
    expect([await logIn('admin123'), await logIn(own.reveal())]).toEqual([401, 200]);
    expect(await end(child, 'SIGTERM')).toBe(0);
    database.sql('DROP TABLE users; DROP SCHEMA koprogo_infra CASCADE');
  }, LIMIT);

  it('goes on when the password cannot be set', async () => {
    const first = start(['perl', program()], environment());
    await until(() => first.said().includes('listening'), 'the backend has made its tables');
    expect(await end(first, 'SIGTERM')).toBe(0);
    database.sql('ALTER TABLE users ADD CONSTRAINT stubborn CHECK (false) NOT VALID');
    const child = start(['perl', program()], environment());
    await until(() => child.said().includes('listening'), 'the backend listens');
    expect(child.said()).toContain("could not set the administrator's password");
    expect((await fetch(`${url}/health`)).status).toBe(200);
    database.sql('ALTER TABLE users DROP CONSTRAINT stubborn');
    expect(await end(child, 'SIGTERM')).toBe(0);
  }, LIMIT);

  it('answers its paths, keeps nobody waiting for a slow client, and tells a broken database', async () => {
    const child = start(['perl', program()], { ...environment(encodeURIComponent(PASSWORD).replace('-', '%2D')) });
    await until(() => child.said().includes('listening'), 'the backend listens');
    expect(database.sql('SELECT count(*) FROM standin_buildings')).toBe('3');
    const slow = await Promise.all(Array.from({ length: 20 }, () => slowClient(port)));

    const health = await fetch(`${url}/health`);
    expect([health.status, await health.json()]).toEqual([200, { status: 'healthy', service: 'koprogo-api', standin: true }]);
    const together = await Promise.all(Array.from({ length: 8 }, () => fetch(`${url}/public/buildings/x/syndic`)));
    expect(together.map(({ status }) => status)).toEqual(Array(8).fill(404));
    expect((await fetch(`${url}/other`)).status).toBe(404);
    expect((await fetch(`${url}/health`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${url}/health`, { method: 'POST', body: 'x'.repeat(100_000) })).status).toBe(400);
    for (const socket of slow) socket.destroy();

    await end(server, 'SIGINT');
    expect((await fetch(`${url}/public/buildings/x/syndic`)).status).toBe(500);
    expect((await fetch(`${url}/health`)).status).toBe(200);
    expect(child.said()).not.toContain(PASSWORD);
    expect(await end(child, 'SIGTERM')).toBe(0);
  }, LIMIT);
});

/** Sends half a request, and then nothing. */
async function slowClient(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write('GET /api/v1/he');
  return socket;
}

describe('the stand-in for Traefik', () => {
  let source: string;
  let log: string;
  beforeEach(() => {
    makeFolder();
    if (uid !== undefined && gid !== undefined) chownSync(folder, uid, gid);
    source = join(folder, 'dynamic.yml');
    log = join(folder, 'nginx.log');
    // In nginx's place: notes the configuration at its start and whenever it is told that there is another.
    const nginx = `#!/bin/sh\nnote() { cat "$4" >>${log}; echo "=== $1 $2 $3" >>${log}; }\ntrap 'note "$@"' HUP\ntrap 'exit 0' TERM\nnote "$@"\nwhile :; do sleep 0.1; done\n`;
    writeFileSync(join(folder, 'nginx'), nginx);
    chmodSync(join(folder, 'nginx'), 0o755);
  });
  afterEach(removeFolder);

  const run = () => start(['perl', install('standin-traefik.pl', { '/etc/traefik/dynamic.yml': source, '/tmp/traefik.conf': join(folder, 'traefik.conf') })], { PATH: `${folder}:${PATH}` });
  const noted = () => (existsSync(log) ? readFileSync(log, 'utf8') : '').split(/^=== .*\n/m).filter((text) => text !== '');
  const www = (domain: string) => readTemplate('compose/traefik-www.yml').replace('{{wwwDomain}}', `www.${domain}`);
  const rendered = (domain: string) => readTemplate('compose/traefik-dynamic.yml').replace('{{apiDomain}}', `api.${domain}`).replace('{{siteDomain}}', domain);

  it('routes the hosts of the file that the stack renders', async () => {
    writeFileSync(source, rendered('copro.test'));
    const child = run();
    await until(() => noted().length === 1, 'nginx has started');
    const [configuration = ''] = noted();
    expect(configuration).toMatch(/server_name api\.copro\.test;\s+location \/ \{[^}]*set \$target http:\/\/backend:8080;/);
    expect(configuration).toMatch(/server_name copro\.test;\s+location \/ \{[^}]*set \$target http:\/\/frontend:80;/);
    expect(configuration).toMatch(/listen 80 default_server;[^}]*\}\s+location \/ \{[^}]*return 404/);
    expect(configuration).toContain('resolver 127.0.0.11');
    expect(configuration).toContain('add_header X-Frame-Options "DENY" always;');
    expect(configuration).toContain('add_header Permissions-Policy "camera=(), microphone=(), geolocation=()" always;');
    expect(await end(child, 'SIGTERM')).toBe(0);
  }, LIMIT);

  it('leads from www. to the domain, and takes no other middleware of a router for that', async () => {
    writeFileSync(source, rendered('copro.test') + www('copro.test'));
    const child = run();
    await until(() => noted().length === 1, 'nginx has started');
    expect(noted()[0]).toContain('    server_name www.copro.test;\n    if ($http_host ~* ^www[.](.+)$) { return 301 $scheme://$1$request_uri; }\n');
    expect(noted()[0]).toMatch(/server_name copro\.test;\s+location \/ \{[^}]*set \$target http:\/\/frontend:80;/);
    writeFileSync(source, rendered('copro.test') + www('copro.test').replace('[apex]', '[limit]'));
    await until(() => child.said().includes('the routes stay as they are'), 'another middleware was seen');
    writeFileSync(source, rendered('copro.test').replace('"${1}"', '"${1}evil.test/"') + www('copro.test'));
    await sleep(2500);
    expect(noted()).toHaveLength(1);
    expect(await end(child, 'SIGTERM')).toBe(0);
  }, LIMIT);

  it('follows the file, and keeps its routes when the file is broken', async () => {
    const child = run();
    await until(() => noted().length === 1, 'nginx has started without a file');
    expect(noted()[0]).not.toContain('server_name ');
    writeFileSync(source, rendered('copro.test'));
    await until(() => noted().length === 2, 'nginx was told of the new routes');
    expect(noted()[1]).toContain('server_name copro.test;');
    writeFileSync(source, rendered('copro.test; } evil {'));
    await until(() => child.said().includes('the routes stay as they are'), 'the broken file was seen');
    expect(noted()).toHaveLength(2);
    expect(await end(child, 'SIGTERM')).toBe(0);
  }, LIMIT);
});
