import type { Host } from '../edges/command.js';
import { InfraError, InputError, RefusedError } from '../errors.js';
import { type DatabaseAccess, psql, type PsqlOptions } from './database.js';
import { say } from './words.js';

/** The PostgreSQL server that a backup is restored into, and `access.database`, the name of its live database. */
export interface DatabaseTarget {
  host: Host;
  access: DatabaseAccess;
  /** Whether `access.prefix` (docker exec) must run as root. */
  root?: boolean;
}

/** Connections of a restore are named so in pg_stat_activity. */
export const RESTORE_APPLICATION = 'koprogo-restore';

/**
 * The comment on a database says what it is. In progress: left by a killed restore, free to be dropped by whoever
 * holds the restore lock. Kept and previous ones are dropped by `discardDatabase` only.
 */
export const IN_PROGRESS = 'koprogo-infra: restore in progress';
const KEPT = 'koprogo-infra: restored and kept';
export const PREVIOUS = 'koprogo-infra: replaced by a restore';

const SCRATCH_NAME = /^koprogo_restore_\d{8}t\d{6}z_[0-9a-f]{6}$/;
/** PostgreSQL cuts longer names silently. */
const MAX_NAME = 63;

export const scratchName = (backupId: string) => `koprogo_restore_${backupId.toLowerCase().replace('-', '_')}`;

/** `koprogo_db_before_20261122t101500z`. Throws InfraError when PostgreSQL would cut the name. */
export function previousName(live: string, now: Date): string {
  const time = now.toISOString().replace(/[-:]|\.\d+/g, '').toLowerCase();
  const name = `${live}_before_${time}`;
  if (Buffer.byteLength(name) > MAX_NAME) throw new InfraError(say('scratch.longName', { live }));
  return name;
}

function isPreviousName(live: string, name: string): boolean {
  return name.startsWith(`${live}_before_`) && /^\d{8}t\d{6}z$/.test(name.slice(`${live}_before_`.length));
}

export interface SqlOptions extends Pick<PsqlOptions, 'database' | 'variables'> {
  purpose: string;
  /** Seconds; default 60. */
  timeout?: number;
}

/** Runs SQL in the maintenance database (or another) and gives its output lines. Values go in `variables`, as `:'name'` or `:"name"`. */
export async function runSql(target: DatabaseTarget, sql: string, options: SqlOptions): Promise<string[]> {
  const { stdout } = await target.host.run({
    ...psql(target.access, { database: options.database ?? 'postgres', application: RESTORE_APPLICATION, variables: options.variables ?? {} }),
    input: sql,
    purpose: options.purpose,
    timeout: options.timeout ?? 60,
    ...(target.root === undefined ? {} : { root: target.root }),
  });
  return stdout.split('\n').filter((line) => line !== '');
}

/** Names of databases that a killed restore left, whether or not it came to write the comment. Only right under the restore lock. */
async function leftovers(target: DatabaseTarget): Promise<string[]> {
  const lines = await runSql(
    target,
    `SELECT datname FROM pg_database WHERE datname LIKE 'koprogo\\_restore\\_%' AND coalesce(shobj_description(oid, 'pg_database'), :'mark') = :'mark';`,
    { variables: { mark: IN_PROGRESS }, purpose: say('scratch.lookLeft') },
  );
  return lines.filter((name) => SCRATCH_NAME.test(name));
}

/** Drops what killed restores left; gives the names. The caller holds the restore lock. */
export async function dropLeftovers(target: DatabaseTarget): Promise<string[]> {
  const names = await leftovers(target);
  for (const name of names) await dropScratch(target, name);
  return names;
}

/** Drops a scratch database with whatever is still connected to it; no error when it is gone. */
export async function dropScratch(target: DatabaseTarget, name: string): Promise<void> {
  if (!SCRATCH_NAME.test(name)) throw new RefusedError(say('scratch.not', { name }));
  await runSql(target, 'DROP DATABASE IF EXISTS :"name" WITH (FORCE);', { variables: { name }, purpose: say('scratch.drop', { name }), timeout: 300 });
}

/**
 * An empty database with the live one's encoding, locale and owner (template0: nothing of the operator's template1
 * gets in between). Throws RefusedError when one of that name was kept.
 */
export async function createScratch(target: DatabaseTarget, name: string): Promise<void> {
  const variables = { name, live: target.access.database, mark: IN_PROGRESS };
  const [exists] = await runSql(target, `SELECT 1 FROM pg_database WHERE datname = :'name';`, { variables, purpose: say('scratch.look') });
  if (exists !== undefined) {
    throw new RefusedError(say('scratch.kept', { name }), {
      hints: [`koprogo-infra backup discard ${name}`, say('scratch.again')],
    });
  }
  await runSql(
    target,
    `SELECT format('CREATE DATABASE %I TEMPLATE template0', :'name') || coalesce((
       SELECT format(' OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
         || CASE WHEN to_jsonb(d) ->> 'datlocprovider' = 'i'
              THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(to_jsonb(d) ->> 'daticulocale', to_jsonb(d) ->> 'datlocale')) ELSE '' END
       FROM pg_database d WHERE datname = :'live'), '') \\gexec
COMMENT ON DATABASE :"name" IS :'mark';
`,
    { variables, purpose: say('scratch.create', { name }), timeout: 120 },
  );
}

/** From now on only `discardDatabase` drops it. */
export async function keepScratch(target: DatabaseTarget, name: string): Promise<void> {
  await runSql(target, `COMMENT ON DATABASE :"name" IS :'mark';`, { variables: { name, mark: KEPT }, purpose: say('scratch.mark', { name }) });
}

/**
 * Drops a database that an in-place restore replaced or that a restore kept. The name must be one of ours in form, and
 * the database must carry our comment. Throws InputError for another name, RefusedError when somebody is connected.
 */
export async function discardDatabase(target: DatabaseTarget, name: string): Promise<void> {
  const live = target.access.database;
  if (!isPreviousName(live, name) && !SCRATCH_NAME.test(name)) {
    throw new InputError(say('discard.not', { name: name.slice(0, 80) }), {
      hints: [say('discard.names', { live })],
    });
  }
  const [comment] = await runSql(
    target,
    `SELECT coalesce(shobj_description(oid, 'pg_database'), '-') FROM pg_database WHERE datname = :'name';`,
    { variables: { name }, purpose: say('discard.look', { name }) },
  );
  if (comment === undefined) throw new InputError(say('discard.none', { name }));
  if (comment !== PREVIOUS && comment !== KEPT) throw new RefusedError(say('discard.noMark', { name }));
  const sessions = await sessionsOn(target, name);
  if (sessions.length > 0) throw new RefusedError(say('discard.inUse', { name, sessions: sessions.join(say('join')) }));
  await runSql(target, 'DROP DATABASE :"name";', { variables: { name }, purpose: say('discard.drop', { name }), timeout: 300 });
}

/** Who is connected to a database, in words. Names come from the clients: control characters are taken out. */
export async function sessionsOn(target: DatabaseTarget, name: string): Promise<string[]> {
  const lines = await runSql(
    target,
    `SELECT json_build_array(application_name, host(client_addr), usename, pid) FROM pg_stat_activity
     WHERE datname = :'name' AND pid <> pg_backend_pid() AND backend_type = 'client backend' ORDER BY backend_start;`,
    { variables: { name }, purpose: say('sessions.see', { name }) },
  );
  return lines.map((line) => {
    const [application, address, user, pid] = JSON.parse(line) as unknown[];
    const clean = (value: unknown) => (typeof value === 'string' ? value.replace(/\p{Cc}/gu, '').slice(0, 80) : '');
    return say('sessions.one', { application: clean(application) || say('sessions.unnamed'), address: clean(address) || say('sessions.local'), user: clean(user), pid: Number(pid) });
  });
}
