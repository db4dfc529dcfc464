import { open } from 'node:fs/promises';
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { jsonOf, readBody } from '../../edges/http-body.js';
import { InputError, messageOf } from '../../errors.js';
import type { Secret } from '../../secret.js';
import { KeyServiceFailed } from '../provider.js';
import { readSecret } from './secret-source.js';
import { token as tokenSchema } from './setting-values.js';
import type { VaultSettings } from './settings.js';
import { isTransient, translateFailure, translateRefusal, type VaultPlace, type VaultRefusal } from './vault-errors.js';
import { say } from './words.js';

export interface VaultTiming {
  /** Pauses between tries, in ms; their number is the number of further tries. */
  pauses?: readonly number[];
  /** Of one request from its beginning to the end of the answer, in ms. */
  limit?: number;
}

interface Answer {
  status: number;
  body: unknown;
  location: string | undefined;
}

interface RequestOptions {
  body?: object;
  /** For what must not be done twice. */
  once?: boolean;
}

const REQUEST_TIMEOUT_MS = 10_000;
const PAUSES_MS = [250, 1000, 3000];
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_CA_BYTES = 1024 * 1024;

const errorsSchema = z.object({ errors: z.array(z.string().max(4000)).max(50) });

/** Sends requests to Vault's HTTP API: each with a time limit, again where that helps, failures translated; redirects are not followed. */
export class VaultConnection {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 4 });
  #ca: Promise<Buffer | undefined> | undefined;

  constructor(
    readonly place: VaultPlace,
    private readonly settings: VaultSettings,
    private readonly timing: VaultTiming = {},
  ) {}

  /** The answer's `data`, checked; `doing` completes "could not …". `path` is below /v1/. */
  async ask<T>(doing: string, method: 'GET' | 'POST', path: string, schema: z.ZodType<T>, options: RequestOptions = {}): Promise<T> {
    const { body } = await this.#accepted(doing, method, path, options);
    const result = z.object({ data: schema }).safeParse(body);
    if (result.success) return result.data.data;
    throw new KeyServiceFailed(say('vault.speaks', { doing, where: this.place.where, address: this.place.address }), {
      transient: false,
      hints: [say('vault.checkMount')],
    });
  }

  /** For what answers nothing of interest, or nothing at all. */
  async tell(doing: string, path: string, options: RequestOptions = {}): Promise<void> {
    await this.#accepted(doing, 'POST', path, options);
  }

  async #accepted(doing: string, method: string, path: string, options: RequestOptions): Promise<Answer> {
    const pauses = options.once === true ? [] : (this.timing.pauses ?? PAUSES_MS);
    for (const pause of [...pauses, undefined]) {
      const token = await this.#token();
      let answer: Answer;
      try {
        answer = await this.#send(method, path, token, options);
      } catch (error) {
        const failure = translateFailure(error, doing, this.place);
        if (pause === undefined || !(failure instanceof KeyServiceFailed) || !failure.transient) throw failure;
        await sleep(pause * (0.75 + Math.random() / 2));
        continue;
      }
      if (answer.status === 200 || answer.status === 204) return answer;
      const refusal = refusalOf(answer, token);
      if (pause === undefined || !isTransient(refusal)) throw translateRefusal(await this.#withTokenState(refusal, token), doing, this.place);
      await sleep(pause * (0.75 + Math.random() / 2));
    }
    throw new KeyServiceFailed(say('failed', { doing, where: this.place.where }), { transient: true });
  }

  /** Vault says "permission denied" of a denied token and, in older versions, of an unknown one alike: the token itself is asked about. */
  async #withTokenState(refusal: VaultRefusal, token: Secret): Promise<VaultRefusal> {
    if (refusal.status !== 403 || refusal.errors === undefined) return refusal;
    if (refusal.errors.some((error) => error.includes('invalid token'))) return { ...refusal, tokenIsValid: false };
    try {
      const { status } = await this.#send('GET', 'auth/token/lookup-self', token, {});
      return { ...refusal, tokenIsValid: status === 200 ? true : status === 403 ? false : undefined };
    } catch {
      return refusal;
    }
  }

  async #token(): Promise<Secret> {
    const token = await readSecret(this.settings.token, 'VAULT_TOKEN');
    if (!tokenSchema.safeParse(token.reveal()).success) throw new InputError(say('vault.token'), { hints: ['vault print token > FILE'] });
    return token;
  }

  async #send(method: string, path: string, token: Secret, { body, once }: RequestOptions): Promise<Answer> {
    const { address, namespace, verifyTls } = this.settings;
    const url = new URL(`${address}/v1/${path}`);
    const text = body === undefined ? undefined : JSON.stringify(body);
    const ca = await (this.#ca ??= readCa(this.settings.caFile));
    const secure = url.protocol === 'https:';
    const options = {
      method,
      headers: {
        'X-Vault-Request': 'true',
        'X-Vault-Token': token.reveal(),
        ...(namespace === undefined ? {} : { 'X-Vault-Namespace': namespace }),
        ...(text === undefined ? {} : { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }),
      },
      signal: AbortSignal.timeout(this.timing.limit ?? REQUEST_TIMEOUT_MS),
      // A connection that was kept may be dead already: what is sent once gets a new one.
      ...(secure && once !== true ? { agent: this.#agent } : { agent: false as const }),
      ...(secure ? { rejectUnauthorized: verifyTls, ...(ca === undefined ? {} : { ca }) } : {}),
    };
    return new Promise((resolve, reject) => {
      const request: ClientRequest = (secure ? httpsRequest : httpRequest)(url, options, (response) => {
        readAnswer(response).then(resolve, (error: unknown) => {
          response.destroy();
          reject(error instanceof Error ? error : new Error(messageOf(error)));
        });
      });
      request.on('error', (error: Error) => {
        // The signal gives AbortError; what it means is said by its reason.
        reject(options.signal.aborted ? (options.signal.reason as Error) : error);
      });
      request.end(text);
    });
  }
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const text = await readBody(response as AsyncIterable<Buffer>, MAX_ANSWER_BYTES);
  return { status: response.statusCode ?? 0, body: jsonOf(text), location: response.headers.location };
}

/** Vault's own words, cut short; whatever in them may be a token or a key is left out, because what answers may be hostile. */
function refusalOf({ status, body, location }: Answer, token: Secret): VaultRefusal {
  const result = errorsSchema.safeParse(body);
  const clean = (text: string) =>
    text
      .replaceAll(token.reveal(), '…')
      .replace(/[A-Za-z0-9+/_.=-]{40,}/g, '…')
      .replace(/[\p{Cc}\s]+/gu, ' ')
      .trim()
      .slice(0, 200);
  return { status, errors: result.success ? result.data.errors.slice(0, 3).map(clean) : undefined, location };
}

async function readCa(path: string | undefined): Promise<Buffer | undefined> {
  if (path === undefined) return undefined;
  let bytes: Buffer;
  try {
    const file = await open(path, 'r');
    try {
      if ((await file.stat()).size > MAX_CA_BYTES) throw new Error(say('vault.large', { maxCaBytes: MAX_CA_BYTES }));
      bytes = await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw new InputError(say('vault.ca', { path, reason: messageOf(cause) }), { cause, hints: [`ls -l ${path}`] });
  }
  if (!bytes.includes('-----BEGIN CERTIFICATE-----')) throw new InputError(say('vault.noPem', { path }), { hints: [`openssl x509 -in ${path} -noout -subject`] });
  return bytes;
}
