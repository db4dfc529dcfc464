import { setTimeout as sleep } from 'node:timers/promises';
import type * as clientS3 from '@aws-sdk/client-s3';
import { InfraError } from '../errors.js';
import type { Bucket } from '../machine.js';
import type { Secret } from '../secret.js';
import { isTransient, type S3Place, translate } from './s3-errors.js';
import { say, toDo } from './words.js';

/** The SDK is large: it is loaded when the first bucket is opened, not when the program starts. */
export type Sdk = typeof clientS3;

export interface S3Options {
  bucket: Bucket;
  accessKeyId: string;
  secretAccessKey: Secret;
  /** Of temporary credentials. */
  sessionToken?: Secret;
  /** Which of the bucket's endpoints to use: as the server reaches it, or as this computer does. */
  from: 'server' | 'here';
  /** Pauses between tries, in ms; their number is the number of further tries. */
  pauses?: readonly number[];
}

const CONNECT_TIMEOUT_MS = 10_000;
/** A connection on which nothing moves for so long is dead. */
const IDLE_TIMEOUT_MS = 60_000;
const PAUSES_MS = [500, 1000, 2000, 4000, 8000];

/** Prepares a connection to a bucket. Sends nothing yet. */
export async function connectS3(options: S3Options): Promise<S3Connection> {
  // Read by the SDK when a client is made; its warning about Node 20 must not reach a screen or a journal.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  const sdk = await import('@aws-sdk/client-s3');
  const { bucket, region, endpoint, endpointFromHere } = options.bucket;
  const reached = options.from === 'here' ? (endpointFromHere ?? endpoint) : endpoint;
  return new S3Connection(sdk, { where: say('s3.where', { bucket, endpoint: reached }), bucket, endpoint: reached, region }, options);
}

/** Sends requests of the SDK: retried where that helps, failures translated. */
export class S3Connection {
  readonly client: clientS3.S3Client;
  readonly pauses: readonly number[];
  #clockAhead: number | undefined;

  constructor(
    readonly sdk: Sdk,
    readonly place: S3Place,
    options: S3Options,
  ) {
    this.client = new sdk.S3Client({
      endpoint: place.endpoint,
      region: place.region,
      forcePathStyle: true,
      credentials: {
        accessKeyId: options.accessKeyId,
        secretAccessKey: options.secretAccessKey.reveal(),
        ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken.reveal() }),
      },
      // Since 3.729 the SDK adds checksums that several providers reject.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Tries are counted here, where a part is known to be replayable and the pauses are ours.
      maxAttempts: 1,
      // A wrong clock is said, not corrected in silence: it would put wrong times into ids and retention.
      disableClockSkewCorrection: true,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, socketTimeout: IDLE_TIMEOUT_MS },
    });
    this.client.middlewareStack.add(
      (next) => async (request) => {
        const result = await next(request);
        this.#compareClocks(result.response);
        return result;
      },
      { step: 'deserialize', priority: 'low', name: 'koprogoClock' },
    );
    this.pauses = options.pauses ?? PAUSES_MS;
  }

  get clockAhead(): number | undefined {
    return this.#clockAhead;
  }

  /** Runs one request, again after a broken connection. `doing` completes "could not …". */
  async attempt<T>(doing: string, request: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    for (const pause of [...this.pauses, undefined]) {
      try {
        signal?.throwIfAborted();
        return await request();
      } catch (error) {
        if (signal?.aborted === true) throw signal.reason;
        if (pause === undefined || !isTransient(error)) throw translate(error, doing, this.place);
        await sleep(pause * (0.75 + Math.random() / 2), undefined, signal ? { signal } : {});
      }
    }
    throw new InfraError(say('s3.failed', { doing: toDo(doing), where: this.place.where }));
  }

  #compareClocks(response: unknown): void {
    const headers = (response as { headers?: Record<string, string> } | undefined)?.headers;
    const theirs = Date.parse(headers?.['date'] ?? '');
    if (!Number.isNaN(theirs)) this.#clockAhead = Math.round((Date.now() - theirs) / 1000);
  }
}
