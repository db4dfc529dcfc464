import { chmodSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { InputError } from '../../../src/errors.js';
import { openBackend } from '../../../src/state/backends/open-backend.js';
import { parsePostgresUrl } from '../../../src/state/backends/postgres-url.js';
import { connectionWarnings, parseRedisUrl } from '../../../src/state/backends/redis-url.js';
import { parseS3Url } from '../../../src/state/backends/s3-url.js';
import { failureOf } from '../../fixtures/failure.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'koprogo-open-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** What every wrong URL ends in: before anything is opened, with a right example, and without the planted password. */
async function refusal(url: string | undefined, environment: NodeJS.ProcessEnv = {}): Promise<string> {
  const error = await failureOf(openBackend(url, environment), 'planted');
  expect(error).toBeInstanceOf(InputError);
  return error.message;
}

describe('where the state is kept', () => {
  beforeEach(() => {
    vi.stubEnv('XDG_STATE_HOME', directory);
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  it('is a SQLite file in the state folder of this user, where nothing is said', async () => {
    for (const environment of [{}, { KOPROGO_STATE: '' }, { KOPROGO_STATE: 'sqlite:' }]) {
      const backend = await openBackend(undefined, environment);
      expect(backend.where).toBe(`SQLite file ${directory}/koprogo-infra/state.db`);
      await backend.close();
    }
    expect(statSync(join(directory, 'koprogo-infra')).mode & 0o777).toBe(0o700);
  });

  it('is a file that is named, with any characters that a path may have', async () => {
    const path = join(directory, 'a folder %41', 'état.db');
    for (const url of [`sqlite:${path}`, `sqlite://${path}`]) {
      const backend = await openBackend(url, { KOPROGO_STATE: 'memory:' });
      expect(backend.where).toBe(`SQLite file ${path}`);
      await backend.close();
    }
    expect(statSync(path).isFile()).toBe(true);
  });

  it('may stand in a file for this user only, so that a password is in no environment', async () => {
    const file = join(directory, 'url');
    writeFileSync(file, 'memory:\n', { mode: 0o600 });
    expect((await openBackend(undefined, { KOPROGO_STATE_FILE: file })).where).toBe('memory');
    chmodSync(file, 0o644);
    expect(await refusal(undefined, { KOPROGO_STATE_FILE: file })).toMatch(/others can reach/);
    chmodSync(file, 0o600);
    expect(await refusal(undefined, { KOPROGO_STATE_FILE: file, KOPROGO_STATE: 'memory:' })).toMatch(/KOPROGO_STATE and KOPROGO_STATE_FILE are both set/);
    expect(await refusal(undefined, { KOPROGO_STATE_FILE: `${file}-none` })).toMatch(/is not there/);
    symlinkSync(file, `${file}-link`);
    expect((await failureOf(openBackend(undefined, { KOPROGO_STATE_FILE: `${file}-link` }))).message).toMatch(/symbolic link/);
  });

  it.each(['planted', 'postgre://u:planted@h/d', 'sqlite', 'SQLITE:', 'file:/x', 'https://u:planted@h', 'memory:planted', 'memory://', ' sqlite:', `sqlite:${'x'.repeat(5000)}`])(
    'is refused where the URL is none of ours: %j',
    async (url) => {
      expect(await refusal(url)).toMatch(/the URL of the state must begin with memory:|memory: takes nothing|is too long/);
    },
  );

  it.each(['sqlite:state.db', 'sqlite:./state.db', 'sqlite://host/state.db', 'sqlite:/path/', 'sqlite:/path?mode=ro', 'sqlite:/a\nb', 'sqlite:////x'])('is refused where a file is not named properly: %j', async (url) => {
    expect(await refusal(url)).toMatch(/after sqlite: comes nothing, or the absolute path of a file/);
  });
});

describe('the URL of PostgreSQL', () => {
  const read = (rest: string) => parsePostgresUrl(`postgres://${rest}`);

  it('is read as libpq reads it', async () => {
    const place = await parsePostgresUrl('postgresql://us%40er:p%40ss%2F%3A@db.example.org/koprogo');
    expect(place).toMatchObject({ host: 'db.example.org', port: 5432, user: 'us@er', database: 'koprogo', tls: { rejectUnauthorized: true }, warnings: [] });
    expect(place.password?.reveal()).toBe('p@ss/:');
    expect(place.where).toBe('PostgreSQL database "koprogo" at db.example.org:5432');
    expect(await read('u@[::1]:5433/d')).toMatchObject({ host: '::1', port: 5433, password: undefined, tls: false });
    expect((await read('u:a:b@h/d')).password?.reveal()).toBe('a:b');
  });

  it('verifies TLS everywhere but on this computer, unless it says otherwise', async () => {
    expect((await read('u@10.0.0.1/d')).tls).toEqual({ rejectUnauthorized: true });
    expect((await read('u@127.0.0.1/d')).tls).toBe(false);
    expect((await read('u@localhost/d?sslmode=verify-full')).tls).toEqual({ rejectUnauthorized: true });
    const plain = await read('u@h/d?sslmode=disable');
    expect(plain.tls).toBe(false);
    expect(plain.warnings).toEqual([expect.stringMatching(/not encrypted \(sslmode=disable\)/)]);
    expect(await read('u@h/d?sslmode=require')).toMatchObject({ tls: { rejectUnauthorized: false }, warnings: [expect.stringMatching(/not verified \(sslmode=require\)/)] });
    expect((await read('u@h/d?sslmode=verify-ca')).tls).toMatchObject({ rejectUnauthorized: true, checkServerIdentity: expect.any(Function) as unknown });
  });

  it.each([
    ['u:planted@h/d?sslmode=prefer', /sslmode=prefer goes on in clear text/],
    ['u:planted@h/d?sslmode=allow', /sslmode=allow goes on in clear text/],
    ['u:planted@h/d?sslmode=planted', /sslmode must be one of disable, require, verify-ca, verify-full/],
    ['u:planted@h/d?sslmodus=require', /unknown parameter "sslmodus"; known: sslmode, sslrootcert, host/],
    ['u:planted@h/d?sslmode=require&sslmode=disable', /the parameter "sslmode" twice/],
    ['u:planted@h/d?sslmode=', /"sslmode" has no value/],
    ['u:planted@h/d?sslmode', /unknown parameter/],
    ['u:planted@h/d?sslrootcert=ca.pem', /sslrootcert must be an absolute path/],
    ['u:planted@h/d?sslrootcert=/nonexistent/ca.pem', /certificates of sslrootcert cannot be read/],
    ['u:planted@h/d?sslrootcert=/etc/hostname', /holds no certificate in PEM/],
    ['u:planted@127.0.0.1/d?sslrootcert=/etc/ca.pem', /sslrootcert is of no use with sslmode=disable/],
    ['u:planted@h/d?host=/run/postgresql', /host= is for the directory of a Unix socket/],
    ['u:planted@/d?host=run', /host= is for the directory/],
    ['u:planted@/d?host=/run&sslmode=require', /a Unix socket has no TLS/],
    ['u:planted@/d', /names no host/],
    ['h/d', /names no user/],
    ['u:planted@h', /the name of the database/],
    ['u:planted@h/', /the name of the database/],
    ['u:planted@h/d/e', /the name of the database/],
    ['u:planted@h:0/d', /port is not between/],
    ['u:planted@h:65536/d', /port is not between/],
    ['u:planted@h:x/d', /host is not a host name/],
    ['u:planted@h,i/d', /host is not a host name/],
    ['u:planted@h/d#x', /not of the form/],
    ['u:planted#x@h/d', /not of the form/],
    ['u:12/planted@h/d', /an @ behind the host/],
    ['u:12?planted@h/d', /an @ behind the host/],
    ['u:planted%zz@h/d', /password has a % that is not followed/],
    ['u:pla nted@h/d', /not of the form/],
    ['u:plantéd@h/d', /not of the form/],
  ])('is refused, without its password, when it is wrong: %s', async (rest, message) => {
    expect(await refusal(`postgres://${rest}`)).toMatch(message);
  });
});

describe('the URL of Redis', () => {
  it('may have a user, a password, a port and a database', async () => {
    expect(await parseRedisUrl('redis://localhost')).toMatchObject({ host: 'localhost', port: 6379, user: undefined, password: undefined, database: 0, tls: undefined });
    const place = await parseRedisUrl('rediss://u:p%40@redis.example.org:6380/2');
    expect(place).toMatchObject({ user: 'u', port: 6380, database: 2, tls: { ca: undefined } });
    expect(place.password?.reveal()).toBe('p@');
    expect((await parseRedisUrl('redis://:only@h')).password?.reveal()).toBe('only');
    expect(connectionWarnings(place)).toEqual([]);
    expect(connectionWarnings(await parseRedisUrl('redis://127.0.0.1'))).toEqual([]);
    expect(connectionWarnings(await parseRedisUrl('redis://h'))).toEqual([expect.stringMatching(/not encrypted/)]);
  });

  it.each([
    ['redis://:planted@/0', /names no host/],
    ['redis://:planted@h/zero', /the number of the database/],
    ['redis://u@h', /a user and no password/],
    ['redis://:planted@h?tls=true', /unknown parameter "tls"; known: none/],
    ['redis://:planted@h?cacert=/x', /unknown parameter "cacert"/],
    ['rediss://:planted@h?cacert=x', /cacert must be an absolute path/],
  ])('is refused when it is wrong: %s', async (url, message) => {
    expect(await refusal(url)).toMatch(message);
  });
});

describe('the URL of S3', () => {
  const keys = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'planted' };

  it('names bucket, prefix, endpoint and region; the keys are in the environment', () => {
    const place = parseS3Url('s3://bucket/some/prefix?endpoint=https://s3.example.org&region=gra', { ...keys, AWS_SESSION_TOKEN: 'token' });
    expect(place.prefix).toBe('some/prefix/');
    expect(place.options.bucket).toEqual({ endpoint: 'https://s3.example.org', region: 'gra', bucket: 'bucket', encryption: { mode: 'none' } });
    expect(place.options.accessKeyId).toBe('id');
    expect(place.options.secretAccessKey.reveal()).toBe('planted');
    expect(place.options.sessionToken?.reveal()).toBe('token');
    expect(place.warnings).toEqual([]);
    expect(parseS3Url('s3://bucket?endpoint=http%3A%2F%2F127.0.0.1%3A7480&region=any', keys)).toMatchObject({ prefix: '', warnings: [], options: { bucket: { endpoint: 'http://127.0.0.1:7480' } } });
    expect(parseS3Url('s3://bucket/?endpoint=http://h&region=any', keys).warnings).toEqual([expect.stringMatching(/not encrypted/)]);
  });

  it('is AWS without an endpoint, in the region of the environment', () => {
    expect(parseS3Url('s3://bucket', { ...keys, AWS_REGION: 'eu-west-1' }).options.bucket.endpoint).toBe('https://s3.eu-west-1.amazonaws.com');
    expect(parseS3Url('s3://bucket', { ...keys, AWS_REGION: '', AWS_DEFAULT_REGION: 'eu-west-3' }).options.bucket.region).toBe('eu-west-3');
  });

  it.each([
    ['s3://bucket', keys, /names no region, and AWS_REGION is not set/],
    ['s3://bucket?region=gra', {}, /AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set/],
    ['s3://bucket?region=gra', { AWS_ACCESS_KEY_ID: 'x', AWS_SECRET_ACCESS_KEY: '' }, /AWS_SECRET_ACCESS_KEY is not set/],
    ['s3://key:planted@bucket?region=gra', keys, /keys do not belong into it/],
    ['s3://bucket:443?region=gra', keys, /a bucket has no port/],
    ['s3://Bucket?region=gra', keys, /must be an S3 bucket name/],
    ['s3://?region=gra', keys, /must be an S3 bucket name/],
    ['s3://bucket/../x?region=gra', keys, /the prefix behind the bucket/],
    ['s3://bucket/a//b?region=gra', keys, /the prefix behind the bucket/],
    ['s3://bucket/a/?region=gra', keys, /the prefix behind the bucket/],
    ['s3://bucket?region=GRA', keys, /must be a region name/],
    ['s3://bucket?region=gra&endpoint=s3.example.org', keys, /endpoint must be like/],
    ['s3://bucket?region=gra&endpoint=https://h/path', keys, /endpoint must be like/],
    ['s3://bucket?region=gra&endpoint=https://u:planted%40h', keys, /endpoint must be like/],
    ['s3://bucket?region=gra&acl=public', keys, /unknown parameter "acl"; known: endpoint, region/],
  ])('is refused when it is wrong: %s', async (url, environment, message) => {
    expect(await refusal(url, environment)).toMatch(message);
  });
});

it('loads no library of a backend before that one is opened', async () => {
  const libraries = ['pg', '@redis/client', '@photostructure/sqlite', '@aws-sdk/client-s3'];
  const { metafile } = await build({ entryPoints: [join(root, 'src/main.ts'), join(root, 'src/state/backends/open-backend.ts')], bundle: true, packages: 'external', platform: 'node', format: 'esm', splitting: true, outdir: directory, write: false, metafile: true, logLevel: 'warning' });
  const everything = Object.values(metafile.inputs).flatMap(({ imports }) => imports);
  expect(everything.filter(({ kind }) => kind === 'dynamic-import').map(({ path }) => path)).toEqual(expect.arrayContaining(libraries));
  // Whatever is imported at the top of a file is loaded with that file.
  expect(everything.filter(({ kind, path }) => kind === 'import-statement' && libraries.includes(path))).toEqual([]);
});
