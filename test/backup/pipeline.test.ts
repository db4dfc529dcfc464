import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FILES, objectKey } from '../../src/backup/layout.js';
import { type Manifest, objectOf, parseManifest } from '../../src/backup/manifest.js';
import { createBackup } from '../../src/backup/pipeline.js';
import { newestBackup } from '../../src/backup/list.js';
import type { RecoveryKey } from '../../src/keys/recovery/recovery-key.js';
import { createRecoveryKey } from '../../src/keys/recovery/recovery-key.js';
import type { ObjectHead } from '../../src/edges/object-store.js';
import { InfraError } from '../../src/errors.js';
import { type Gpg, gpgUnavailable, startGpg } from '../fixtures/gpg.js';
import { MemoryStore } from '../fixtures/memory-store.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { agentConfig, AWKWARD_COUNTS, AWKWARD_SCHEMA, bulk, configurationDirectory, PREFIX, testRecoveryKey, wrapped } from './backup-support.js';

const why = postgresUnavailable() ?? gpgUnavailable();
if (why !== undefined) console.warn(`left out: ${why}`);

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe.skipIf(why !== undefined)('a backup', { timeout: 120_000 }, () => {
  let postgres: RunningPostgres;
  let gpg: Gpg;
  let key: RecoveryKey;
  let store: MemoryStore;

  beforeAll(async () => {
    postgres = startPostgres();
    postgres.sql(AWKWARD_SCHEMA);
    postgres.sql(bulk('bulk', 12));
    postgres.sql("CREATE ROLE accountant LOGIN PASSWORD 'x'");
    key = await testRecoveryKey();
    gpg = startGpg();
    gpg.run(['--passphrase', key.passphrase.reveal(), '--import'], key.privateKey.reveal());
  });

  afterAll(() => {
    postgres.stop();
    gpg.stop();
  });

  beforeEach(() => {
    store = new MemoryStore();
  });

  const sealed = (manifest: Manifest, role: 'database' | 'globals' | 'configuration') => {
    const object = store.objects.get(objectKey(PREFIX, manifest.id, FILES[role]));
    if (!object) throw new Error(`no object ${role}`);
    return object.content;
  };
  const decrypted = (content: Buffer) => gpg.run(['--passphrase', key.passphrase.reveal(), '--decrypt'], content);
  /** Programs of the backup that are still connected. */
  const connections = () => postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'koprogo-backup'", 'postgres');

  /** Nothing that could be taken for a backup, nothing that costs, nobody still connected. */
  async function expectNothingLeft() {
    expect([...store.objects.keys()]).toEqual([]);
    expect([...store.uploads]).toEqual([]);
    expect(await newestBackup(store, PREFIX)).toBeUndefined();
    await expect.poll(connections, { timeout: 10_000 }).toBe('0');
  }

  it('opens with gpg, gunzip and psql, and has every row', async () => {
    const configuration = configurationDirectory();
    const phases: string[] = [];
    const manifest = await createBackup({
      config: agentConfig(postgres.access, key, { configuration: [configuration] }),
      store,
      onProgress: ({ phase }) => phases.at(-1) === phase || phases.push(phase),
    });
    expect(phases).toEqual(['starting', 'counting', 'roles', 'configuration', 'database', 'manifest']);
    expect(manifest.database.rowCounts).toEqual({ ...AWKWARD_COUNTS, 'public.bulk': 120_000 });
    expect(manifest.database).toMatchObject({ name: 'koprogo_db', extensions: expect.arrayContaining([expect.objectContaining({ name: 'pgcrypto', schema: 'public' })]) as unknown });
    expect(manifest.database.serverVersionNumber).toBeGreaterThan(150_000);
    expect(manifest.storageEncryption).toEqual({ mode: 'AES256' });

    for (const object of manifest.objects) {
      const content = sealed(manifest, object.role);
      const compressed = decrypted(content);
      const plain = execFileSync('gunzip', { input: compressed, maxBuffer: 1024 ** 3 });
      expect(object).toMatchObject({
        ciphertextBytes: content.length,
        ciphertextSha256: sha256(content),
        compressedBytes: compressed.length,
        plaintextBytes: plain.length,
        plaintextSha256: sha256(plain),
      });
    }
    expect(gunzipSync(decrypted(sealed(manifest, 'globals'))).toString()).toMatch(/CREATE ROLE accountant;[\s\S]*SCRAM-SHA-256/);
    const listing = execFileSync('tar', ['-tvzf', '-'], { input: decrypted(sealed(manifest, 'configuration')), encoding: 'utf8' });
    expect(listing).toMatch(/-r-------- .*stack\/secrets\/postgres_password/);

    const dump = execFileSync('gunzip', { input: decrypted(sealed(manifest, 'database')), maxBuffer: 1024 ** 3 });
    postgres.sql('CREATE DATABASE restored', 'postgres');
    const [file = '', ...prefix] = postgres.access.prefix;
    execFileSync(file, [...prefix, 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'koprogo', '-d', 'restored'], { input: dump, stdio: ['pipe', 'ignore', 'pipe'] });
    for (const table of Object.keys(manifest.database.rowCounts)) {
      if (table.includes('empty_one')) continue;
      const content = `SELECT count(*) || ' ' || coalesce(md5(string_agg(t::text, E'\\n' ORDER BY t::text)), '') FROM ONLY ${table} t`;
      expect(postgres.sql(content, 'restored')).toBe(postgres.sql(content));
    }
  });

  it('is an OpenPGP message that GnuPG 2.2 reads: SEIPD version 1, AES-256, not compressed again', async () => {
    const manifest = await createBackup({ config: agentConfig(postgres.access, key), store });
    const packets = gpg.run(['--passphrase', key.passphrase.reveal(), '--list-packets', '--verbose'], sealed(manifest, 'globals')).toString();
    expect(packets).toMatch(/:pubkey enc packet: version 3, algo 18/);
    expect(packets).toMatch(/:encrypted data packet:[\s\S]*mdc_method: 2/);
    expect(packets).not.toMatch(/:compressed packet:|aead/);
    expect(packets.match(/:pubkey enc packet:/g)).toHaveLength(1);
  });

  it('writes the manifest last, and it is what the bucket then holds', async () => {
    const order: string[] = [];
    store.fail.set('complete', () => {
      order.push('object');
      return undefined;
    });
    store.fail.set('put', () => {
      order.push('manifest');
      return undefined;
    });
    const manifest = await createBackup({ config: agentConfig(postgres.access, key), store });
    expect(order).toEqual(['object', 'object', 'manifest']);
    const content = store.objects.get(objectKey(PREFIX, manifest.id, 'manifest.json'))?.content ?? Buffer.alloc(0);
    expect(parseManifest(content, manifest.id)).toEqual(manifest);
    expect(await newestBackup(store, PREFIX)).toEqual(manifest);
    expect(objectOf(manifest, 'configuration')).toBeUndefined();
  });

  it('counts rows in the very snapshot that is dumped, while others write', async () => {
    postgres.sql('CREATE TABLE busy (v int); INSERT INTO busy SELECT generate_series(1, 50)');
    // Written after the count and before pg_dump begins.
    let written = false;
    const manifest = await createBackup({
      config: agentConfig(postgres.access, key),
      store,
      onProgress: ({ phase }) => {
        if (phase === 'roles' && !written) {
          written = true;
          postgres.sql('INSERT INTO busy SELECT generate_series(1, 50)');
        }
      },
    });
    expect(postgres.sql('SELECT count(*) FROM busy')).toBe('100');
    expect(manifest.database.rowCounts['public.busy']).toBe(50);
    const dump = gunzipSync(decrypted(sealed(manifest, 'database'))).toString();
    expect(/COPY public\.busy \(v\) FROM stdin;\n((?:\d+\n)*)/.exec(dump)?.[1]?.split('\n')).toHaveLength(51);
    postgres.sql('DROP TABLE busy');
  });

  it.each([
    ['pg_dump fails after some megabytes', 'if [ "$program" = pg_dump ]; then "$@" | head -c 9000000; echo "pg_dump: error: the disk of the server is full" >&2; exit 1; fi; exec "$@"', /could not dump the database koprogo_db .* exit status 1\npg_dump: error: the disk/],
    ['pg_dump is killed', 'if [ "$program" = pg_dump ]; then "$@" | head -c 9000000; kill -9 $$; fi; exec "$@"', /could not dump the database .*SIGKILL/],
    ['pg_dumpall fails', 'if [ "$program" = pg_dumpall ]; then exit 3; fi; exec "$@"', /could not dump the roles .* exit status 3/],
    ['psql cannot connect', 'if [ "$program" = psql ]; then echo "psql: error: connection refused" >&2; exit 2; fi; exec "$@"', /could not hold a snapshot.* exit status 2\npsql: error: connection refused/],
    ['psql talks nonsense', 'if [ "$program" = psql ]; then sed -u "s/^.*echo //"; exit 0; fi; exec "$@"', /cannot be understood/],
    ['psql ends in the middle', 'if [ "$program" = psql ]; then timeout -s KILL 2 "$@"; exit 1; elif [ "$program" = pg_dump ]; then sleep 3; fi; exec "$@"', /could not (hold a snapshot|dump)/],
  ])('leaves nothing when %s', async (_, script, message) => {
    const config = agentConfig(wrapped(postgres.access, script), key);
    const error = await createBackup({ config, store }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(InfraError);
    expect((error as InfraError).message).toMatch(message);
    await expectNothingLeft();
  });

  it.each(['startUpload', 'writePart', 'complete', 'put', 'head'])('leaves nothing when the storage fails in %s', async (method) => {
    let calls = 0;
    store.fail.set(method, () => (++calls >= (method === 'writePart' ? 2 : 1) ? new InfraError('the line is cut') : undefined));
    await expect(createBackup({ config: agentConfig(postgres.access, key), store })).rejects.toThrow('the line is cut');
    store.fail.clear();
    await expectNothingLeft();
  });

  it.each<[string, (head: ObjectHead) => ObjectHead, RegExp]>([
    ['is shorter than what was sent', (head) => ({ ...head, bytes: head.bytes - 1 }), /has \d+ bytes in .*, \d+ were sent/],
    ['is not encrypted', (head) => ({ ...head, encryption: undefined }), /ignores the encryption/],
  ])('leaves nothing when the dump alone %s', async (_, change, message) => {
    const look = store.head.bind(store);
    store.head = async (key) => {
      const head = await look(key);
      return head && key.endsWith(FILES.database) ? change(head) : head;
    };
    await expect(createBackup({ config: agentConfig(postgres.access, key), store })).rejects.toThrow(message);
    await expectNothingLeft();
  });

  it('refuses a storage that ignores encryption, unless that was chosen', async () => {
    store = new MemoryStore({ ignoreEncryption: true });
    await expect(createBackup({ config: agentConfig(postgres.access, key), store })).rejects.toThrow(/ignores the encryption/);
    await expectNothingLeft();
    store = new MemoryStore({ ignoreEncryption: true, encryption: { mode: 'none' } });
    await expect(createBackup({ config: agentConfig(postgres.access, key), store })).resolves.toBeDefined();
  });

  it('says what it could not delete, and it still is no backup', async () => {
    store.fail.set('delete', () => new InfraError('not allowed to delete'));
    store.fail.set('put', () => new InfraError('the line is cut'));
    const warnings: string[] = [];
    await expect(createBackup({ config: agentConfig(postgres.access, key), store, warn: (text) => warnings.push(text) })).rejects.toThrow('the line is cut');
    expect(warnings).toContain('not allowed to delete');
    expect(store.objects.size).toBe(2);
    expect(await newestBackup(store, PREFIX)).toBeUndefined();
  });

  it('stops when it is interrupted in the middle of the dump', async () => {
    const interrupt = new AbortController();
    const config = agentConfig(postgres.access, key);
    const backup = createBackup({
      config,
      store,
      signal: interrupt.signal,
      onProgress: ({ phase, bytes }) => {
        if (phase === 'database' && bytes > 3_000_000) interrupt.abort();
      },
    });
    await expect(backup).rejects.toThrow(/interrupted; nothing of it was kept/);
    await expectNothingLeft();
  });

  it('ends connections that a killed run left in the server', async () => {
    const [file = '', ...prefix] = postgres.access.prefix;
    execFileSync('bash', ['-c', '"$@" >/dev/null 2>&1 &', 'x', file, ...prefix, 'psql', '-X', '-U', 'koprogo', '-d', 'dbname=koprogo_db application_name=koprogo-backup', '-c', 'SELECT pg_sleep(300)']);
    await expect.poll(connections, { timeout: 10_000 }).toBe('1');
    await createBackup({ config: agentConfig(postgres.access, key), store });
    await expect.poll(connections, { timeout: 10_000 }).toBe('0');
  });

  it('refuses a key that has expired, and warns before it does', async () => {
    const DAY = 24 * 3600 * 1000;
    const short = await createRecoveryKey({ installation: 'test', passphrase: key.passphrase, expiresAfterDays: 30 });
    const warnings: string[] = [];
    const options = { config: agentConfig(postgres.access, short), store, warn: (text: string) => warnings.push(text) };
    await createBackup(options);
    const day = new Date(Date.now() + 30 * DAY).toISOString().slice(0, 7);
    expect(warnings.join('\n')).toMatch(new RegExp(`expires on ${day}-\\d\\d, in (28|29|30) days`));
    store.objects.clear();
    await expect(createBackup({ ...options, now: () => new Date(Date.now() + 31 * DAY) })).rejects.toThrow(/expired on \d{4}-\d\d-\d\d: no backup can be made/);
    await expectNothingLeft();
  });

  it('refuses a private key, another key, and what is no key', async () => {
    const other = await testRecoveryKey();
    const make = (recoveryKey: { armored: string; fingerprint: string }) => createBackup({ config: agentConfig(postgres.access, key, { recoveryKey }), store });
    await expect(make({ armored: key.privateKey.reveal(), fingerprint: key.fingerprint })).rejects.toThrow(/this is a private key/);
    await expect(make({ armored: other.publicKey, fingerprint: key.fingerprint })).rejects.toThrow(/has the fingerprint .*, expected is/);
    await expect(make({ armored: 'hello', fingerprint: key.fingerprint })).rejects.toThrow(/cannot be read/);
    await expectNothingLeft();
  });
});
