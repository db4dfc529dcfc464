export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Takes bytes off a stream in the portions that are asked for, holding no more than one portion and one piece of the stream. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array, unknown> | Iterator<Uint8Array, unknown>;
  #pieces: Buffer[] = [];
  #ended = false;
  /** Bytes that can be taken now. */
  held = 0;

  constructor(source: ByteSource) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** Reads until so many bytes are held, or the stream has ended. */
  async fill(count: number): Promise<void> {
    while (this.held < count && !this.#ended) {
      const next = await this.#source.next();
      if (next.done === true) this.#ended = true;
      else if (next.value.length > 0) {
        this.#pieces.push(asBuffer(next.value));
        this.held += next.value.length;
      }
    }
  }

  /** The next bytes, so many or all that there are; they stay to be taken. */
  async peek(count: number): Promise<Buffer> {
    await this.fill(count);
    this.#pieces = [Buffer.concat(this.#pieces)];
    return this.#pieces[0]?.subarray(0, count) ?? Buffer.alloc(0);
  }

  /** Takes bytes that are held; copies only what lies across pieces. Throws RangeError for more. */
  take(count: number): Buffer {
    if (count > this.held) throw new RangeError(`${count} bytes asked for and ${this.held} held`);
    const parts: Buffer[] = [];
    for (let left = count; left > 0; ) {
      const piece = this.#pieces.shift() ?? Buffer.alloc(0);
      const part = piece.subarray(0, left);
      if (piece.length > left) this.#pieces.unshift(piece.subarray(left));
      parts.push(part);
      left -= part.length;
    }
    this.held -= count;
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  /** Lets go of the stream. */
  async close(): Promise<void> {
    if (!this.#ended) await this.#source.return?.();
    this.#ended = true;
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
