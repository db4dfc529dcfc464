import { z } from 'zod';
import { InfraError, InputError, messageOf } from '../errors.js';
import { errorCode } from './files.js';
import { isNetworkCode, isTlsCode } from './network-errors.js';
import { type OvhEndpoint, type OvhRight, tokenLink } from './ovh-rights.js';

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
  const id = refusal.queryId === undefined ? '' : ` (OVH's number of this request: ${refusal.queryId})`;
  return new OvhApiError(`could not ${doing} with the OVH API: ${why}${id}`, refusal.code, refusal.status, hints);
}

const listOf = (rights: readonly OvhRight[]) => rights.map(({ method, path }) => `${method} ${path}`).join(', ');

function explainRefusal({ status, code, message, missing }: OvhRefusal, { endpoint, rights }: OvhPlace): [string, ...string[]] {
  const newToken = `make a token with exactly these rights: ${tokenLink(endpoint, rights)}`;
  switch (code) {
    case 'NOT_GRANTED_CALL':
      return missing === undefined || missing.length === 0
        ? [`the token may not do this (it needs ${listOf(rights)})`, newToken]
        : [`the token lacks rights: ${listOf(missing)}`, newToken];
    case 'INVALID_KEY':
      return [`the application key is not known at ${endpoint.name}`, 'check that the key is whole, and that the account is one of this part of the world (ovh-eu, ovh-ca, ovh-us)', newToken];
    case 'INVALID_CREDENTIAL':
    case 'NOT_CREDENTIAL':
      return ['the consumer key is not valid: it has expired, was withdrawn, never confirmed, or belongs to another application key', newToken];
    case 'INVALID_SIGNATURE':
      return ['the signature does not match: the application secret does not belong to the application key, or is not whole', 'enter the application secret again', newToken];
    case 'QUERY_TIME_OUT':
      return ["the request's time is too far from OVH's", 'look at the clock: date -u', 'set it: timedatectl set-ntp true'];
    default:
      break;
  }
  const words = message === '' ? `HTTP ${status}` : `${message} (HTTP ${status})`;
  if (status === 429) return [`OVH asks for patience: too many requests (${words})`, 'wait a few minutes, then type the same command again'];
  if (status >= 500) return [`OVH has a problem of its own (${words})`, 'type the same command again later', 'https://network.status-ovhcloud.com'];
  if (status >= 300 && status < 400) return [`what answers at ${endpoint.url} points elsewhere (HTTP ${status}), which is not followed`, `curl -sS ${endpoint.url}/auth/time`];
  if (status === 404) return [`there is no such thing in this account: ${words}`];
  return [words];
}

/** The error for people when no answer came. */
export function translateFailure(error: unknown, doing: string, { endpoint }: OvhPlace): InfraError {
  if (error instanceof InfraError) return error;
  const code = errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
  const [why, ...hints] = explainFailure(code, endpoint);
  const cause = new Error(messageOf(error).replace(/\p{Cc}+/gu, ' ').slice(0, 300));
  cause.name = code;
  return new OvhApiError(`could not ${doing} with the OVH API: ${why}`, code, undefined, hints, cause);
}

function explainFailure(code: string, { url }: OvhEndpoint): [string, ...string[]] {
  const look = `try it: curl -sS ${url}/auth/time`;
  if (isTlsCode(code)) return [`no trusted TLS connection to ${url} (${code})`, 'check the clock: date -u', 'is there a proxy that opens connections?', look];
  if (code === 'TooLarge' || code === 'NotJson') return [`what answers at ${url} does not speak as OVH's API does`, 'is there a proxy, or a page to log in to this network?', look];
  if (code === 'ENOTFOUND') return [`the name in ${url} is not found`, 'check the network and its DNS', look];
  return [`${url} does not answer (${code})`, 'check the network and the firewall', look];
}

/** The network failed in a way that another try may mend. */
export function isTransientFailure(error: unknown): boolean {
  const code = errorCode(error) ?? (error instanceof Error ? error.name : '');
  return isNetworkCode(code);
}

/** The credentials cannot be right, whatever OVH says of them. */
export function wrongCredential(which: string, place: OvhPlace): InputError {
  return new InputError(`the ${which} of the OVH API is not one: letters and digits only, without blanks`, { hints: [`make a token: ${tokenLink(place.endpoint, place.rights)}`] });
}
