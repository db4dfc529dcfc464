import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AgentConfig, lastBackupSchema } from '../../src/backup/agent-config.js';
import { listBackups, newestBackup } from '../../src/backup/list.js';
import type { ObjectStore } from '../../src/edges/object-store.js';
import { openS3 } from '../../src/edges/s3.js';
import type { RecoveryKey } from '../../src/keys/recovery/recovery-key.js';
import { Secret } from '../../src/secret.js';
import { agentConfig, AWKWARD_SCHEMA, bulk, configurationDirectory, PREFIX, testRecoveryKey, wrapped } from '../backup/backup-support.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { type Rgw, rgwUnavailable, startRgw } from '../fixtures/rgw.js';

const why = postgresUnavailable() ?? rgwUnavailable();
if (why !== undefined) console.warn(`left out: ${why}`);

/** pg_dump that stops in the middle, behind a program that outlives its being killed: so does a program in a container. */
const STUCK = 'if [ "$program" = pg_dump ]; then "$@" | { head -c 9000000; sleep 45; }; fi; exec "$@"';

describe.skipIf(why !== undefined)('the program on the server', { timeout: 120_000 }, () => {
  let postgres: RunningPostgres;
  let rgw: Rgw;
  let key: RecoveryKey;
  let store: ObjectStore;
  let directory: string;
  let config: AgentConfig;
  let program: string;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'koprogo-agent-'));
    program = join(directory, 'agent.mjs');
    const [started] = await Promise.all([startRgw(), bundle(program)]);
    rgw = started;
    postgres = startPostgres();
    postgres.sql(AWKWARD_SCHEMA);
    postgres.sql(bulk('bulk', 12));
    key = await testRecoveryKey();
    const bucket = { endpoint: rgw.endpoint, region: 'us-east-1', bucket: 'agent-test', encryption: { mode: 'aws:kms', keyId: rgw.kmsKeyId } as const };
    const storage = { bucket, accessKeyId: rgw.accessKeyId, secretAccessKey: new Secret(rgw.secretAccessKey) };
    store = await openS3({ ...storage, from: 'here' });
    await store.bucket.create();
    config = agentConfig(postgres.access, key, { storage, configuration: [configurationDirectory()] });
  }, 200_000);

  afterAll(async () => {
    store.close();
    postgres.stop();
    await rgw.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  interface Run {
    child: ChildProcess;
    output: () => string;
    ended: Promise<number | string>;
  }

  const resultFile = () => join(directory, 'last-backup.json');
  const result = () => lastBackupSchema.parse(JSON.parse(readFileSync(resultFile(), 'utf8')));

  function run(changes: Partial<AgentConfig> = {}, secret = rgw.secretAccessKey): Run {
    const whole = { ...config, ...changes };
    const file = join(directory, `config-${Math.random()}.json`);
    writeFileSync(file, JSON.stringify({ ...whole, storage: { ...whole.storage, secretAccessKey: secret } }), { mode: 0o600 });
    const child = spawn(process.execPath, [program, 'backup', '--config', file, '--result', resultFile(), '--runtime', directory], {
      env: { PATH: process.env['PATH'] ?? '', INVOCATION_ID: 'f'.repeat(32) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<number | string>((resolve) => child.on('close', (code, signal) => { resolve(code ?? signal ?? ''); }));
    return { child, output: () => output, ended };
  }

  const inDump = (one: Run) => expect.poll(one.output, { timeout: 30_000 }).toContain('phase: database');
  const connections = () => postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'koprogo-backup'", 'postgres');

  it('makes a backup, says so in its result, and keeps secrets and warnings off the journal', async () => {
    const one = run();
    expect(await one.ended).toBe(0);
    const manifest = await newestBackup(store, PREFIX);
    expect(result()).toMatchObject({ outcome: 'ok', id: manifest?.id, invocation: 'f'.repeat(32), tables: 9, warnings: [] });
    expect(manifest?.storageEncryption).toEqual({ mode: 'aws:kms', keyId: rgw.kmsKeyId });
    expect(manifest?.objects.map(({ role }) => role)).toEqual(['globals', 'configuration', 'database']);
    expect(one.output()).toMatch(/^phase: starting\n(phase: \w+\n)+backup \S+ done: \d+ bytes of database in 9 tables, \d+ bytes stored, [\d.]+ s\n$/);
    expect(one.output()).not.toMatch(/Warning|owners|planted/);
    expect(one.output()).not.toContain(rgw.secretAccessKey);
    expect(existsSync(join(directory, 'progress.json'))).toBe(false);
  });

  it('lets one backup run at a time, and shows how far it is', async () => {
    const first = run({ database: wrapped(postgres.access, STUCK) });
    await inDump(first);
    const before = readFileSync(resultFile(), 'utf8');
    const second = run();
    expect(await second.ended).toBe(6);
    expect(second.output()).toMatch(/error: another backup is running \(process \d+, since 2\d{3}-/);
    expect(readFileSync(resultFile(), 'utf8')).toBe(before);
    await expect
      .poll(() => JSON.parse(readFileSync(join(directory, 'progress.json'), 'utf8')) as unknown, { timeout: 10_000 })
      .toMatchObject({ phase: 'database', bytes: 9_000_000, invocation: 'f'.repeat(32) });
    first.child.kill('SIGTERM');
    await first.ended;
  });

  it('aborts the upload and leaves nothing when it is asked to stop', async () => {
    const before = (await listBackups(store, PREFIX)).length;
    const one = run({ database: wrapped(postgres.access, STUCK) });
    await inDump(one);
    one.child.kill('SIGTERM');
    expect(await one.ended).toBe(3);
    expect(one.output()).toContain('error: the backup was interrupted; nothing of it was kept');
    expect(result()).toMatchObject({ outcome: 'failed', error: { message: 'the backup was interrupted; nothing of it was kept' } });
    expect(await listBackups(store, PREFIX)).toHaveLength(before);
    expect(await store.abortUploads(`${PREFIX}/`)).toBe(0);
    await expect.poll(connections, { timeout: 10_000 }).toBe('0');
  });

  it('is no backup when it is killed, and the next run says so and cleans up', async () => {
    const one = run({ database: wrapped(postgres.access, STUCK) });
    await inDump(one);
    one.child.kill('SIGKILL');
    expect(await one.ended).toBe('SIGKILL');
    const [left] = await listBackups(store, PREFIX);
    expect(left).toMatchObject({ state: 'incomplete', reason: expect.stringContaining('no manifest') as string });
    const next = run();
    expect(await next.ended).toBe(0);
    expect(next.output()).toMatch(/warning: an earlier backup \(begun .*\) was killed/);
    expect(result()).toMatchObject({ outcome: 'ok', warnings: [expect.stringContaining('was killed')] });
    expect(await store.abortUploads(`${PREFIX}/`)).toBe(0);
    await expect.poll(connections, { timeout: 10_000 }).toBe('0');
    expect((await listBackups(store, PREFIX))[0]).toMatchObject({ state: 'complete' });
  });

  it('fails with a reason and a hint', async () => {
    const wrongKey = run({}, 'another-secret');
    expect(await wrongKey.ended).toBe(3);
    expect(wrongKey.output()).toMatch(/error: .*secret key does not belong to the access key/);
    expect(wrongKey.output()).not.toContain('another-secret');
    expect(result()).toMatchObject({ outcome: 'failed', error: { hints: expect.arrayContaining(['enter the secret key again']) as string[] } });

    const noConfiguration = run({ configuration: [join(directory, 'missing')] });
    expect(await noConfiguration.ended).toBe(3);
    expect(noConfiguration.output()).toMatch(/could not archive the server's configuration.*exit status 2/);

    const storage = { ...config.storage, bucket: { ...config.storage.bucket, encryption: { mode: 'AES256' } as const } };
    const ignored = run({ storage });
    expect(await ignored.ended).toBe(3);
    expect(ignored.output()).toMatch(/ignores the encryption that was asked for/);
  });

  it('explains its use, and what is wrong with its configuration', async () => {
    const file = join(directory, 'bad.json');
    writeFileSync(file, '{"version":1,"storage":{"secretAccessKey":"planted-in-bad-config"}}');
    chmodSync(file, 0o600);
    const call = (...args: string[]) => {
      const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
      return new Promise<{ code: number | null; output: string }>((resolve) => child.on('close', (code) => { resolve({ code, output }); }));
    };
    expect(await call()).toMatchObject({ code: 2, output: expect.stringContaining('usage:') as string });
    expect(await call('backup', '--strange')).toMatchObject({ code: 2 });
    expect(await call('--help')).toMatchObject({ code: 0 });
    const bad = await call('backup', '--config', file, '--result', resultFile(), '--runtime', directory);
    expect(bad.code).toBe(3);
    expect(bad.output).toMatch(/bad\.json is not valid/);
    expect(bad.output).not.toContain('planted-in-bad-config');
  });
});

/** As scripts/build.mjs does it. */
async function bundle(outfile: string): Promise<void> {
  await build({
    entryPoints: ['src/agent/main.ts'],
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    banner: { js: "import { createRequire as koprogoRequire } from 'node:module'; const require = koprogoRequire(import.meta.url);" },
    logLevel: 'silent',
  });
}
