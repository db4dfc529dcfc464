import { InfraError } from '../errors.js';
import type { ObjectStore, Upload } from './object-store.js';
import { say } from './words.js';

const MIB = 1024 * 1024;
/** The smallest limit among the providers that were looked at is Scaleway's. AWS has 10,000. */
export const MAX_PARTS = 1000;
const FIRST_PART_BYTES = 8 * MIB;
/** Parts stay equal for so long: some servers (R2) want all but the last of one size. */
const EQUAL_PARTS = 500;
const PARTS_PER_GROWTH = 50;
/** Above this size one part in flight is enough to fill a line, and two would cost too much memory. */
const LARGE_PART_BYTES = 32 * MIB;

/**
 * The size of part `number` (from 1). Without an expectation 1,000 parts hold 29 GiB; with one, four times as much as
 * expected. A dump's length is not known before its end, hence the growth.
 */
export function partBytes(number: number, expectedBytes = 0): number {
  const first = Math.max(FIRST_PART_BYTES, Math.ceil(expectedBytes / 900 / MIB) * MIB);
  const growth = number <= EQUAL_PARTS ? 0 : Math.ceil((number - EQUAL_PARTS) / PARTS_PER_GROWTH);
  return first * (1 + growth);
}

export interface UploadOptions {
  signal?: AbortSignal;
  /** About how much will come, in bytes. Only sizes the parts. */
  expectedBytes?: number;
  /** Called after each part with the bytes that the server has. */
  onStored?: (bytes: number) => void;
}

/**
 * Stores what the source gives under the key, in parts. The upload is completed only after the source has ended
 * without an error; when the source throws, a part cannot be sent, or the signal fires, it is aborted, and the error
 * goes to the caller. Holds at most three parts in memory. Returns the number of bytes.
 */
export async function uploadStream(
  store: ObjectStore,
  key: string,
  source: AsyncIterable<Uint8Array>,
  options: UploadOptions = {},
): Promise<number> {
  const upload = await store.startUpload(key, options.signal ? { signal: options.signal } : {});
  try {
    const bytes = await sendParts(upload, key, source, options);
    options.signal?.throwIfAborted();
    await upload.complete();
    return bytes;
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

async function sendParts(upload: Upload, key: string, source: AsyncIterable<Uint8Array>, options: UploadOptions): Promise<number> {
  const flight = new Flight();
  const free: Buffer[] = [];
  let number = 0;
  let stored = 0;
  let bytes = 0;
  let part: Buffer | undefined;
  let filled = 0;

  const send = async (whole: Buffer, length: number): Promise<void> => {
    number += 1;
    if (number > MAX_PARTS) throw new InfraError(say('object.tooManyParts', { key, parts: MAX_PARTS }));
    await flight.room(whole.length > LARGE_PART_BYTES ? 1 : 2);
    flight.add(
      upload.writePart(number, whole.subarray(0, length)).then(() => {
        stored += length;
        free.push(whole);
        options.onStored?.(stored);
      }),
    );
  };

  try {
    for await (const chunk of source) {
      options.signal?.throwIfAborted();
      let rest = chunk;
      while (rest.length > 0) {
        if (!part) {
          const size = partBytes(number + 1, options.expectedBytes);
          // Buffers are used again: new ones for each part pile up faster than the collector frees them.
          const used = free.pop();
          part = used?.length === size ? used : Buffer.allocUnsafeSlow(size);
        }
        const taken = Math.min(rest.length, part.length - filled);
        part.set(rest.subarray(0, taken), filled);
        filled += taken;
        bytes += taken;
        rest = rest.subarray(taken);
        if (filled === part.length) {
          await send(part, filled);
          part = undefined;
          filled = 0;
        }
      }
    }
    // An object of no bytes still needs one part.
    if (part) await send(part, filled);
    else if (number === 0) await send(Buffer.alloc(0), 0);
    await flight.room(1);
    await flight.end();
    return bytes;
  } catch (error) {
    await flight.settled();
    throw error;
  }
}

/** Parts under way. The first failure is thrown at the next call. */
class Flight {
  readonly #parts = new Set<Promise<void>>();
  #failure: { error: unknown } | undefined;

  add(part: Promise<void>): void {
    const entry = part
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => this.#parts.delete(entry));
    this.#parts.add(entry);
  }

  /** Waits until fewer than `limit` parts are under way. */
  async room(limit: number): Promise<void> {
    while (this.#parts.size >= limit) await Promise.race(this.#parts);
    if (this.#failure) throw this.#failure.error;
  }

  async end(): Promise<void> {
    await this.settled();
    if (this.#failure) throw this.#failure.error;
  }

  async settled(): Promise<void> {
    await Promise.all(this.#parts);
  }
}
