import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import * as sdk from '@aws-sdk/client-s3';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { openAuditLog } from '../../src/keys/audit/audit.js';
import { Secret } from '../../src/secret.js';
import type { Backend } from '../../src/state/backends/backend.js';
import { openBackend } from '../../src/state/backends/open-backend.js';
import { storeOn } from '../../src/state/open-store.js';
import { reEncryptAll } from '../../src/state/re-encryption.js';
import { SeenFile } from '../../src/state/seen.js';
import { StateStoreTerraformState } from '../../src/terraform/document-state-store.js';
import { stateBytes } from '../fixtures/memory-terraform-state.js';
import { postgresUnavailable, startPostgres } from '../fixtures/postgres.js';
import { redisUnavailable, startRedis } from '../fixtures/redis.js';
import { rgwUnavailable, startRgw } from '../fixtures/rgw.js';
import { keyMemory, masterKeys, SETTINGS } from '../fixtures/store.js';

const SECRET = 'planted: the recovery passphrase 7c1e';
const INSTALLATION = 'planted-house';
const DOCUMENT = 'planted-document';
/** Stored as it is beside the rest: what does not find this one proves nothing. */
const CONTROL = 'control: this one is in clear 52d0';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'koprogo-planted-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

interface Place {
  backend: Backend;
  /** All bytes that lie there, as somebody sees them who has the server's disk or bucket. */
  raw: () => Promise<Buffer[]>;
  stop: () => Promise<void>;
}

const PLACES: readonly [name: string, missing: () => string | undefined, open: () => Promise<Place>][] = [
  ['SQLite', () => undefined, openSqliteHere],
  ['PostgreSQL', postgresUnavailable, openPostgresHere],
  ['Redis', redisUnavailable, openRedisHere],
  ['S3', rgwUnavailable, openS3Here],
];

for (const [name, missing, open] of PLACES) {
  const why = missing();
  if (why !== undefined) console.warn(`Left out, the search for planted secrets on ${name}: ${why}`);
  it.skipIf(why !== undefined)(`a planted secret is nowhere in clear with a state on ${name}, neither there nor in files, logs and errors here`, { timeout: 300_000 }, async () => {
    const place = await open();
    try {
      await place.backend.write('control', Buffer.from(CONTROL), 'absent');
      const said = await useEverything(place.backend);
      const there = await place.raw();
      expect(found(there, [CONTROL])).not.toEqual([]);
      expect(found(there, [...formsOf(SECRET), INSTALLATION, DOCUMENT])).toEqual([]);
      const here = filesIn(home);
      expect(here.length).toBeGreaterThan(2);
      expect(found([...here, Buffer.from(said)], formsOf(SECRET))).toEqual([]);
    } finally {
      await place.stop();
    }
  });
}

/** Stores secrets in every way there is, writes over them, removes one, encrypts all anew, and provokes errors. Returns all that was said. */
async function useEverything(backend: Backend): Promise<string> {
  const errors: unknown[] = [];
  const store = await storeOn(backend, masterKeys(), SETTINGS, {
    seen: (id) => new SeenFile(join(home, `seen-${id}`)),
    audit: (auditKey) => openAuditLog({ enabled: true, path: join(home, 'audit.log'), auditKey, onProblem: (problem) => errors.push(problem) }),
    memory: keyMemory,
  });
  const lock = await store.lock(INSTALLATION, 'setup');
  const documents = store.documents(INSTALLATION);
  const value = { passphrase: new Secret(SECRET), note: SECRET, many: Array.from({ length: 5000 }, () => SECRET) };
  for (const name of [DOCUMENT, 'removed']) await documents.put(name, value);
  await documents.put(DOCUMENT, { ...value, more: SECRET });
  await documents.remove('removed');
  const terraform = new StateStoreTerraformState(documents, INSTALLATION, join(home, 'unstored-state.sealed'));
  await terraform.write(stateBytes({ mark: SECRET }), undefined);
  await terraform.spool.prepare();
  await terraform.spool.keep({ bytes: stateBytes({ mark: SECRET, serial: 2 }), over: [] });
  await lock.release();
  const [key] = await store.keys.provider.versions();
  await reEncryptAll(store, key?.keyId ?? '', { fromStart: true, tell: () => undefined, renewInside: () => Promise.resolve() });

  const failing = async (work: () => Promise<unknown>) => {
    errors.push(await work().then(() => expect.unreachable('this should have failed'), (error: unknown) => error));
  };
  await failing(() => documents.get(DOCUMENT, z.object({ passphrase: z.number(), note: z.literal('another') })));
  const object = { installation: INSTALLATION, kind: 'document', name: DOCUMENT };
  await failing(() => store.objects.write(object, Buffer.from(SECRET), 'absent'));
  await store.objects.write({ ...object, name: 'no-json' }, Buffer.from(`{"passphrase": ${SECRET}`), 'absent');
  await failing(() => documents.get('no-json', z.string()));
  for (const id of (await backend.ids()).filter((one) => one !== 'root' && one !== 'control')) {
    const stored = await backend.read(id);
    if (stored) await backend.write(id, Buffer.concat([stored.bytes.subarray(0, -1), Buffer.of((stored.bytes.at(-1) ?? 0) ^ 1)]), stored);
  }
  await failing(() => documents.get(DOCUMENT, z.unknown()));
  await failing(() => terraform.spool.kept());
  await store.audit.close();
  return inspect(errors, { depth: 20, showHidden: true });
}

/** The text, and what it becomes in hexadecimal and, wherever it begins, in base64. */
function formsOf(text: string): string[] {
  const base64 = [0, 1, 2].map((before) => Buffer.from(' '.repeat(before) + text).toString('base64').slice(4, -4));
  return [text, Buffer.from(text).toString('hex'), ...base64];
}

function found(places: readonly Buffer[], texts: readonly string[]): string[] {
  return texts.filter((text) => places.some((bytes) => bytes.includes(text)));
}

function filesIn(folder: string): Buffer[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  // A server may remove a file between the look and the reading.
  return files.map(({ parentPath, name }) => join(parentPath, name)).flatMap((path) => (existsSync(path) ? [Buffer.from(path), readFileSync(path)] : []));
}

async function openSqliteHere(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'koprogo-planted-sqlite-'));
  const backend = await openBackend(`sqlite:${join(folder, 'state.db')}`, {});
  const stop = async () => {
    await backend.close();
    rmSync(folder, { recursive: true, force: true });
  };
  return { backend, raw: () => Promise.resolve(filesIn(folder)), stop };
}

async function openPostgresHere(): Promise<Place> {
  const server = startPostgres();
  const backend = await openBackend(`postgres://koprogo@/koprogo_db?host=${encodeURIComponent(server.directory)}`, {});
  const raw = () => {
    server.sql('CHECKPOINT');
    return Promise.resolve(filesIn(server.directory));
  };
  return { backend, raw, stop: () => backend.close().finally(() => { server.stop(); }) };
}

async function openRedisHere(): Promise<Place> {
  const server = await startRedis();
  const backend = await openBackend(`redis://127.0.0.1:${server.port}`, {});
  return { backend, raw: () => Promise.resolve(filesIn(server.directory)), stop: () => backend.close().finally(() => server.stop()) };
}

async function openS3Here(): Promise<Place> {
  const server = await startRgw();
  const Bucket = 'state-planted';
  const client = new sdk.S3Client({ endpoint: server.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: server });
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  const backend = await openBackend(`s3://${Bucket}/x?endpoint=${server.endpoint}&region=us-east-1`, { AWS_ACCESS_KEY_ID: server.accessKeyId, AWS_SECRET_ACCESS_KEY: server.secretAccessKey });
  /** Names, headers (with the metadata) and content of every object. */
  const raw = async () => {
    const { Contents = [] } = await client.send(new sdk.ListObjectsV2Command({ Bucket }));
    const objects = await Promise.all(Contents.map(async ({ Key }) => {
      const { Body, ...head } = await client.send(new sdk.GetObjectCommand({ Bucket, Key }));
      return [Buffer.from(JSON.stringify([Key, head.Metadata, head.ContentType, head.ETag])), Buffer.from((await Body?.transformToByteArray()) ?? [])];
    }));
    return objects.flat();
  };
  return { backend, raw, stop: () => backend.close().finally(() => { client.destroy(); }) };
}
