import { isNetworkCode, isTlsCode } from '../../edges/network-errors.js';
import { InfraError, messageOf } from '../../errors.js';
import type { PostgresPlace } from './postgres-url.js';

/** PostgreSQL's SQLSTATE of five characters, Node's code, or empty. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** What `pg` says, without a code, when a connection is gone or a query has not been answered in time. */
const BROKEN = /^(Connection terminated|Client has encountered a connection error|Query read timeout)/;
/** A server that was silent for so long was waited for enough. */
const SILENT = /^(Connection terminated due to connection timeout|timeout expired|timeout exceeded when trying to connect)/;

/**
 * The connection broke, the server stops or starts, or two transactions stood in each other's way: the statement may be sent
 * again, if it is one that does no harm twice.
 */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (SILENT.test(messageOf(error))) return false;
  // ENOENT: the socket of a server that restarts.
  return isNetworkCode(code) || code === 'ENOENT' || code.startsWith('08') || ['57P01', '57P02', '57P03', '40001', '40P01'].includes(code) || BROKEN.test(messageOf(error));
}

/** The error for people. `doing` completes "cannot …". */
export function translatePostgres(error: unknown, doing: string, place: PostgresPlace): InfraError {
  if (error instanceof InfraError) return error;
  const [why, ...hints] = explain(codeOf(error), messageOf(error), place);
  return new InfraError(`cannot ${doing} in ${place.where}: ${why}`, { hints, cause: error });
}

function explain(code: string, message: string, place: PostgresPlace): [string, ...string[]] {
  const { host, port, user, database } = place;
  const psql = `try it: psql -h ${host} -p ${port} -U ${user} ${database}`;
  if (isTlsCode(code)) {
    return [`no trusted TLS connection (${code})`, 'name the certificate of its authority: …?sslmode=verify-full&sslrootcert=/path/ca.pem', 'check that the host in the URL is the one in the certificate'];
  }
  if (/does not support SSL/.test(message)) return ['the server has no TLS', 'switch it on there (ssl = on)', 'or, in a network that you trust: …?sslmode=disable'];
  if (code === 'ENOTFOUND') return ['there is no such host', 'check the URL for a typing mistake'];
  if (code === 'ENOENT') return ['there is no socket of a server', psql];
  if (isNetworkCode(code) || code.startsWith('08') || BROKEN.test(message) || SILENT.test(message)) return [`the server does not answer${code === '' ? '' : ` (${code})`}`, psql, 'check the network, the firewall and listen_addresses of the server', 'then type the same command again: it starts from what is stored'];
  if (code === '28P01' || code === '28000' || message.startsWith('SASL:')) {
    return ['the server does not accept this user and password', 'check both in the URL; special characters are %-escaped', psql];
  }
  if (code === '3D000') return ['there is no such database', `create it: createdb -h ${host} -p ${port} -O ${user} ${database}`];
  if (code === '42501') {
    return ['this user may not do that', `as the owner of the database: CREATE SCHEMA koprogo_infra AUTHORIZATION "${user.replaceAll('"', '""')}"`];
  }
  if (code === '25006') return ['the server is read-only: a standby, or in recovery', 'name the primary in the URL'];
  if (code === '53100') return ['the disk of the server is full; what was stored before is whole', 'make room there, then type the same command again'];
  if (code === '53300') return ['the server has too many connections', 'wait, or raise max_connections there'];
  if (code === '57014' || code === '55P03') return ['the statement took too long: somebody keeps the table locked, or the server is overloaded', `look what runs there: SELECT * FROM pg_stat_activity`];
  if (['57P01', '57P02', '57P03'].includes(code)) return ['the server is stopping or starting', 'type the same command again in a minute'];
  if (code === '42P01' || code === '3F000' || code === '42703') return ['its tables are missing or were changed', 'put back a backup of the schema koprogo_infra'];
  return [`${message}${code === '' ? '' : ` (${code})`}`];
}
