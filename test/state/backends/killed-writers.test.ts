import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { setTimeout as sleep } from 'node:timers/promises';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { postgresUnavailable, startPostgres } from '../../fixtures/postgres.js';
import { redisUnavailable, startRedis } from '../../fixtures/redis.js';
import { rgwUnavailable, startRgw } from '../../fixtures/rgw.js';
import { buildStateProgram, type StateProgram } from '../../fixtures/state-program.js';

const ROUNDS = 6;
let program: StateProgram;
beforeAll(async () => {
  program = await buildStateProgram();
});
afterAll(() => {
  program.remove();
});

interface Place {
  url: string;
  environment?: Record<string, string>;
  stop: () => void | Promise<void>;
}

/** SQLite, where the process is the database, has its own test. */
const PLACES: readonly [name: string, missing: () => string | undefined, open: () => Promise<Place>][] = [
  [
    'PostgreSQL',
    postgresUnavailable,
    () => {
      const server = startPostgres();
      return Promise.resolve({ url: `postgres://koprogo@/koprogo_db?host=${encodeURIComponent(server.directory)}`, stop: () => { server.stop(); } });
    },
  ],
  [
    'Redis',
    redisUnavailable,
    async () => {
      const server = await startRedis();
      return { url: `redis://127.0.0.1:${server.port}`, stop: () => server.stop() };
    },
  ],
  [
    'S3',
    rgwUnavailable,
    async () => {
      const server = await startRgw();
      const { endpoint, accessKeyId, secretAccessKey } = server;
      const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId, secretAccessKey } });
      await client.send(new CreateBucketCommand({ Bucket: 'state-killed' }));
      client.destroy();
      return { url: `s3://state-killed/x?endpoint=${endpoint}&region=us-east-1`, environment: { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey }, stop: () => server.stop() };
    },
  ],
];

for (const [name, missing, open] of PLACES) {
  const why = missing();
  if (why !== undefined) console.warn(`Left out, writers on ${name} that are killed: ${why}`);
  it.skipIf(why !== undefined)(`a writer on ${name} may be killed at any moment: what was confirmed is there, and the object is the old one or the new one`, { timeout: 300_000 }, async () => {
    const { url, environment, stop } = await open();
    const env = { ...process.env, ...environment };
    try {
      let confirmed = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const said = await hammerAndKill(url, env, round * 17);
        confirmed = Math.max(confirmed, ...said);
        const { stdout } = await promisify(execFile)(process.execPath, [program.file, url, 'check'], { env });
        expect([confirmed, confirmed + 1]).toContain(Number(stdout));
      }
      expect(confirmed).toBeGreaterThanOrEqual(ROUNDS);
    } finally {
      await stop();
    }
  });
}

/** The numbers of the objects that the writer had confirmed when it was killed, some moment after the first. */
async function hammerAndKill(url: string, env: NodeJS.ProcessEnv, milliseconds: number): Promise<number[]> {
  const child = spawn(process.execPath, [program.file, url, 'hammer'], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  let said = '';
  child.stdout.on('data', (text: Buffer) => (said += text.toString()));
  while (!said.includes('\n') && child.exitCode === null) await sleep(5);
  await sleep(milliseconds);
  child.kill('SIGKILL');
  await ended;
  return said.split('\n').slice(0, -1).map(Number);
}
