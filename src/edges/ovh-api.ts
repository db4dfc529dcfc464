import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { jsonOf, readBody } from './http-body.js';
import { messageOf } from '../errors.js';
import type { Secret } from '../secret.js';
import { isTransient, isTransientFailure, OvhApiError, type OvhPlace, refusalOf, translateFailure, translateRefusal, wrongCredential } from './ovh-api-errors.js';
import { missingRights, type OvhEndpoint, type OvhRight } from './ovh-rights.js';
import { ovhSignature } from './ovh-signature.js';
import { say, toDo } from './words.js';

export interface OvhCredentials {
  applicationKey: string;
  applicationSecret: Secret;
  consumerKey: Secret;
}

export interface OvhApiOptions {
  endpoint: OvhEndpoint;
  credentials: OvhCredentials;
  /** What the token is wanted for: errors name these rights, and the page that makes a token with them. */
  rights: readonly OvhRight[];
  /** Pauses between tries of what may be done twice, in ms; their number is that of further tries. */
  pauses?: readonly number[];
  /** Of one request from its beginning to the end of its answer, in ms. */
  limit?: number;
}

interface Call {
  method: OvhRight['method'];
  /** Below the endpoint's address, with the query, encoded. */
  path: string;
  body?: object;
  /** A POST that may be done twice. All other methods may. */
  repeatable?: boolean;
}

interface Answer {
  status: number;
  body: unknown;
  queryId: string | undefined;
}

const LIMIT_MS = 20_000;
const PAUSES_MS = [500, 2000, 5000];
const MAX_ANSWER_BYTES = 1024 * 1024;
/** What OVH gives out is 16 or 32 letters and digits. Nothing else gets into a header. */
const KEY = /^[A-Za-z0-9]{8,128}$/;

const serverTime = z.number().int().min(1_000_000_000).max(100_000_000_000);
const credentialAnswer = z.object({
  status: z.string().max(50).optional(),
  expiration: z.string().max(100).nullish(),
  rules: z.array(z.object({ method: z.string().max(20), path: z.string().max(1000) })).max(5000),
});

/** What OVH says of the token itself. */
export interface OvhToken {
  missing: OvhRight[];
  /** Undefined for a token without an end. */
  expires: Date | undefined;
}

/**
 * OVH's API: signed requests, each with a time limit; tried again where that cannot do anything twice; answers checked,
 * failures translated. Redirects are not followed: a signature would go along.
 */
export class OvhApi {
  readonly #place: OvhPlace;
  #ahead: Promise<number> | undefined;

  constructor(private readonly options: OvhApiOptions) {
    this.#place = { endpoint: options.endpoint, rights: options.rights };
    const { applicationKey, applicationSecret, consumerKey } = options.credentials;
    if (!KEY.test(applicationKey)) throw wrongCredential(say('ovh.applicationKey'), this.#place);
    if (!KEY.test(applicationSecret.reveal())) throw wrongCredential(say('ovh.applicationSecret'), this.#place);
    if (!KEY.test(consumerKey.reveal())) throw wrongCredential(say('ovh.consumerKey'), this.#place);
  }

  /** The answer, checked; `doing` completes "could not …". Throws OvhApiError. */
  async ask<T>(doing: string, call: Call, schema: z.ZodType<T>): Promise<T> {
    const answer = await this.#accepted(doing, call);
    const read = schema.safeParse(answer.body);
    if (read.success) return read.data;
    // Paths and codes only: an answer may hold anything.
    const wrong = read.error.issues.slice(0, 5).map(({ path, code }) => `${path.map(String).join('.') || say('ovh.allOfIt')}: ${code}`);
    throw new OvhApiError(say('ovh.failed', { doing: toDo(doing), why: say('ovh.unexpected', { wrong: wrong.join('; ') }) }), 'UnexpectedAnswer', answer.status, []);
  }

  /** For what answers nothing of interest. */
  async tell(doing: string, call: Call): Promise<void> {
    await this.#accepted(doing, call);
  }

  /** What the token may do, and until when. Throws OvhApiError where it is not valid at all. */
  async token(): Promise<OvhToken> {
    const { rules, expiration } = await this.ask(say('ovh.lookAtToken'), { method: 'GET', path: '/auth/currentCredential' }, credentialAnswer);
    const end = expiration ? new Date(expiration) : undefined;
    return { missing: missingRights(rules, this.options.rights), expires: end && !Number.isNaN(end.getTime()) ? end : undefined };
  }

  /** Seconds that OVH's clock is ahead of this computer's (negative: behind). Asked once. */
  async clockAhead(): Promise<number> {
    this.#ahead ??= this.#askTime();
    try {
      return await this.#ahead;
    } catch (error) {
      this.#ahead = undefined;
      throw error;
    }
  }

  async #askTime(): Promise<number> {
    const doing = say('ovh.readTime');
    const { body } = await this.#tried(doing, true, () => this.#send({ method: 'GET', path: '/auth/time' }, {}));
    const read = serverTime.safeParse(body);
    if (!read.success) throw translateFailure(Object.assign(new Error('no time'), { code: 'NotJson' }), doing, this.#place);
    return read.data - seconds();
  }

  async #accepted(doing: string, call: Call): Promise<Answer> {
    const ahead = await this.clockAhead();
    const again = call.method !== 'POST' || call.repeatable === true;
    return this.#tried(doing, again, () => this.#send(call, this.#signed(call, seconds() + ahead)));
  }

  /** Sends until it is answered: what may not be done twice, once. */
  async #tried(doing: string, again: boolean, send: () => Promise<Answer>): Promise<Answer> {
    const pauses = again ? [...(this.options.pauses ?? PAUSES_MS)] : [];
    for (;;) {
      const pause = pauses.shift();
      let answer: Answer;
      try {
        answer = await send();
      } catch (error) {
        if (pause === undefined || !isTransientFailure(error)) throw translateFailure(error, doing, this.#place);
        await sleep(pause);
        continue;
      }
      if (answer.status >= 200 && answer.status < 300) return answer;
      const refusal = refusalOf(answer.status, answer.body, answer.queryId, (text) => this.#clean(text));
      if (pause === undefined || !isTransient(refusal)) {
        if (refusal.code === 'NOT_GRANTED_CALL') refusal.missing = await this.#missing();
        throw translateRefusal(refusal, doing, this.#place);
      }
      await sleep(pause);
    }
  }

  /** What a refused token lacks; undefined where OVH does not tell. */
  async #missing(): Promise<OvhRight[] | undefined> {
    const call: Call = { method: 'GET', path: '/auth/currentCredential' };
    try {
      const { status, body } = await this.#send(call, this.#signed(call, seconds() + (await this.clockAhead())));
      const read = credentialAnswer.safeParse(status === 200 ? body : undefined);
      return read.success ? missingRights(read.data.rules, this.options.rights) : undefined;
    } catch {
      return undefined;
    }
  }

  #signed({ method, path, body }: Call, timestamp: number): Record<string, string> {
    const { applicationKey, applicationSecret, consumerKey } = this.options.credentials;
    const url = `${this.options.endpoint.url}${path}`;
    return {
      'X-Ovh-Application': applicationKey,
      'X-Ovh-Consumer': consumerKey.reveal(),
      'X-Ovh-Timestamp': String(timestamp),
      'X-Ovh-Signature': ovhSignature(applicationSecret, consumerKey, { method, url, body: body === undefined ? '' : JSON.stringify(body), timestamp }),
    };
  }

  async #send({ method, path, body }: Call, headers: Record<string, string>): Promise<Answer> {
    const url = `${this.options.endpoint.url}${path}`;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const signal = AbortSignal.timeout(this.options.limit ?? LIMIT_MS);
    const options = {
      method,
      headers: {
        Accept: 'application/json',
        'User-Agent': 'koprogo-infra',
        ...headers,
        ...(text === undefined ? {} : { 'Content-Type': 'application/json; charset=utf-8', 'Content-Length': Buffer.byteLength(text) }),
      },
      signal,
      agent: false as const,
    };
    return new Promise((resolve, reject) => {
      const failed = (error: unknown): void => {
        // The signal gives AbortError; what it means is said by its reason.
        reject(signal.aborted ? (signal.reason as Error) : error instanceof Error ? error : new Error(messageOf(error)));
      };
      const request = (url.startsWith('https:') ? httpsRequest : httpRequest)(url, options, (response) => {
        readAnswer(response).then(resolve, (error: unknown) => {
          response.destroy();
          failed(error);
        });
      });
      request.on('error', failed);
      request.end(text);
    });
  }

  /** Nothing of ours that is secret, nothing that drives a terminal, and not much. */
  #clean(text: string): string {
    const { applicationSecret, consumerKey } = this.options.credentials;
    return text.replaceAll(applicationSecret.reveal(), '…').replaceAll(consumerKey.reveal(), '…').replace(/[\p{C}\s]+/gu, ' ').trim().slice(0, 300);
  }
}

const seconds = () => Math.floor(Date.now() / 1000);

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const text = await readBody(response as AsyncIterable<Buffer>, MAX_ANSWER_BYTES);
  const status = response.statusCode ?? 0;
  const id = response.headers['x-ovh-queryid'];
  return { status, body: parseAnswer(text, status), queryId: typeof id === 'string' ? id : undefined };
}

/** OVH answers some calls with nothing at all. An error may come from a proxy, in HTML. */
function parseAnswer(text: string, status: number): unknown {
  if (text === '') return null;
  const body = jsonOf(text);
  if (body === undefined && status >= 200 && status < 300) throw Object.assign(new Error('the answer is not JSON'), { code: 'NotJson' });
  return body;
}
