import { Readable } from 'node:stream';
import { CommandFailed } from '../edges/command.js';
import { EXIT, InfraError, RefusedError } from '../errors.js';
import type { Progress } from '../progress.js';
import { psql } from './database.js';
import { type Manifest, type ManifestObject, objectOf } from './manifest.js';
import { asOneTransaction, type Globals, parseGlobals } from './restore-sql.js';
import { type BackupSource, openObject } from './restore-stream.js';
import { type DatabaseTarget, RESTORE_APPLICATION, runSql } from './scratch.js';
import { say } from './words.js';

const MAX_GLOBALS_BYTES = 64 * 1024 * 1024;
/** Slower than this means that something hangs. */
const SLOWEST_BYTES_PER_SECOND = 200_000;
/** What a restore needs beside the data itself: write-ahead log and sorting for the indexes. */
const SPARE_BYTES = 256 * 1024 * 1024;

/** The first psql of each major version that knows \restrict (CVE-2025-8714): minor releases of August 2025. */
const RESTRICT_SINCE: Readonly<Record<number, number>> = { 13: 22, 14: 19, 15: 14, 16: 10, 17: 6 };

/** Throws InfraError when a restore of this backup cannot work or would endanger the server: versions and free space. */
export async function checkTarget(target: DatabaseTarget, manifest: Manifest): Promise<void> {
  const root = target.root === undefined ? {} : { root: target.root };
  const version = await target.host.run({ argv: [...target.access.prefix, 'psql', '--version'], purpose: say('load.psqlVersion'), ...root });
  const [, major = '0', minor = '0'] = /PostgreSQL\) (\d+)\.(\d+)/.exec(version.stdout) ?? [];
  if (Number(minor) < (RESTRICT_SINCE[Number(major)] ?? (Number(major) >= 18 ? 0 : Infinity))) {
    throw new RefusedError(say('load.oldPsql', { major, minor }), {
      hints: [say('load.oldPsql.update'), say('load.byHand')],
    });
  }
  const [number = '0', directory = ''] = await runSql(target, 'SHOW server_version_num; SHOW data_directory;', { purpose: say('load.serverVersion') });
  const theirs = Math.floor(manifest.database.serverVersionNumber / 10_000);
  if (Math.floor(Number(number) / 10_000) < theirs) {
    throw new RefusedError(say('load.older', { serverVersion: manifest.database.serverVersion, major }), {
      hints: [say('load.older.hint', { theirs })],
    });
  }
  const df = await target.host.run({ argv: [...target.access.prefix, 'df', '-Pk', directory], purpose: say('load.freeSpace'), ...root });
  const free = Number(df.stdout.trim().split('\n').at(-1)?.split(/\s+/)[3]) * 1024;
  const wanted = manifest.database.sizeBytes + SPARE_BYTES;
  if (Number.isFinite(free) && free < wanted) throw diskFull(say('load.room', { free: mib(free), wanted: mib(wanted) }));
}

/**
 * Loads the dump into an empty database as one transaction. COMMIT is sent only after the whole object has come and
 * every check has passed; any failure before cuts psql's input off, and an open transaction is rolled back.
 */
export async function loadDump(source: BackupSource, target: DatabaseTarget, database: string, progress: Progress): Promise<void> {
  const object = required(source.manifest, 'database');
  const cut = new AbortController();
  const signal = AbortSignal.any([cut.signal, ...(source.signal ? [source.signal] : [])]);
  const sql = openObject({ ...source, signal }, object, (done) => {
    progress.update(say('load.restoring', { id: source.manifest.id }), { done, total: object.ciphertextBytes, unit: 'bytes' });
  });
  const watch: { failure?: unknown } = {};
  const input = Readable.from(remembering(asOneTransaction(sql), watch), { objectMode: false, highWaterMark: 256 * 1024 });
  try {
    const { argv } = psql(target.access, { database, application: RESTORE_APPLICATION });
    await target.host.run({
      // What the dump's own SELECTs print is nobody's business, and could be made endless.
      argv: [...argv, '--output=/dev/null'],
      input,
      timeout: 3600 + Math.ceil(object.plaintextBytes / SLOWEST_BYTES_PER_SECOND),
      purpose: say('load.purpose', { id: source.manifest.id, database }),
      ...(target.root === undefined ? {} : { root: target.root }),
    });
  } catch (error) {
    throw watch.failure ?? explain(error);
  } finally {
    // When psql has failed, a download that still goes on, or stalls, is of no use.
    cut.abort(new InfraError(say('load.ended')));
    input.destroy();
  }
  // psql may have ended well without having read to the end (a dump that holds a \q of its own cannot, but be sure).
  if (!input.readableEnded) throw new InfraError(say('load.stopped', { id: source.manifest.id }));
}

/** The roles of the backup, read whole and verified before anything of it is used. */
export async function readGlobals(source: BackupSource): Promise<Globals> {
  const object = required(source.manifest, 'globals');
  if (object.plaintextBytes > MAX_GLOBALS_BYTES) throw new InfraError(say('load.rolesLong', { id: source.manifest.id, size: mib(object.plaintextBytes) }));
  const pieces: Buffer[] = [];
  for await (const piece of openObject(source, object)) pieces.push(piece);
  return parseGlobals(Buffer.concat(pieces).toString('utf8'));
}

/**
 * Creates the roles that are missing, and their memberships; roles that exist are left as they are. With `bare`, only
 * names without login or password: enough for ownership in a scratch database. Gives the names created.
 */
export async function createMissingRoles(target: DatabaseTarget, globals: Globals, bare: boolean): Promise<string[]> {
  const existing = new Set(await readRoleNames(target));
  const missing = globals.roles.filter((role) => !existing.has(role.name));
  if (missing.length === 0) return [];
  const names = new Set(missing.map((role) => role.name));
  const memberships = globals.memberships.filter((grant) => names.has(grant.role) || names.has(grant.member));
  const statements = bare
    ? missing.map((role) => `CREATE ROLE ${role.identifier} NOLOGIN`)
    : [...missing.flatMap((role) => role.statements), ...memberships.map((grant) => grant.statement)];
  await runSql(target, `BEGIN;\n${statements.map((statement) => `${statement};\n`).join('')}COMMIT;\n`, { purpose: say('load.createRoles') });
  return [...names];
}

/** Drops roles that `createMissingRoles` made for a scratch database that is gone again. */
export async function dropRoles(target: DatabaseTarget, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await runSql(target, 'DROP ROLE IF EXISTS :"name";', { variables: { name }, purpose: say('load.dropRole', { name }) });
  }
}

async function readRoleNames(target: DatabaseTarget): Promise<string[]> {
  const lines = await runSql(target, 'SELECT to_json(rolname::text) FROM pg_roles;', { purpose: say('load.readRoles') });
  return lines.map((line) => String(JSON.parse(line)));
}

async function* remembering(pieces: AsyncIterable<Buffer>, watch: { failure?: unknown }): AsyncGenerator<Buffer> {
  try {
    yield* pieces;
  } catch (error) {
    watch.failure = error;
    throw error;
  }
}

function required(manifest: Manifest, role: 'database' | 'globals'): ManifestObject {
  const object = objectOf(manifest, role);
  if (!object) throw new InfraError(say('load.noObject', { id: manifest.id, role }));
  return object;
}

function explain(error: unknown): unknown {
  if (!(error instanceof CommandFailed)) return error;
  const said = error.output.stderr;
  if (/No space left on device|could not extend file/i.test(said)) return diskFull(say('load.diskFull'), error);
  if (/backslash commands are restricted/i.test(said)) {
    return new RefusedError(say('load.forged'), {
      hints: [say('load.forged.hint')],
      cause: error,
    });
  }
  return error;
}

function diskFull(what: string, cause?: unknown): InfraError {
  return new InfraError(what, {
    exitCode: EXIT.failed,
    hints: [say('load.makeRoom'), say('load.verify')],
    cause,
  });
}

const mib = (bytes: number) => `${Math.ceil(bytes / 1024 / 1024)} MiB`;
