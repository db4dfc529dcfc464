import { isNetworkCode, isTlsCode } from '../../edges/network-errors.js';
import { InfraError, messageOf } from '../../errors.js';
import type { PostgresPlace } from './postgres-url.js';
import { say } from './words.js';

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
  return new InfraError(say('failed', { doing, where: place.where, why }), { hints, cause: error });
}

function explain(code: string, message: string, place: PostgresPlace): [string, ...string[]] {
  const { host, port, user, database } = place;
  const psql = say('pg.try', { host, port, user, database });
  if (isTlsCode(code)) {
    return [say('tls', { code }), say('pg.ca'), say('pg.host')];
  }
  if (/does not support SSL/.test(message)) return [say('pg.noTls'), say('pg.tlsOn'), say('pg.tlsOff')];
  if (code === 'ENOTFOUND') return [say('host.none'), say('host.typing')];
  if (code === 'ENOENT') return [say('pg.socket'), psql];
  if (isNetworkCode(code) || code.startsWith('08') || BROKEN.test(message) || SILENT.test(message)) return [say('pg.silent', { code: code === '' ? '' : ` (${code})` }), psql, say('pg.network'), say('again.stored')];
  if (code === '28P01' || code === '28000' || message.startsWith('SASL:')) {
    return [say('login'), say('login.check'), psql];
  }
  if (code === '3D000') return [say('pg.database'), say('pg.create', { host, port, user, database })];
  if (code === '42501') {
    return [say('denied'), say('pg.schema', { user: user.replaceAll('"', '""') })];
  }
  if (code === '25006') return [say('pg.readOnly'), say('primary')];
  if (code === '53100') return [say('pg.full'), say('pg.room')];
  if (code === '53300') return [say('pg.connections'), say('pg.max')];
  if (code === '57014' || code === '55P03') return [say('pg.long'), say('pg.activity')];
  if (['57P01', '57P02', '57P03'].includes(code)) return [say('pg.stopping'), say('minute')];
  if (code === '42P01' || code === '3F000' || code === '42703') return [say('pg.tables'), say('pg.putBack')];
  return [`${message}${code === '' ? '' : ` (${code})`}`];
}
