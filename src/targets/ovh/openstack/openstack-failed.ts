import { InfraError } from '../../../errors.js';
import { errorCode } from '../../../edges/files.js';
import { isNetworkCode, isTlsCode } from '../../../edges/network-errors.js';
import { inWords, say, type Said, type WordId } from '../words.js';

/** The services of OpenStack that a server with volumes needs, by the names used here. */
export type ServiceName = 'identity' | 'compute' | 'volume' | 'network' | 'image';

/** OpenStack refused, or did not answer. `said` and `fix` are for whoever speaks another language. */
export class OpenStackFailed extends InfraError {
  readonly said: Said;
  readonly fix: readonly Said[];
  /** The HTTP status, undefined where no answer came. */
  readonly status: number | undefined;

  constructor(said: Said, fix: readonly Said[], options: { status?: number; cause?: unknown } = {}) {
    super(inWords(said, 'en'), { hints: fix.map((one) => inWords(one, 'en')), ...(options.cause === undefined ? {} : { cause: options.cause }) });
    this.said = said;
    this.fix = fix;
    this.status = options.status;
  }
}

export interface Place {
  service: ServiceName;
  /** "https://compute.gra9.cloud.ovh.net": of the address no more, because its path may be long and its owner hostile. */
  origin: string;
}

/** The code of what `fetch` threw: its own errors are all "fetch failed", with the reason in their cause. */
export function failureCode(error: unknown): string {
  for (let one: unknown = error, depth = 0; depth < 5 && one instanceof Error; one = one.cause, depth += 1) {
    const inner = one instanceof AggregateError ? (one.errors as unknown[])[0] : undefined;
    const code = errorCode(one) ?? (inner === undefined ? undefined : errorCode(inner));
    if (code !== undefined && code !== '') return code;
    if (one.name === 'TimeoutError' || one.name === 'AbortError') return one.name;
  }
  return 'unknown';
}

/** Another try may help. */
export function isTransientCode(code: string): boolean {
  return isNetworkCode(code) || /^UND_ERR_(SOCKET|CONNECT_TIMEOUT|HEADERS_TIMEOUT|BODY_TIMEOUT)$/.test(code);
}

export function isTransientStatus(status: number): boolean {
  return [429, 500, 502, 503, 504].includes(status);
}

/** The error for people when no answer came, or one that cannot be read. */
export function noAnswer(error: unknown, { service, origin }: Place): OpenStackFailed {
  if (error instanceof OpenStackFailed) return error;
  const code = failureCode(error);
  const { hostname } = new URL(origin);
  // The cause keeps its code only: what undici says may quote headers.
  const options = { cause: new Error(code) };
  if (code === 'ENOTFOUND') return new OpenStackFailed(say('api.noSuchName', { service, host: hostname }), [say('api.checkAddress', {}), say('api.checkNetwork', {})], options);
  if (isTlsCode(code)) return new OpenStackFailed(say('api.tls', { service, host: hostname, code }), [say('api.checkClock', {}), say('api.checkAddress', {})], options);
  if (code === 'TimeoutError' || code.endsWith('_TIMEOUT')) return new OpenStackFailed(say('api.timeout', { service, host: hostname }), [say('api.checkNetwork', {}), say('api.later', {})], options);
  return new OpenStackFailed(say('api.noAnswer', { service, host: hostname, code }), [say('api.checkNetwork', {}), say('api.later', {})], options);
}

/** The error for people when the service answered with a status that means failure. `words` are its own, already cleaned. */
export function refused(status: number, words: string, { service, origin }: Place): OpenStackFailed {
  const { hostname: host } = new URL(origin);
  const because = (id: WordId & `api.${string}`, fix: readonly Said[]) => new OpenStackFailed({ id, with: { service, host, status, words } }, fix, { status });
  if (status >= 300 && status < 400) return because('api.redirect', [say('api.checkAddress', {})]);
  if (status === 401) return because('api.unauthorized', [say('api.loginAgain', {})]);
  if (status === 403) return because('api.forbidden', [say('roles.fix', {})]);
  if (status === 404) return because('api.notFound', [say('api.checkAddress', {})]);
  if (status === 413 || status === 429) return because('api.tooMany', [say('api.later', {})]);
  if (status >= 500) return because('api.unavailable', [say('api.statusPage', {}), say('api.later', {})]);
  return because('api.refused', [say('api.checkAddress', {})]);
}

/** What answers is no OpenStack service, or not one that is known here. */
export function notUnderstood({ service, origin }: Place, cause?: unknown): OpenStackFailed {
  return new OpenStackFailed(say('api.notUnderstood', { service, host: new URL(origin).hostname }), [say('api.checkAddress', {})], { cause });
}
