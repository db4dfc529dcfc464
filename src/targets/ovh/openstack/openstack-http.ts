import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { BodyTooLarge, jsonOf, readBody } from '../../../edges/http-body.js';
import type { Secret } from '../../../secret.js';
import { mayCarryPasswords } from '../openrc/openrc.js';
import { failureCode, isTransientCode, isTransientStatus, noAnswer, notUnderstood, OpenStackFailed, type Place, refused, type ServiceName } from './openstack-failed.js';
import { say } from '../words.js';

export interface Timing {
  /** Of one request from its beginning to the end of its answer, in ms. */
  requestMs?: number;
  /** Pauses between tries, in ms; their number is the number of further tries. */
  pausesMs?: readonly number[];
  /** Of a request with all its tries and pauses, in ms. */
  totalMs?: number;
  /** Between two looks at something that takes its time, in ms. */
  pollMs?: number;
  /** How long a server may take to be off, or on, in seconds. */
  powerSeconds?: number;
  /** Ends every wait when it fires. */
  signal?: AbortSignal;
}

export interface ApiRequest {
  service: ServiceName;
  method: 'GET' | 'POST';
  url: URL;
  token?: Secret;
  body?: object;
  /** The answer has no body. */
  empty?: boolean;
  /** What must not appear in an error, besides the token. */
  hide?: readonly Secret[];
}

export interface ApiAnswer {
  status: number;
  headers: Headers;
  body: unknown;
  /** How far this computer's clock is ahead of the server's, in seconds; undefined where the server does not say. */
  clockAhead: number | undefined;
}

const REQUEST_MS = 15_000;
const TOTAL_MS = 60_000;
const PAUSES_MS = [500, 1500, 4000];
const MAX_RETRY_AFTER_MS = 10_000;
/** A catalog of forty regions has some 200 KiB, 500 flavors about 1 MiB. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

const errorSchema = z.record(z.string().max(100), z.object({ message: z.string().max(10_000) }));

/**
 * Sends one request and returns an answer with a status below 300. Redirects are not followed: the token would go with them.
 * Tried again after broken connections, 429 and 5xx: all requests sent here only read, or, as a login or the
 * switching off of a server, leave nothing behind that a second one would harm. Throws OpenStackFailed.
 */
export async function send(request: ApiRequest, timing: Timing = {}): Promise<ApiAnswer> {
  const place: Place = { service: request.service, origin: request.url.origin };
  if (!mayCarryPasswords(request.url)) throw new OpenStackFailed(say('api.notHttps', { service: place.service, host: request.url.hostname }), [say('api.checkAddress', {})]);
  const pauses = timing.pausesMs ?? PAUSES_MS;
  const end = Date.now() + (timing.totalMs ?? TOTAL_MS);
  for (let tries = 0; ; tries += 1) {
    const pause = pauses[tries];
    const left = end - Date.now();
    let wait: number;
    try {
      const answer = await once(request, place, Math.max(1, Math.min(timing.requestMs ?? REQUEST_MS, left)), timing.signal);
      if (answer.status < 300) return answer;
      wait = Math.max(pause ?? 0, retryAfter(answer.headers));
      if (pause === undefined || !isTransientStatus(answer.status) || wait >= left) throw refused(answer.status, ownWords(answer.body, request), place);
    } catch (error) {
      timing.signal?.throwIfAborted();
      wait = pause ?? 0;
      if (error instanceof OpenStackFailed || pause === undefined || !isTransientCode(failureCode(error)) || wait >= left) throw noAnswer(error, place);
    }
    await sleep(wait * (0.75 + Math.random() / 4), undefined, timing.signal === undefined ? {} : { signal: timing.signal });
  }
}

async function once(request: ApiRequest, place: Place, limit: number, signal: AbortSignal | undefined): Promise<ApiAnswer> {
  const timeout = AbortSignal.timeout(limit);
  const began = Date.now();
  const response = await fetch(request.url, {
    method: request.method,
    redirect: 'manual',
    headers: {
      Accept: 'application/json',
      ...(request.token === undefined ? {} : { 'X-Auth-Token': request.token.reveal() }),
      ...(request.body === undefined ? {} : { 'Content-Type': 'application/json' }),
    },
    ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
    signal: signal === undefined ? timeout : AbortSignal.any([timeout, signal]),
  });
  const clockAhead = ahead(response.headers.get('date'), began, Date.now());
  const text = await bounded(response, place);
  const body = jsonOf(text);
  if (response.status < 300 && body === undefined && request.empty !== true) throw notUnderstood(place);
  return { status: response.status, headers: response.headers, body, clockAhead };
}

/** Of a Date header, which counts whole seconds, against the middle of the request. */
function ahead(date: string | null, began: number, ended: number): number | undefined {
  const theirs = date === null ? NaN : Date.parse(date);
  return Number.isNaN(theirs) ? undefined : Math.round(((began + ended) / 2 - theirs - 500) / 1000);
}

async function bounded(response: Response, place: Place): Promise<string> {
  try {
    return await readBody((response.body as AsyncIterable<Uint8Array> | null) ?? [], MAX_ANSWER_BYTES);
  } catch (error) {
    if (!(error instanceof BodyTooLarge)) throw error;
    throw new OpenStackFailed(say('api.tooLarge', { service: place.service, host: new URL(place.origin).hostname }), [say('api.checkAddress', {})]);
  }
}

function retryAfter(headers: Headers): number {
  const seconds = Number(headers.get('retry-after') ?? 0);
  return Number.isFinite(seconds) ? Math.min(Math.max(seconds * 1000, 0), MAX_RETRY_AFTER_MS) : 0;
}

/** The service's own words, cut short, without what may be a token or a password: what answers may be hostile. */
function ownWords(body: unknown, { token, hide = [] }: ApiRequest): string {
  const found = errorSchema.safeParse(body);
  let words = found.success ? (Object.values(found.data)[0]?.message ?? '') : '';
  for (const secret of [...(token === undefined ? [] : [token]), ...hide]) words = words.replaceAll(secret.reveal(), '…');
  return words
    .replace(/[A-Za-z0-9+/_=-]{40,}/g, '…')
    .replace(/[\p{C}\s]+/gu, ' ')
    .trim()
    .slice(0, 200);
}
