import { type Cipher, createCipheriv, createDecipheriv, type Decipher, randomBytes, randomFillSync } from 'node:crypto';
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
import { NameCipher, type ObjectName } from '../src/state/names.js';
import type { EncryptedObjects, Stored } from '../src/state/objects.js';
import { storeOn } from '../src/state/open-store.js';
import { SeenFile } from '../src/state/seen.js';
import { freePorts } from '../src/targets/sandbox/ports.js';
import { postgresUnavailable, startPostgres } from '../test/fixtures/postgres.js';
import { redisUnavailable, startRedis } from '../test/fixtures/redis.js';
import { rgwUnavailable, startRgw } from '../test/fixtures/rgw.js';
import { median } from './machine.js';
import { ObjectsInClear } from './objects-in-clear.js';

const SIZES = [1_000, 10_000, 100_000];
const WARM_UP = 12;
const ROUNDS = 120;
/** Who goes first, and after whom, changes from round to round. */
const ORDERS = [
  ['encrypted', 'inClear', 'bare'],
  ['bare', 'inClear', 'encrypted'],
  ['inClear', 'bare', 'encrypted'],
  ['encrypted', 'bare', 'inClear'],
  ['bare', 'encrypted', 'inClear'],
  ['inClear', 'encrypted', 'bare'],
] as const;
/** The promise: encryption makes saving and loading a checkpoint at most so much slower. */
const OVERHEAD_LIMIT = 1.05;
/** The promise: bulk encryption is at least so fast beside bare AES-256-GCM of node:crypto. */
const BULK_LIMIT = 0.6;
const BULK_BYTES = 100_000_000;
const BULK_ROUNDS = 8;
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

/**
 * One save and one load of each of three, in turn, so that other work on the machine falls on all alike: the whole store; the
 * same without its encryption; and the bare place, without replay detection and audit log too. What encryption costs is the
 * first beside the second, and the promise is about that.
 */
async function compare(name: string, backend: Backend, directory: string, say: (line: string) => void): Promise<boolean> {
  const memoryOfKeys = openKeyMemory({ locking: true, guardPages: true });
  const provider = new MasterKeys({ version: 1, key: randomBytes(32) }, [], memoryOfKeys);
  const settings = { dataKeyCache: { enabled: true, ttlSeconds: 300, maxSize: 1000 }, envelopeThresholdBytes: 1024 * 1024 };
  const seen = new SeenFile(join(directory, `seen-${name}`));
  const store = await storeOn(backend, provider, settings, {
    seen: () => seen,
    audit: (auditKey) => openAuditLog({ enabled: true, path: join(directory, 'audit.log'), auditKey }),
    memory: memoryOfKeys,
  });
  const inClear = new ObjectsInClear(backend, new NameCipher(randomBytes(32)), seen, store.audit);
  let within = true;
  for (const size of SIZES) {
    const content = randomBytes(size);
    const object = { installation: 'bench', kind: 'document', name: `size-${size}` };
    const works = { encrypted: saveAndLoad(store.objects, object, content), inClear: saveAndLoad(inClear, object, content), bare: saveAndLoadBare(backend, `bare-${size}`, content) };
    const times = { encrypted: [] as number[], inClear: [] as number[], bare: [] as number[] };
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      // Each save has something new to say: SQLite does not write pages again that stay as they are, and encrypted ones never do.
      randomFillSync(content);
      for (const one of ORDERS[round % ORDERS.length] ?? []) {
        const took = await timed(works[one]);
        if (round >= WARM_UP) times[one].push(took);
      }
    }
    const encryption = ratio(times.encrypted, times.inClear);
    within &&= encryption <= OVERHEAD_LIMIT;
    say(`${name}, ${size / 1000} kB: save and load ${median(times.encrypted).toFixed(2)} ms; encryption makes it ${encryption.toFixed(3)} times as long, at most ${OVERHEAD_LIMIT} allowed; the whole store beside the bare place ${ratio(times.encrypted, times.bare).toFixed(3)} times`);
  }
  await store.audit.close();
  return within;
}

function saveAndLoad(objects: Pick<EncryptedObjects, 'write'> & { read: (object: ObjectName) => Promise<unknown> }, object: ObjectName, content: Buffer): () => Promise<void> {
  let stored: Stored | 'absent' = 'absent';
  return async () => {
    stored = await objects.write(object, content, stored);
    await objects.read(object);
  };
}

function saveAndLoadBare(backend: Backend, id: string, content: Buffer): () => Promise<void> {
  let stored: { revision: string } | 'absent' = 'absent';
  return async () => {
    stored = { revision: await backend.write(id, content, stored) };
    await backend.read(id);
  };
}

/** The median of the ratios, round by round: what slows the machine for a while slows both sides of a round. */
function ratio(times: readonly number[], beside: readonly number[]): number {
  return median(times.map((time, round) => time / (beside[round] ?? Number.NaN)));
}

/** What comes out is dropped on all sides: keeping 100 MB would measure the system's memory. */
async function bulk(say: (line: string) => void): Promise<boolean> {
  const content = randomBytes(BULK_BYTES);
  const key = { plain: randomBytes(32), wrapped: { keyId: 'bench', wrapped: randomBytes(60) } };
  const context = { installation: 'bench', kind: 'document', name: 'bulk', serial: 1 };
  const envelope: Buffer[] = [];
  for await (const chunk of encrypt(pieces(content), context, key)) envelope.push(chunk);
  const works = {
    bareEncrypting: () => dropped(bareCipher(content, createCipheriv('aes-256-gcm', key.plain, randomBytes(12)))),
    encrypting: () => dropped(encrypt(pieces(content), context, key)),
    bareDecrypting: () => dropped(bareCipher(content, createDecipheriv('aes-256-gcm', key.plain, randomBytes(12)))),
    decrypting: () => dropped(decrypt(envelope, context, () => Promise.resolve(Buffer.from(key.plain)))),
  };
  const times = { bareEncrypting: [] as number[], encrypting: [] as number[], bareDecrypting: [] as number[], decrypting: [] as number[] };
  const names = ['bareEncrypting', 'encrypting', 'bareDecrypting', 'decrypting'] as const;
  for (let round = 0; round < BULK_ROUNDS; round++) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      times[name].push(
        await timed(async () => {
          if ((await works[name]()) < BULK_BYTES) throw new Error('bytes are missing');
        }),
      );
    }
  }
  const [sealing, opening] = [ratio(times.bareEncrypting, times.encrypting), ratio(times.bareDecrypting, times.decrypting)];
  say(`bulk, ${BULK_BYTES / 1e6} MB beside bare AES-256-GCM: encrypting at ${sealing.toFixed(2)} of its speed, decrypting at ${opening.toFixed(2)}, at least ${BULK_LIMIT} wanted`);
  return sealing >= BULK_LIMIT && opening >= BULK_LIMIT;
}

/** The tag is left out: there is one for 100 MB, and without `final` nobody asks for it. */
function* bareCipher(content: Buffer, cipher: Cipher | Decipher): Generator<Buffer> {
  for (const piece of pieces(content)) yield cipher.update(piece);
}

async function dropped(source: AsyncIterable<Buffer> | Iterable<Buffer>): Promise<number> {
  let bytes = 0;
  if (Symbol.asyncIterator in source) for await (const chunk of source) bytes += chunk.length;
  else for (const chunk of source) bytes += chunk.length;
  return bytes;
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
