import type { Command } from '../edges/command.js';
import { say } from './words.js';

/**
 * How to reach PostgreSQL's own programs, of the server's own version: pg_dump refuses newer servers.
 * In production `prefix` is `docker exec -i <container>`; anything that runs its arguments and passes
 * standard input, output and exit status through will do.
 */
export interface DatabaseAccess {
  prefix: readonly string[];
  user: string;
  database: string;
}

/** Every connection of a backup is named so, which is how those that a killed run left behind are found. */
export const APPLICATION_NAME = 'koprogo-backup';

/** Characters that could end a value of a connection string are escaped: names come from configuration. */
function connection(database: string, application: string): string {
  const quoted = (value: string) => `'${value.replace(/[\\']/g, '\\$&')}'`;
  return `dbname=${quoted(database)} application_name=${quoted(application)}`;
}

export interface PsqlOptions {
  /** Another database than the access names. */
  database?: string;
  /** How the connection calls itself. A backup begins by ending those that are called APPLICATION_NAME. */
  application: string;
  /** Everything that is read from standard input is one transaction. */
  singleTransaction?: boolean;
  /** psql variables, for `:'name'` and `:"name"` in what is read from standard input. Not for secrets. */
  variables?: Readonly<Record<string, string>>;
}

/**
 * psql that reads standard input, prints bare fields separated by a tab, ignores psqlrc and stops at the first
 * error with a non-zero exit status (without ON_ERROR_STOP it exits 0 after errors, and tables are missing).
 */
export function psql(access: DatabaseAccess, options: PsqlOptions): Pick<Command, 'argv'> {
  return {
    argv: [
      ...access.prefix,
      'psql',
      '--no-psqlrc',
      '--no-password',
      '--quiet',
      '--tuples-only',
      '--no-align',
      '--field-separator=\t',
      '--set=ON_ERROR_STOP=1',
      ...Object.entries(options.variables ?? {}).map(([name, value]) => `--set=${name}=${value}`),
      ...(options.singleTransaction === true ? ['--single-transaction'] : []),
      `--username=${access.user}`,
      `--dbname=${connection(options.database ?? access.database, options.application)}`,
    ],
  };
}

/** The whole database as plain SQL, in the snapshot that another connection exported and still holds. */
export function pgDump(access: DatabaseAccess, snapshot: string): Command {
  return {
    argv: [
      ...access.prefix,
      'pg_dump',
      '--no-password',
      '--format=plain',
      `--snapshot=${snapshot}`,
      `--username=${access.user}`,
      `--dbname=${connection(access.database, APPLICATION_NAME)}`,
    ],
    timeout: DUMP_TIMEOUT_SECONDS,
    purpose: say('dump.database', { database: access.database }),
  };
}

/** Roles and their grants, password hashes included: what a dump of one database leaves out. */
export function pgDumpGlobals(access: DatabaseAccess): Command {
  return {
    argv: [
      ...access.prefix,
      'pg_dumpall',
      '--no-password',
      '--globals-only',
      `--username=${access.user}`,
      `--dbname=${connection(access.database, APPLICATION_NAME)}`,
    ],
    timeout: 300,
    purpose: say('dump.roles'),
  };
}

/** A dump that takes longer has hung. */
const DUMP_TIMEOUT_SECONDS = 6 * 3600;
