import { isAbsolute } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { InputError } from '../../errors.js';
import type { Secret } from '../../secret.js';
import { readCertificates } from './certificates.js';
import { hostAndPort, isLoopback, parsePlace } from './place-url.js';
import { say } from './words.js';

export interface PostgresPlace {
  /** Without credentials, for messages. */
  where: string;
  /** A host, or the directory of the server's socket. */
  host: string;
  port: number;
  user: string;
  /** Without one, PGPASSWORD and ~/.pgpass are asked, as every program of PostgreSQL does. */
  password: Secret | undefined;
  database: string;
  tls: ConnectionOptions | false;
  /** What the chosen TLS mode leaves open. */
  warnings: readonly string[];
}

const EXAMPLE = 'postgres://koprogo:PASSWORD@db.example.org:5432/koprogo?sslmode=verify-full';
const MODES = ['disable', 'require', 'verify-ca', 'verify-full'] as const;
type Mode = (typeof MODES)[number];

/**
 * Reads `postgres://user:password@host:port/database?sslmode=…&sslrootcert=/path/ca.pem`; a directory in `host=` instead of a
 * host is that of a Unix socket. The modes mean what they mean to libpq, except that "allow" and "prefer", which fall back to
 * clear text in silence, are refused, and that verify-full is the default but for this computer itself. Throws InputError.
 */
export async function parsePostgresUrl(text: string): Promise<PostgresPlace> {
  const url = parsePlace(text, EXAMPLE, ['sslmode', 'sslrootcert', 'host']);
  const wrong = (why: string, ...hints: string[]) => new InputError(say('url.wrong', { why }), { hints: [...hints, say('url.example', { example: EXAMPLE })] });
  const socket = url.parameters.get('host');
  if (socket !== undefined && (url.host !== '' || !isAbsolute(socket))) throw wrong(say('pg.socketHost'));
  const host = socket ?? url.host;
  if (host === '') throw wrong(say('url.noHost'));
  if (url.user === undefined) throw wrong(say('url.noUser'));
  if (!/^[A-Za-z0-9_.-]{1,63}$/.test(url.path)) throw wrong(say('pg.databaseName'));
  const local = socket !== undefined || isLoopback(host);
  const mode = sslMode(url.parameters.get('sslmode') ?? (local ? 'disable' : 'verify-full'), wrong);
  const root = url.parameters.get('sslrootcert');
  if (socket !== undefined && mode !== 'disable') throw wrong(say('pg.socketTls'));
  if (root !== undefined && mode === 'disable') throw wrong(say('pg.rootcert'), say('pg.verify'));
  const port = url.port ?? 5432;
  const where = say('pg.where', { database: url.path, place: socket === undefined ? say('pg.at', { address: hostAndPort(host, port) }) : say('pg.behind', { socket }) });
  const ca = root === undefined ? undefined : await readCertificates('sslrootcert', root);
  return { where, host, port, user: url.user, password: url.password, database: url.path, tls: tlsFor(mode, ca), warnings: local ? [] : warningsFor(mode, ca) };
}

function sslMode(value: string, wrong: (why: string, ...hints: string[]) => InputError): Mode {
  const mode = MODES.find((known) => known === value);
  if (mode) return mode;
  if (value === 'allow' || value === 'prefer') throw wrong(say('pg.clear', { value }), say('pg.which'));
  throw wrong(say('pg.modes', { modes: MODES.join(', ') }));
}

/** As libpq: "require" with a root certificate verifies the chain, without one it verifies nothing. */
function tlsFor(mode: Mode, ca: string | undefined): ConnectionOptions | false {
  const roots = ca === undefined ? {} : { ca };
  if (mode === 'disable') return false;
  if (mode === 'verify-full') return { ...roots, rejectUnauthorized: true };
  if (mode === 'require' && ca === undefined) return { rejectUnauthorized: false };
  return { ...roots, rejectUnauthorized: true, checkServerIdentity: () => undefined };
}

function warningsFor(mode: Mode, ca: string | undefined): string[] {
  if (mode === 'disable') return [say('pg.unencrypted')];
  if (mode === 'require' && ca === undefined) return [say('pg.unverified')];
  if (mode !== 'verify-full') return [say('pg.uncompared', { mode })];
  return [];
}
