import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentConfig } from '../../src/backup/agent-config.js';
import type { DatabaseAccess } from '../../src/backup/database.js';
import { createRecoveryKey, type RecoveryKey } from '../../src/keys/recovery/recovery-key.js';
import { Secret } from '../../src/secret.js';

export const PREFIX = 'koprogo/pipeline';

/** Names that break naive quoting, a partitioned table, an inheriting one, one of an extension's kind, and rows with odd characters. */
export const AWKWARD_SCHEMA = `
  CREATE EXTENSION IF NOT EXISTS pgcrypto;
  CREATE TABLE owners (id int PRIMARY KEY, name text);
  INSERT INTO owners SELECT i, 'Élise "d''Or" ' || i || E'\\n\\t\\\\' FROM generate_series(1, 1000) i;
  CREATE SCHEMA "We;ird ""schema";
  CREATE TABLE "We;ird ""schema"."ta\tble; DROP TABLE owners; --" (v int);
  INSERT INTO "We;ird ""schema"."ta\tble; DROP TABLE owners; --" SELECT generate_series(1, 7);
  CREATE TABLE "line
break" (v int);
  CREATE TABLE empty_one ();
  CREATE TABLE charges (day date NOT NULL, amount numeric) PARTITION BY RANGE (day);
  CREATE TABLE charges_2025 PARTITION OF charges FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
  CREATE TABLE charges_2026 PARTITION OF charges FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
  INSERT INTO charges SELECT date '2025-06-01' + i, i FROM generate_series(1, 400) i;
  CREATE TABLE parent (v int);
  CREATE TABLE child () INHERITS (parent);
  INSERT INTO parent VALUES (1);
  INSERT INTO child VALUES (2), (3);
`;

export const AWKWARD_COUNTS = {
  'public.owners': 1000,
  '"We;ird ""schema"."ta\tble; DROP TABLE owners; --"': 7,
  'public."line\nbreak"': 0,
  'public.empty_one': 0,
  'public.charges_2025': 213,
  'public.charges_2026': 187,
  'public.parent': 1,
  'public.child': 2,
};

/** About `megabytes` of plain dump that compresses to a third. */
export function bulk(table: string, megabytes: number): string {
  return `CREATE TABLE ${table} AS SELECT i AS id, gen_random_uuid() AS unit, md5(i::text) AS reference, 'Appel de fonds ' || (i % 997) AS label FROM generate_series(1, ${megabytes * 10_000}) i;`;
}

export function testRecoveryKey(): Promise<RecoveryKey> {
  return createRecoveryKey({ installation: 'test', passphrase: new Secret('correct horse battery staple') });
}

/** A directory with a compose file and a secret, as on a server. */
export function configurationDirectory(): string {
  const directory = join(mkdtempSync(join(tmpdir(), 'koprogo-conf-')), 'stack');
  mkdirSync(join(directory, 'secrets'), { recursive: true });
  writeFileSync(join(directory, 'docker-compose.yml'), 'services: {}\n');
  writeFileSync(join(directory, 'secrets', 'postgres_password'), 'planted-password');
  chmodSync(join(directory, 'secrets', 'postgres_password'), 0o400);
  return directory;
}

/** A program that runs its arguments, but for one that the test replaces: what the container's entry does to a backup. */
export function wrapped(access: DatabaseAccess, script: string): DatabaseAccess {
  const file = join(mkdtempSync(join(tmpdir(), 'koprogo-wrap-')), 'wrap');
  writeFileSync(file, `#!/bin/bash\n# Finds the program behind the prefix: the first word that is one of PostgreSQL's.\nfor word; do case $word in psql|pg_dump|pg_dumpall) program=$word; break;; esac; done\n${script}\n`);
  chmodSync(file, 0o755);
  return { ...access, prefix: [file, ...access.prefix] };
}

export function agentConfig(database: DatabaseAccess, key: RecoveryKey, changes: Partial<AgentConfig> = {}): AgentConfig {
  return {
    version: 1,
    agentVersion: '0.0.0-test',
    installation: 'test',
    server: 'test-server',
    prefix: PREFIX,
    storage: {
      bucket: { endpoint: 'http://127.0.0.1:9', region: 'us-east-1', bucket: 'unused', encryption: { mode: 'none' } },
      accessKeyId: 'unused',
      secretAccessKey: new Secret('unused-secret'),
    },
    recoveryKey: { armored: key.publicKey, fingerprint: key.fingerprint },
    database,
    configuration: [],
    ...changes,
  };
}
