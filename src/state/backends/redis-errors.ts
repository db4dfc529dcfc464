import { isNetworkCode, isTlsCode } from '../../edges/network-errors.js';
import { InfraError, messageOf } from '../../errors.js';
import { hostAndPort } from './place-url.js';
import type { RedisPlace } from './redis-url.js';
import { say } from './words.js';

/** Names of the classes of `@redis/client` for connections that are gone; they carry no code. */
const BROKEN = new Set([
  'ConnectionTimeoutError',
  'SocketTimeoutError',
  'SocketClosedUnexpectedlyError',
  'DisconnectsClientError',
  'ClientClosedError',
  'ClientOfflineError',
  'AbortError',
]);

/** The first word of Redis's own errors ("NOAUTH", "OOM"), Node's code, the name of the client's class, or empty. */
export function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (BROKEN.has(error.constructor.name)) return error.constructor.name;
  return /^[A-Z]{2,20}(?= |$)/.exec(error.message)?.[0] ?? '';
}

/** The connection broke, or the server is starting or busy: another try may help. A server that was silent for 10 s was waited for enough. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (code === 'ConnectionTimeoutError') return false;
  return isNetworkCode(code) || BROKEN.has(code) || ['LOADING', 'BUSY', 'TRYAGAIN', 'MASTERDOWN', 'UNBLOCKED'].includes(code);
}

/** The error for people. `doing` completes "cannot …". */
export function translateRedis(error: unknown, doing: string, place: RedisPlace): InfraError {
  if (error instanceof InfraError) return error;
  const [why, ...hints] = explain(codeOf(error), messageOf(error), place);
  return new InfraError(say('failed', { doing, where: place.where, why }), { hints, cause: error });
}

function explain(code: string, message: string, place: RedisPlace): [string, ...string[]] {
  const { host, port, tls } = place;
  const ping = say('redis.try', { host, port, tls: tls ? ' --tls' : '' });
  if (isTlsCode(code)) {
    return [
      say('tls', { code }),
      say('redis.certificate', { address: hostAndPort(host, port) }),
      say('redis.ca'),
    ];
  }
  if (code === 'ENOTFOUND') return [say('host.none'), say('host.typing')];
  if (isNetworkCode(code) || BROKEN.has(code)) return [say('silent', { code }), ping, say('redis.network', { tls: tls ? say('redis.hasTls') : say('redis.wantsTls') }), say('again.stored')];
  switch (code) {
    case 'NOAUTH':
    case 'WRONGPASS':
      return [say('login'), say('login.check')];
    case 'ERR':
      if (/AUTH|password/i.test(message)) return [say('login'), say('login.check')];
      break;
    case 'NOPERM':
      return [say('denied'), say('redis.acl')];
    case 'OOM':
      return [say('redis.memory'), say('redis.raise')];
    case 'MISCONF':
      return [say('redis.disk'), say('redis.room')];
    case 'READONLY':
      return [say('redis.replica'), say('primary')];
    case 'LOADING':
    case 'MASTERDOWN':
      return [say('redis.starting'), say('minute')];
    case 'WRONGTYPE':
      return [say('redis.used'), say('redis.another')];
    case 'MOVED':
    case 'ASK':
    case 'CLUSTERDOWN':
    case 'CROSSSLOT':
      return [say('redis.cluster'), say('redis.single')];
  }
  return [message];
}
