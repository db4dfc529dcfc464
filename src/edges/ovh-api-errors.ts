import { z } from 'zod';
import { InfraError, InputError, messageOf } from '../errors.js';
import { errorCode } from './files.js';
import { isNetworkCode, isTlsCode } from './network-errors.js';
import { type OvhEndpoint, type OvhRight, tokenLink } from './ovh-rights.js';
import { say, toDo } from './words.js';

/** OVH's API refused, or did not answer. `code` is OVH's ("NOT_GRANTED_CALL"), Node's ("ECONNRESET") or the HTTP status. */
export class OvhApiError extends InfraError {
  override readonly name = 'OvhApiError';

  constructor(
    message: string,
    readonly code: string,
    readonly status: number | undefined,
    hints: readonly string[],
    cause?: unknown,
  ) {
    super(message, cause === undefined ? { hints } : { hints, cause });
  }
}

export interface OvhPlace {
  endpoint: OvhEndpoint;
  /** What the token is wanted for. */
  rights: readonly OvhRight[];
}

/** What came back instead of an answer. */
export interface OvhRefusal {
  status: number;
  code: string;
  /** OVH's own words, cleaned. */
  message: string;
  /** Names the request to OVH's support. */
  queryId: string | undefined;
  /** Of a call that was not granted: what the token lacks, where OVH told. */
  missing?: readonly OvhRight[] | undefined;
}

const errorBody = z.object({ message: z.string().max(10_000).optional(), errorCode: z.string().max(100).optional(), class: z.string().max(200).optional() });

/** Newer parts of the API give a sentence and no code. */
const SENTENCES: readonly (readonly [RegExp, string])[] = [
  [/call has not been granted/i, 'NOT_GRANTED_CALL'],
  [/application key is invalid/i, 'INVALID_KEY'],
  [/credential (is not valid|does not exist)/i, 'INVALID_CREDENTIAL'],
  [/must (login|be authenticated) first|you must login/i, 'NOT_CREDENTIAL'],
  [/invalid signature/i, 'INVALID_SIGNATURE'],
  [/query (time ?out|(is )?out of time)/i, 'QUERY_TIME_OUT'],
];

/** Reads an error answer. All of it is foreign text: `clean` takes out what may be secret or drive a terminal. */
export function refusalOf(status: number, body: unknown, queryId: string | undefined, clean: (text: string) => string): OvhRefusal {
  const read = errorBody.safeParse(body);
  const said = read.success ? read.data : {};
  const message = clean(said.message ?? '');
  const known = SENTENCES.find(([pattern]) => pattern.test(message))?.[1];
  const own = said.errorCode !== undefined && /^[A-Z_]{3,60}$/.test(said.errorCode) ? said.errorCode : undefined;
  return { status, code: own ?? known ?? String(status), message, queryId: queryId !== undefined && /^[\w.:-]{1,100}$/.test(queryId) ? queryId : undefined };
}

/** Worth another try: OVH is busy or broken for a moment. */
export function isTransient({ status }: Pick<OvhRefusal, 'status'>): boolean {
  return status === 429 || (status >= 500 && status !== 501);
}

/** The error for people when OVH refused; `doing` completes "could not …". */
export function translateRefusal(refusal: OvhRefusal, doing: string, place: OvhPlace): OvhApiError {
  const [why, ...hints] = explainRefusal(refusal, place);
  const id = refusal.queryId === undefined ? '' : say('ovh.queryId', { id: refusal.queryId });
  return new OvhApiError(`${say('ovh.failed', { doing: toDo(doing), why })}${id}`, refusal.code, refusal.status, hints);
}

const listOf = (rights: readonly OvhRight[]) => rights.map(({ method, path }) => `${method} ${path}`).join(', ');

function explainRefusal({ status, code, message, missing }: OvhRefusal, { endpoint, rights }: OvhPlace): [string, ...string[]] {
  const newToken = say('ovh.newToken', { link: tokenLink(endpoint, rights) });
  switch (code) {
    case 'NOT_GRANTED_CALL':
      return missing === undefined || missing.length === 0
        ? [say('ovh.notGranted', { rights: listOf(rights) }), newToken]
        : [say('ovh.lacksRights', { rights: listOf(missing) }), newToken];
    case 'INVALID_KEY':
      return [say('ovh.unknownKey', { endpoint: endpoint.name }), say('ovh.checkKey'), newToken];
    case 'INVALID_CREDENTIAL':
    case 'NOT_CREDENTIAL':
      return [say('ovh.invalidCredential'), newToken];
    case 'INVALID_SIGNATURE':
      return [say('ovh.invalidSignature'), say('ovh.secretAgain'), newToken];
    case 'QUERY_TIME_OUT':
      return [say('ovh.wrongTime'), say('ovh.lookAtClock'), say('ovh.setClock')];
    default:
      break;
  }
  const words = message === '' ? `HTTP ${status}` : `${message} (HTTP ${status})`;
  if (status === 429) return [say('ovh.tooMany', { words }), say('ovh.waitMinutes')];
  if (status >= 500) return [say('ovh.ownProblem', { words }), say('ovh.later'), 'https://network.status-ovhcloud.com'];
  if (status >= 300 && status < 400) return [say('ovh.redirect', { url: endpoint.url, status: String(status) }), `curl -sS ${endpoint.url}/auth/time`];
  if (status === 404) return [say('ovh.notFound', { words })];
  return [words];
}

/** The error for people when no answer came. */
export function translateFailure(error: unknown, doing: string, { endpoint }: OvhPlace): InfraError {
  if (error instanceof InfraError) return error;
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  const [why, ...hints] = explainFailure(code, endpoint);
  const cause = new Error(messageOf(error).replace(/\p{Cc}+/gu, ' ').slice(0, 300));
  cause.name = code;
  return new OvhApiError(say('ovh.failed', { doing: toDo(doing), why }), code, undefined, hints, cause);
}

function explainFailure(code: string, { url }: OvhEndpoint): [string, ...string[]] {
  const look = say('ovh.tryIt', { url });
  if (isTlsCode(code)) return [say('ovh.tls', { url, code }), say('clock.check'), say('ovh.proxy'), look];
  if (code === 'TooLarge' || code === 'NotJson') return [say('ovh.notTheApi', { url }), say('ovh.portal'), look];
  if (code === 'ENOTFOUND') return [say('ovh.noSuchName', { url }), say('ovh.checkDns'), look];
  return [say('ovh.noAnswer', { url, code }), say('ovh.checkNetwork'), look];
}

/** The network failed in a way that another try may mend. */
export function isTransientFailure(error: unknown): boolean {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : '');
  return isNetworkCode(code);
}

/** The credentials cannot be right, whatever OVH says of them. */
export function wrongCredential(which: string, place: OvhPlace): InputError {
  return new InputError(say('ovh.wrongCredential', { which }), { hints: [say('ovh.makeToken', { link: tokenLink(place.endpoint, place.rights) })] });
}
