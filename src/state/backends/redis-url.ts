import { InputError } from '../../errors.js';
import type { Secret } from '../../secret.js';
import { readCertificates } from './certificates.js';
import { hostAndPort, isLoopback, parsePlace } from './place-url.js';
import { say } from './words.js';

export interface RedisPlace {
  /** Without credentials, for messages. */
  where: string;
  host: string;
  port: number;
  user: string | undefined;
  password: Secret | undefined;
  database: number;
  /** Certificates in PEM that are trusted instead of the usual ones; undefined without TLS. */
  tls: { ca: string | undefined } | undefined;
}

const EXAMPLE = 'rediss://koprogo:PASSWORD@redis.example.org:6379/0';

/**
 * Reads `redis://user:password@host:port/database`, or `rediss://…?cacert=/path/ca.pem` for TLS, which is always verified.
 * Throws InputError.
 */
export async function parseRedisUrl(text: string): Promise<RedisPlace> {
  const secure = text.startsWith('rediss:');
  const url = parsePlace(text, EXAMPLE, secure ? ['cacert'] : []);
  const wrong = (why: string) => new InputError(say('url.wrong', { why }), { hints: [say('url.example', { example: EXAMPLE })] });
  if (url.host === '') throw wrong(say('url.noHost'));
  if (!/^[0-9]{0,4}$/.test(url.path)) throw wrong(say('redis.number'));
  if (url.user !== undefined && url.password === undefined) throw wrong(say('redis.password'));
  const ca = url.parameters.get('cacert');
  const port = url.port ?? 6379;
  const database = Number(url.path);
  return {
    where: say('redis.where', { database, address: hostAndPort(url.host, port) }),
    host: url.host,
    port,
    user: url.user,
    password: url.password,
    database,
    tls: secure ? { ca: ca === undefined ? undefined : await readCertificates('cacert', ca) } : undefined,
  };
}

/** What the chosen connection leaves open. */
export function connectionWarnings(place: RedisPlace): string[] {
  if (place.tls || isLoopback(place.host)) return [];
  return [say('redis.unencrypted')];
}
