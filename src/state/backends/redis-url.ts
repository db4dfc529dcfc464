import { InputError } from '../../errors.js';
import type { Secret } from '../../secret.js';
import { readCertificates } from './certificates.js';
import { hostAndPort, isLoopback, parsePlace } from './place-url.js';

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
  const wrong = (why: string) => new InputError(`the URL of the state is wrong: ${why}`, { hints: [`for example: KOPROGO_STATE='${EXAMPLE}'`] });
  if (url.host === '') throw wrong('it names no host');
  if (!/^[0-9]{0,4}$/.test(url.path)) throw wrong('behind the host comes the number of the database, or nothing');
  if (url.user !== undefined && url.password === undefined) throw wrong('it has a user and no password');
  const ca = url.parameters.get('cacert');
  const port = url.port ?? 6379;
  const database = Number(url.path);
  return {
    where: `Redis database ${database} at ${hostAndPort(url.host, port)}`,
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
  return ['the connection to Redis is not encrypted (redis:// and not rediss://): its password can be read on the way'];
}
