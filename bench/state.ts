import { createCipheriv, randomBytes } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { openAuditLog } from '../src/keys/audit/audit.js';
import { decrypt, encrypt } from '../src/keys/envelope/envelope.js';
import { openKeyMemory } from '../src/keys/hardening/locked-memory.js';
import { MasterKeys } from '../src/keys/providers/none.js';
import type { Backend } from '../src/state/backends/backend.js';
import { openBackend } from '../src/state/backends/open-backend.js';
import { storeOn } from '../src/state/open-store.js';
import { SeenFile } from '../src/state/seen.js';
import { freePorts } from '../src/targets/sandbox/ports.js';
import { postgresUnavailable, startPostgres } from '../test/fixtures/postgres.js';
import { redisUnavailable, startRedis } from '../test/fixtures/redis.js';
import { rgwUnavailable, startRgw } from '../test/fixtures/rgw.js';
import { median } from './machine.js';

const SIZES = [1_000, 10_000, 100_000];
const ROUNDS = 60;
/** The promise: encryption makes saving and loading a checkpoint at most so much slower. */
const OVERHEAD_LIMIT = 1.05;
/** The promise: bulk encryption is at least so fast beside bare AES-256-GCM of node:crypto. */
const BULK_LIMIT = 0.6;
const BULK_BYTES = 100_000_000;
const PIECE_BYTES = 65_536;
const MEMORY_SLACK_MIB = 40;

/** Saving and loading with and without encryption, turn by turn; bulk speed; memory. False when a promise is broken. */
export async function measureState(root: string, say: (line: string) => void): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'koprogo-bench-state-'));
  try {
    const kept: boolean[] = [];
    for (const [name, open] of Object.entries(places(directory))) {
      const place = await open();
      if (typeof place === 'string') say(`left out: ${name} (${place})`);
      else kept.push(await compare(name, place.backend, directory, say).finally(place.stop));
    }
    kept.push(await bulk(say), memory(root, say));
    return !kept.includes(false);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type Place = { backend: Backend; stop: () => Promise<void> } | string;

function places(directory: string): Record<string, () => Promise<Place>> {
  return {
    SQLite: async () => {
      const backend = await openBackend(`sqlite:${join(directory, 'state.db')}`, {});
      return { backend, stop: () => backend.close() };
    },
    PostgreSQL: async () => {
      const why = postgresUnavailable();
      if (why !== undefined) return why;
      const [port = 0] = await freePorts(1);
      const server = startPostgres({ tcp: { port }, durable: true });
      const backend = await openBackend(`postgres://koprogo@:${port}/koprogo_db?host=${server.directory}`, {});
      return { backend, stop: () => backend.close().finally(() => { server.stop(); }) };
    },
    Redis: async () => {
      const why = redisUnavailable();
      if (why !== undefined) return why;
      const server = await startRedis({ settings: { appendonly: 'yes', appendfsync: 'always', 'maxmemory-policy': 'noeviction' } });
      const backend = await openBackend(`redis://127.0.0.1:${server.port}`, {});
      return { backend, stop: () => backend.close().finally(() => server.stop()) };
    },
    S3: async () => {
      const why = rgwUnavailable();
      if (why !== undefined) return why;
      const server = await startRgw();
      const client = new S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: server });
      await client.send(new CreateBucketCommand({ Bucket: 'bench-state' }));
      const backend = await openBackend(`s3://bench-state/x?endpoint=${server.endpoint}&region=us-east-1`, { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey });
      return { backend, stop: () => backend.close().finally(() => server.stop()) };
    },
  };
}

/** One save and one load of each, in turn, so that other work on the machine falls on both alike. */
async function compare(name: string, backend: Backend, directory: string, say: (line: string) => void): Promise<boolean> {
  const memoryOfKeys = openKeyMemory({ locking: true, guardPages: true });
  const provider = new MasterKeys({ version: 1, key: randomBytes(32) }, [], memoryOfKeys);
  const settings = { dataKeyCache: { enabled: true, ttlSeconds: 300, maxSize: 1000 }, envelopeThresholdBytes: 1024 * 1024 };
  const store = await storeOn(backend, provider, settings, {
    seen: (id) => new SeenFile(join(directory, `seen-${id}`)),
    audit: (auditKey) => openAuditLog({ enabled: true, path: join(directory, 'audit.log'), auditKey }),
    memory: memoryOfKeys,
  });
  let within = true;
  for (const size of SIZES) {
    const content = randomBytes(size);
    const object = { installation: 'bench', kind: 'document', name: `size-${size}` };
    let plain: { revision: string } | 'absent' = 'absent';
    let stored: { revision: string; serial: number } | 'absent' = 'absent';
    const [bare, encrypted]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      const without = async () => {
        plain = { revision: await backend.write(`plain-${size}`, content, plain) };
        await backend.read(`plain-${size}`);
      };
      const withEncryption = async () => {
        stored = await store.objects.write(object, content, stored);
        await store.objects.read(object);
      };
      // Who goes first changes from round to round.
      const order = round % 2 === 0 ? [[without, bare], [withEncryption, encrypted]] as const : [[withEncryption, encrypted], [without, bare]] as const;
      for (const [work, times] of order) times.push(await timed(work));
    }
    const ratio = median(encrypted.slice(10)) / median(bare.slice(10));
    within &&= ratio <= OVERHEAD_LIMIT;
    say(`${name}, ${size / 1000} kB: save and load ${median(bare.slice(10)).toFixed(2)} ms in clear, ${median(encrypted.slice(10)).toFixed(2)} ms encrypted: ${ratio.toFixed(3)} times, at most ${OVERHEAD_LIMIT} allowed`);
  }
  await store.audit.close();
  return within;
}

async function bulk(say: (line: string) => void): Promise<boolean> {
  const content = randomBytes(BULK_BYTES);
  const key = { plain: randomBytes(32), wrapped: { keyId: 'bench', wrapped: randomBytes(60) } };
  const context = { installation: 'bench', kind: 'document', name: 'bulk', serial: 1 };
  const [bare, sealed, opened]: [number[], number[], number[]] = [[], [], []];
  for (let round = 0; round < 5; round++) {
    bare.push(await timed(() => {
      bareCipher(content, key.plain);
    }));
    const chunks: Buffer[] = [];
    let bytes = 0;
    sealed.push(await timed(async () => {
      for await (const chunk of encrypt(pieces(content), context, key)) chunks.push(chunk);
    }));
    opened.push(await timed(async () => {
      for await (const chunk of decrypt(chunks, context, () => Promise.resolve(Buffer.from(key.plain)))) bytes += chunk.length;
    }));
    if (bytes !== BULK_BYTES) throw new Error('bytes are missing');
  }
  const speed = (times: number[]) => median(bare) / median(times);
  say(`bulk, ${BULK_BYTES / 1e6} MB beside bare AES-256-GCM: encrypting at ${speed(sealed).toFixed(2)} of its speed, decrypting at ${speed(opened).toFixed(2)}, at least ${BULK_LIMIT} wanted`);
  return speed(sealed) >= BULK_LIMIT && speed(opened) >= BULK_LIMIT;
}

function bareCipher(content: Buffer, key: Buffer): void {
  const cipher = createCipheriv('aes-256-gcm', key, randomBytes(12));
  for (const piece of pieces(content)) cipher.update(piece);
  cipher.final();
}

function* pieces(content: Buffer): Generator<Buffer> {
  for (let at = 0; at < content.length; at += PIECE_BYTES) yield content.subarray(at, at + PIECE_BYTES);
}

/** Peak memory of a process of its own that encrypts and decrypts a stream. */
function memory(root: string, say: (line: string) => void): boolean {
  const peak = (megabytes: number) => Number(execFileSync(process.execPath, ['--input-type=module', '--eval', STREAM], { cwd: root, encoding: 'utf8', env: { ...process.env, MEGABYTES: String(megabytes) } }));
  const [small, large] = [peak(100), peak(2000)];
  say(`peak memory of encrypting and decrypting a stream: ${small} MiB for 100 MB, ${large} MiB for 2 GB, at most ${MEMORY_SLACK_MIB} MiB more allowed`);
  return large - small <= MEMORY_SLACK_MIB;
}

const STREAM = `
  import { decrypt, encrypt } from './dist/keys/envelope/envelope.js';
  const key = { plain: Buffer.alloc(32, 1), wrapped: { keyId: 'bench', wrapped: Buffer.alloc(60, 2) } };
  const context = { installation: 'bench', kind: 'document', name: 'stream', serial: 1 };
  const piece = Buffer.alloc(1e6, 3);
  const source = function* () { for (let n = 0; n < Number(process.env.MEGABYTES); n++) yield piece; };
  let bytes = 0;
  for await (const chunk of decrypt(encrypt(source(), context, key), context, async () => Buffer.from(key.plain))) bytes += chunk.length;
  if (bytes !== Number(process.env.MEGABYTES) * 1e6) throw new Error('bytes are missing');
  console.log(Math.round(process.resourceUsage().maxRSS / 1024));
`;

async function timed(work: () => Promise<void> | void): Promise<number> {
  const from = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - from) / 1e6;
}
