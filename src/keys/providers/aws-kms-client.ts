import { setTimeout as sleep } from 'node:timers/promises';
import type * as clientKms from '@aws-sdk/client-kms';
import { InfraError } from '../../errors.js';
import { isTransient, type KmsPlace, translate } from './aws-kms-errors.js';
import { say } from './words.js';

/** The SDK is large: it is loaded for the first request, not when the program starts. */
export type Sdk = typeof clientKms;

export interface KmsTiming {
  /** Pauses between tries, in ms; their number is the number of further tries. */
  pauses?: readonly number[];
  /** Of one try, with finding credentials, in ms. */
  limit?: number;
}

const CONNECT_TIMEOUT_MS = 5_000;
const REQUEST_TIMEOUT_MS = 10_000;
const TRY_TIMEOUT_MS = 20_000;
const PAUSES_MS = [250, 1000, 3000];

/** Sends requests to KMS: each with a time limit, again where that helps, failures translated. */
export class KmsConnection {
  #opened: Promise<{ sdk: Sdk; client: clientKms.KMSClient }> | undefined;

  constructor(
    readonly place: KmsPlace,
    private readonly timing: KmsTiming = {},
  ) {}

  /**
   * `doing` completes "could not …"; `keyId` is the key that is asked for. `once` for what must not be done twice.
   * A try is given up after a limit of our own, because looking for credentials (a program, a browser login) has none.
   */
  async send<T>(doing: string, keyId: string, request: (sdk: Sdk, client: clientKms.KMSClient, signal: AbortSignal) => Promise<T>, options: { once?: boolean } = {}): Promise<T> {
    const pauses = options.once === true ? [] : (this.timing.pauses ?? PAUSES_MS);
    for (const pause of [...pauses, undefined]) {
      try {
        return await this.#try(request);
      } catch (error) {
        if (pause === undefined || !isTransient(error)) throw translate(error, doing, this.place, keyId);
        await sleep(pause * (0.75 + Math.random() / 2));
      }
    }
    throw new InfraError(say('failed', { doing, where: this.place.where }));
  }

  async #try<T>(request: (sdk: Sdk, client: clientKms.KMSClient, signal: AbortSignal) => Promise<T>): Promise<T> {
    const { sdk, client } = await (this.#opened ??= this.#open());
    const signal = AbortSignal.timeout(this.timing.limit ?? TRY_TIMEOUT_MS);
    const work = request(sdk, client, signal);
    let onAbort = () => {};
    const late = new Promise<never>((_, reject) => {
      onAbort = () => {
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', onAbort);
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      signal.removeEventListener('abort', onAbort);
      // The loser of the race must not end as an unhandled rejection.
      work.catch(() => {});
    }
  }

  async #open(): Promise<{ sdk: Sdk; client: clientKms.KMSClient }> {
    // Node 20 is what we support; the SDK's warning about it would end up in the middle of the output.
    process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
    const sdk = await import('@aws-sdk/client-kms');
    const { region, endpoint } = this.place;
    const client = new sdk.KMSClient({
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      // Tries are counted here, where a rotation is known not to be repeatable.
      maxAttempts: 1,
      requestHandler: { connectionTimeout: CONNECT_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS, throwOnRequestTimeout: true },
    });
    return { sdk, client };
  }
}
