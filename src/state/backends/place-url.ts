import { InputError } from '../../errors.js';
import { Secret } from '../../secret.js';
import { say } from './words.js';

/** The parts of `scheme://user:password@host:port/path?parameter=value`, decoded. */
export interface PlaceUrl {
  user: string | undefined;
  password: Secret | undefined;
  /** A name or an address, IPv6 without brackets; empty where the URL has none. */
  host: string;
  port: number | undefined;
  /** Without the first slash. */
  path: string;
  parameters: ReadonlyMap<string, string>;
}

const HOST = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,252}[A-Za-z0-9])?$/;
const IPV6 = /^\[([0-9A-Fa-f:.]{2,45})\]$/;

/**
 * Reads a URL strictly: a parameter that is not among those known, or comes twice, is an error. No message quotes what may be
 * a piece of a password, which a forgotten %-escape can move to any place of the URL; for the same reason the URL class,
 * whose errors quote their input, is not used. `example` is a right one.
 */
export function parsePlace(text: string, example: string, known: readonly string[]): PlaceUrl {
  const wrong = (why: string) => new InputError(say('url.wrong', { why }), { hints: [say('url.example', { example }), say('url.escapes')] });
  const parts = /^[a-z0-9]+:\/\/([^/?#]*)(\/[^?#]*)?(?:\?([^#]*))?$/.exec(text);
  if (!parts || !/^[\x21-\x7e]*$/.test(text)) throw wrong(say('url.form'));
  const [, authority = '', path = '', query = ''] = parts;
  if (`${path}${query}`.includes('@')) throw wrong(say('url.at'));
  const decode = (encoded: string, what: string) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      throw wrong(say('url.percent', { what }));
    }
  };
  const at = authority.lastIndexOf('@');
  const [user = '', ...password] = at < 0 ? [] : authority.slice(0, at).split(':');
  const address = /^(.*?)(?::([0-9]{1,5}))?$/.exec(authority.slice(at + 1));
  const [, name = '', digits] = address ?? [];
  const host = IPV6.exec(name)?.[1] ?? name;
  if (host === name && name !== '' && !HOST.test(name)) throw wrong(say('url.host'));
  const port = digits === undefined ? undefined : Number(digits);
  if (port !== undefined && (port < 1 || port > 65_535)) throw wrong(say('url.port'));
  return {
    user: user === '' ? undefined : decode(user, say('url.user')),
    password: password.length === 0 ? undefined : new Secret(decode(password.join(':'), say('url.password'))),
    host,
    port,
    path: decode(path.slice(1), say('url.path')),
    parameters: parseParameters(query, known, decode, wrong),
  };
}

function parseParameters(
  query: string,
  known: readonly string[],
  decode: (encoded: string, what: string) => string,
  wrong: (why: string) => InputError,
): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query === '' ? [] : query.split('&')) {
    const [, name = '', value = ''] = /^([^=]*)=(.*)$/.exec(pair) ?? [];
    if (!known.includes(name)) {
      const named = /^[a-z_]{1,40}$/i.test(name) ? ` "${name}"` : '';
      throw wrong(say('url.unknown', { named, known: known.length === 0 ? say('url.none') : known.join(', ') }));
    }
    if (parameters.has(name)) throw wrong(say('url.twice', { name }));
    if (value === '') throw wrong(say('url.empty', { name }));
    parameters.set(name, decode(value, say('url.parameter', { name })));
  }
  return parameters;
}

/** Whether what is sent to this host stays on this computer. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(host);
}

/** `host:port` for messages. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
