import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { lastBackupSchema } from '../src/backup/agent-config.js';
import { openS3 } from '../src/edges/s3.js';
import { createRecoveryKey, type RecoveryKey } from '../src/keys/recovery/recovery-key.js';
import { Secret } from '../src/secret.js';
import { KMS_KEY_ID, startObjectStore } from '../src/targets/sandbox/object-store.js';
import { freePorts } from '../src/targets/sandbox/ports.js';
import { type RunningPostgres, startPostgres } from '../test/fixtures/postgres.js';
import { rgwUnavailable } from '../test/fixtures/rgw.js';
import { type Gpg, startGpg } from '../test/fixtures/gpg.js';

export interface PipelinesOptions {
  root: string;
  /** The size of the smaller dump, in MB; the larger is four times as large. */
  gigabyte: number;
  say: (line?: string) => void;
}

interface Bench {
  directory: string;
  postgres: RunningPostgres;
  gpg: Gpg;
  key: RecoveryKey;
  endpoint: string;
}

const BUCKET = 'bench';
const ACCESS_KEY = 'BENCHACCESSKEY';
const SECRET_KEY = 'bench-secret';
const MEMORY_LIMIT_MIB = 250;
/** Bytes of plain dump that one row of the table gives. */
const ROW_BYTES = 146;

/** False when memory grew beyond what is promised. */
export async function comparePipelines({ root, gigabyte, say }: PipelinesOptions): Promise<boolean> {
  const reason = rgwUnavailable();
  if (reason !== undefined) {
    say(`left out: the pipelines (${reason})`);
    return true;
  }
  const directory = mkdtempSync(join(tmpdir(), 'koprogo-bench-'));
  const [port = 0] = await freePorts(1);
  const store = await startObjectStore(join(directory, 'store'), port, { accessKey: ACCESS_KEY, secretKey: new Secret(SECRET_KEY) });
  const postgres = startPostgres();
  const gpg = startGpg();
  try {
    const key = await createRecoveryKey({ installation: 'bench' });
    gpg.run(['--import'], key.publicKey);
    const bench: Bench = { directory, postgres, gpg, key, endpoint: `http://127.0.0.1:${port}` };
    await createBucket(bench);
    fill(postgres, 'charges', gigabyte);
    const small = await smaller(bench, root, gigabyte, say);
    for (const part of [2, 3, 4]) fill(postgres, `charges_${part}`, gigabyte);
    say();
    const large = await agentBackup(bench, root);
    report(say, `agent, ${mb(large.plaintext)} MB dump`, large.seconds, undefined, `${mb(large.stored)} MB stored, peak memory ${large.peak} MiB`);
    const flat = large.peak < MEMORY_LIMIT_MIB && small.peak < MEMORY_LIMIT_MIB;
    say(`peak memory: ${small.peak} MiB at ${mb(small.plaintext)} MB, ${large.peak} MiB at ${mb(large.plaintext)} MB: ${flat ? 'below' : 'NOT BELOW'} ${MEMORY_LIMIT_MIB} MiB`);
    return flat;
  } finally {
    postgres.stop();
    gpg.stop();
    await store.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The three on the same data, one after another, twice: the second round shows how far the first can be believed. */
async function smaller(bench: Bench, root: string, gigabyte: number, say: (line?: string) => void) {
  const limit: number[] = [];
  const agent: number[] = [];
  const classic: number[] = [];
  const withS3cmd = installS3cmd();
  if (!withS3cmd) say('left out: pg_dump | gzip -9 | gpg | s3cmd put (s3cmd is not installed: apt-get install s3cmd)');
  say(`database of about ${gigabyte} MB as plain dump`);
  let result = { seconds: 0, plaintext: 0, stored: 0, peak: 0 };
  for (let round = 1; round <= 2; round += 1) {
    limit.push(timed(bench, '"$@" >/dev/null'));
    report(say, `round ${round}: pg_dump > /dev/null`, limit.at(-1), limit.at(-1), '');
    const run = await agentBackup(bench, root);
    result = { ...run, peak: Math.max(run.peak, result.peak) };
    agent.push(run.seconds);
    report(say, `round ${round}: agent (gzip, OpenPGP, S3, counts, HEAD)`, run.seconds, limit.at(-1), `ratio ${(run.plaintext / run.stored).toFixed(2)}, ${mb(run.stored)} MB stored, peak memory ${run.peak} MiB`);
    if (!withS3cmd) continue;
    classic.push(timed(bench, classicPipe(bench)));
    report(say, `round ${round}: pg_dump | gzip -9 | gpg | s3cmd put`, classic.at(-1), limit.at(-1), '');
  }
  const total = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
  say(`both rounds together: the agent takes ${(total(agent) / total(limit)).toFixed(2)} times as long as pg_dump alone`);
  if (withS3cmd) say(`and ${(total(agent) / total(classic)).toFixed(2)} times as long as the classic pipe`);
  return result;
}

/** Runs dist/agent.mjs as the server does, and watches the kernel's own record of its peak memory. */
async function agentBackup(bench: Bench, root: string) {
  const { directory, postgres, key, endpoint } = bench;
  const configFile = join(directory, 'config.json');
  const resultFile = join(directory, 'last-backup.json');
  const config = {
    version: 1,
    agentVersion: 'bench',
    installation: 'bench',
    server: 'bench',
    prefix: 'bench/agent',
    storage: { bucket: { endpoint, region: 'us-east-1', bucket: BUCKET, encryption: { mode: 'aws:kms', keyId: KMS_KEY_ID } }, accessKeyId: ACCESS_KEY, secretAccessKey: SECRET_KEY },
    recoveryKey: { armored: key.publicKey, fingerprint: key.fingerprint },
    database: postgres.access,
    configuration: [],
  };
  writeFileSync(configFile, JSON.stringify(config), { mode: 0o600 });
  const from = process.hrtime.bigint();
  const args = ['--max-old-space-size=192', join(root, 'dist', 'agent.mjs'), 'backup', '--config', configFile, '--result', resultFile, '--runtime', directory];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  let code: number | undefined;
  const closed = new Promise<void>((resolve) =>
    child.on('close', (status) => {
      code = status ?? -1;
      resolve();
    }),
  );
  let peak = 0;
  while (code === undefined) {
    peak = Math.max(peak, peakOf(child.pid ?? 0));
    await Promise.race([closed, sleep(100)]);
  }
  if (code !== 0) throw new Error(`the agent failed:\n${output}`);
  const seconds = Number(process.hrtime.bigint() - from) / 1e9;
  const { plaintextBytes = 0, storedBytes = 0 } = lastBackupSchema.parse(JSON.parse(readFileSync(resultFile, 'utf8')));
  return { seconds, plaintext: plaintextBytes, stored: storedBytes, peak };
}

/** Peak resident memory in MiB; 0 when the process is gone. */
function peakOf(pid: number): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Math.round(Number(kib ?? 0) / 1024);
  } catch {
    return 0;
  }
}

function classicPipe(bench: Bench): string {
  const host = bench.endpoint.replace('http://', '');
  const s3cmd = `s3cmd --no-check-md5 --no-progress --quiet --no-ssl --config=/dev/null --access_key=${ACCESS_KEY} --secret_key=${SECRET_KEY} --host=${host} --host-bucket=${host} put - s3://${BUCKET}/classic.sql.gz.gpg`;
  const gpg = `gpg ${bench.gpg.options.join(' ')} --compress-algo none --recipient ${bench.key.fingerprint} --encrypt`;
  return `"$@" | gzip -9 | ${gpg} | ${s3cmd} >/dev/null`;
}

/** Seconds that a pipe in bash takes, with pg_dump's command line as its arguments; everything in it is made here. */
function timed({ postgres }: Bench, body: string): number {
  const { prefix, user, database } = postgres.access;
  const from = process.hrtime.bigint();
  execFileSync('bash', ['-euo', 'pipefail', '-c', body, 'bench', ...prefix, 'pg_dump', `--username=${user}`, `--dbname=${database}`], { stdio: ['ignore', 'inherit', 'inherit'] });
  return Number(process.hrtime.bigint() - from) / 1e9;
}

/** Rows as an accounting program has them: numbers, times, random ids, and texts that repeat. */
function fill(postgres: RunningPostgres, table: string, megabytes: number): void {
  const rows = Math.ceil((megabytes * 1e6) / ROW_BYTES);
  postgres.sql(
    `CREATE UNLOGGED TABLE ${table} AS SELECT i AS id, gen_random_uuid() AS unit, now() - i * interval '7 minutes' AS at,
     (random() * 100000)::numeric(12, 2) AS amount,
     'Appel de fonds ' || (i % 997) || ' / ' || (ARRAY['chauffage', 'eau', 'ascenseur', 'nettoyage', 'assurance', 'toiture'])[1 + i % 6] AS label,
     md5(i::text) AS reference FROM generate_series(1, ${rows}) i`,
  );
}

async function createBucket({ endpoint }: Bench): Promise<void> {
  const bucket = { endpoint, region: 'us-east-1', bucket: BUCKET, encryption: { mode: 'none' } as const };
  const store = await openS3({ bucket, accessKeyId: ACCESS_KEY, secretAccessKey: new Secret(SECRET_KEY), from: 'here' });
  await store.bucket.create();
  store.close();
}

function installS3cmd(): boolean {
  const works = () => {
    try {
      execFileSync('s3cmd', ['--version'], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  };
  if (works()) return true;
  if (process.getuid?.() !== 0) return false;
  try {
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 's3cmd'], { stdio: 'ignore', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }, timeout: 300_000 });
  } catch {
    return false;
  }
  return works();
}

function report(say: (line: string) => void, name: string, seconds = 0, limit: number | undefined, rest: string): void {
  const times = limit === undefined ? '' : `  ${(seconds / limit).toFixed(2).padStart(6)} x pg_dump`;
  say(`  ${name.padEnd(52)} ${seconds.toFixed(1).padStart(7)} s${times}  load ${(loadavg()[0] ?? 0).toFixed(1)}${rest === '' ? '' : `  ${rest}`}`);
}

const mb = (bytes: number) => Math.round(bytes / 1e6);
