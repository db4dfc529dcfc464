import { isNetworkCode, isTlsCode } from '../../edges/network-errors.js';
import { InfraError, messageOf } from '../../errors.js';
import { hostAndPort } from './place-url.js';
import type { RedisPlace } from './redis-url.js';

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
  return new InfraError(`cannot ${doing} in ${place.where}: ${why}`, { hints, cause: error });
}

function explain(code: string, message: string, place: RedisPlace): [string, ...string[]] {
  const { host, port, tls } = place;
  const ping = `try it: redis-cli -h ${host} -p ${port}${tls ? ' --tls' : ''} ping`;
  if (isTlsCode(code)) {
    return [
      `no trusted TLS connection (${code})`,
      `look at the certificate: openssl s_client -connect ${hostAndPort(host, port)}`,
      'name the certificate of its authority: rediss://…?cacert=/path/ca.pem',
    ];
  }
  if (code === 'ENOTFOUND') return ['there is no such host', 'check the URL for a typing mistake'];
  if (isNetworkCode(code) || BROKEN.has(code)) return [`the server does not answer (${code})`, ping, `check the network, the firewall, and whether the server ${tls ? 'has TLS (redis:// is without)' : 'wants TLS (rediss://)'}`, 'then type the same command again: it starts from what is stored'];
  switch (code) {
    case 'NOAUTH':
    case 'WRONGPASS':
      return ['the server does not accept this user and password', 'check both in the URL; special characters are %-escaped'];
    case 'ERR':
      if (/AUTH|password/i.test(message)) return ['the server does not accept this user and password', 'check both in the URL; special characters are %-escaped'];
      break;
    case 'NOPERM':
      return ['this user may not do that', 'as an administrator: ACL SETUSER <user> ~koprogo-infra:* +@read +@write +@scripting +@connection +info +config|get'];
    case 'OOM':
      return ['the memory of the server is used up; what was stored before is whole', 'raise maxmemory there, then type the same command again'];
    case 'MISCONF':
      return ['the server cannot write to its disk and takes no more writes', 'make room there, and look into its log'];
    case 'READONLY':
      return ['the server is a replica', 'name the primary in the URL'];
    case 'LOADING':
    case 'MASTERDOWN':
      return ['the server is starting', 'type the same command again in a minute'];
    case 'WRONGTYPE':
      return ['another program uses keys that begin with koprogo-infra:', 'name another database in the URL: redis://host:6379/1'];
    case 'MOVED':
    case 'ASK':
    case 'CLUSTERDOWN':
    case 'CROSSSLOT':
      return ['the server is a node of a Redis cluster, which this program does not know', 'use a single server'];
  }
  return [message];
}
