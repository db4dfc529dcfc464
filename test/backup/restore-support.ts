import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { createMessage, encrypt, type PrivateKey, readKey } from 'openpgp';
import { FILES, objectKey, type Role } from '../../src/backup/layout.js';
import type { Manifest } from '../../src/backup/manifest.js';
import { countRows } from '../../src/backup/restore-counts.js';
import type { BackupSource } from '../../src/backup/restore-stream.js';
import { LocalHost } from '../../src/edges/process.js';
import { ObjectMissing } from '../../src/edges/object-store.js';
import { createRecoveryKey, type RecoveryKey, unlockPrivateKey } from '../../src/keys/recovery/recovery-key.js';
import type { RunningPostgres } from '../fixtures/postgres.js';

export const PREFIX = 'koprogo/test';
export const ID = '20261122T020000Z-1a2b3c';

/** Objects in memory, readable in pieces of a chosen size. */
export class MemoryObjects {
  readonly where = 'bucket "memory"';
  readonly objects = new Map<string, Buffer>();
  chunk = 16 * 1024;
  /** What the second half of every object waits for. */
  hold: Promise<void> = Promise.resolve();
  /** Called with each piece's end offset before it is given. */
  beforePiece: (offset: number) => void = () => undefined;

  async get(key: string): Promise<Readable> {
    const content = this.objects.get(key);
    if (!content) throw new ObjectMissing(key, this.where);
    return Readable.from(this.#pieces(content), { objectMode: false });
  }

  async *#pieces(content: Buffer) {
    for (let at = 0; at < content.length; at += this.chunk) {
      this.beforePiece(Math.min(at + this.chunk, content.length));
      if (at > content.length / 2) await this.hold;
      yield content.subarray(at, at + this.chunk);
    }
  }
}

export interface Keys {
  recovery: RecoveryKey;
  privateKey: PrivateKey;
}

export async function makeKeys(): Promise<Keys> {
  const recovery = await createRecoveryKey({ installation: 'test' });
  return { recovery, privateKey: await unlockPrivateKey(recovery.privateKey, recovery.passphrase) };
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

export async function sealFor(recovery: RecoveryKey, compressed: Uint8Array): Promise<Buffer> {
  const encryptionKeys = (await readKey({ armoredKey: recovery.publicKey })).toPublic();
  return Buffer.from(await encrypt({ message: await createMessage({ binary: compressed }), encryptionKeys, format: 'binary' }));
}

export interface Content {
  database: Buffer;
  globals: Buffer;
  rowCounts?: Record<string, number>;
}

/** A backup of chosen content in a store of its own, with a manifest that fits. */
export async function makeBackup(keys: Keys, content: Content): Promise<{ store: MemoryObjects; manifest: Manifest; source: BackupSource; key: (role: Role) => string }> {
  const store = new MemoryObjects();
  const key = (role: Role) => objectKey(PREFIX, ID, FILES[role]);
  const objects: Manifest['objects'] = [];
  for (const role of ['database', 'globals'] as const) {
    const plain = content[role];
    const compressed = gzipSync(plain, { level: 1 });
    const sealed = await sealFor(keys.recovery, compressed);
    store.objects.set(key(role), sealed);
    objects.push({
      role,
      file: FILES[role],
      plaintextBytes: plain.length,
      compressedBytes: compressed.length,
      ciphertextBytes: sealed.length,
      ciphertextSha256: sha256(sealed),
      plaintextSha256: sha256(plain),
    });
  }
  const manifest: Manifest = {
    format: 'koprogo-backup',
    version: 1,
    id: ID,
    createdAt: '2026-11-22T02:00:01.000Z',
    completedAt: '2026-11-22T02:00:09.000Z',
    installation: 'test',
    server: 'test',
    agentVersion: '0.1.0',
    recoveryKey: { fingerprint: keys.recovery.fingerprint },
    compression: { algorithm: 'gzip', level: 1 },
    cipher: { format: 'OpenPGP', packet: 'SEIPDv1', symmetric: 'AES256' },
    storageEncryption: { mode: 'none' },
    database: {
      name: 'koprogo_db',
      serverVersion: '15.18',
      serverVersionNumber: 150018,
      sizeBytes: 1024 * 1024,
      snapshot: '00000003-00000001-1',
      extensions: [],
      rowCounts: content.rowCounts ?? {},
    },
    objects,
  };
  return { store, manifest, source: { store, prefix: PREFIX, manifest, privateKey: keys.privateKey }, key };
}

/** What the agent takes from a database: dump, roles, row counts. */
export async function dumpOf(server: RunningPostgres): Promise<Required<Content>> {
  const run = (...argv: string[]) => {
    const [file = '', ...args] = [...server.access.prefix, ...argv];
    return execFileSync(file, args, { maxBuffer: 1024 ** 3 });
  };
  const counts = await countRows({ host: new LocalHost(), access: server.access }, server.access.database);
  return {
    database: run('pg_dump', '--format=plain', '-U', 'koprogo', server.access.database),
    globals: run('pg_dumpall', '--globals-only', '-U', 'koprogo'),
    rowCounts: Object.fromEntries(counts),
  };
}

/** Tables with what is awkward in dumps: odd names, backslashes at line starts, roles, a view, an extension, a trigger. */
export const SAMPLE_SQL = String.raw`
CREATE ROLE "Syndic Role" NOLOGIN;
CREATE ROLE reader LOGIN PASSWORD 'x;''y' IN ROLE "Syndic Role";
CREATE SCHEMA "Other Schema" AUTHORIZATION reader;
CREATE EXTENSION pgcrypto;
CREATE TABLE owners (id bigserial PRIMARY KEY, name text NOT NULL, bin bytea);
INSERT INTO owners (name, bin) SELECT md5(i::text), decode(md5(i::text), 'hex') FROM generate_series(1, 20000) i;
CREATE TABLE "Other Schema"."Odd ""Name""; x" (c text);
INSERT INTO "Other Schema"."Odd ""Name""; x" VALUES (E'\restrict abc'), (E'\\! touch x'), (E'\rrestrict y'), (E'\\.'), (NULL), ('');
ALTER TABLE "Other Schema"."Odd ""Name""; x" OWNER TO reader;
CREATE TABLE parts (y int, v text) PARTITION BY RANGE (y);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (10) TO (20);
INSERT INTO parts SELECT i, 'v' FROM generate_series(0, 14) i;
CREATE TABLE empty ();
CREATE VIEW names AS SELECT name FROM owners;
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $$ SELECT '\! nothing :x' $$;
GRANT SELECT ON owners TO "Syndic Role";
ALTER DATABASE koprogo_db SET work_mem = '8MB';
ALTER DATABASE koprogo_db SET search_path = public, "Other Schema";
GRANT CONNECT ON DATABASE koprogo_db TO reader;
`;
