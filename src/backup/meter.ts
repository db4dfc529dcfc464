import { createHash } from 'node:crypto';

/** What went past a point of the pipeline. */
export interface Measured {
  bytes: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

/** Counts and hashes the bytes of a stream on their way. Read `result` once the stream has ended. */
export class Meter {
  bytes = 0;
  readonly #hash = createHash('sha256');

  async *through(source: AsyncIterable<Uint8Array>, onBytes?: (bytes: number) => void): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const chunk of source) {
      this.#hash.update(chunk);
      this.bytes += chunk.length;
      onBytes?.(this.bytes);
      yield chunk;
    }
  }

  result(): Measured {
    return { bytes: this.bytes, sha256: this.#hash.copy().digest('hex') };
  }
}
