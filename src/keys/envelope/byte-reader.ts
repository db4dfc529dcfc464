export type ByteSource = AsyncIterable<Uint8Array> | Iterable<Uint8Array>;

/** Beyond so many, work on each part costs more than a copy. */
const FEW_PARTS = 4;

/**
 * Takes bytes off a stream in the portions that are asked for, holding no more than one portion and one piece of the
 * stream. A source must not write again into a piece that it has given: it may be held while the next is read.
 */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array, unknown> | Iterator<Uint8Array, unknown>;
  #pieces: Buffer[] = [];
  #ended = false;
  /** Bytes that can be taken now. */
  held = 0;

  constructor(source: ByteSource) {
    this.#source = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  }

  /** Reads until so many bytes are held, or the stream has ended. Throws what the source throws. */
  async fill(count: number): Promise<void> {
    while (this.held < count && !this.#ended) {
      const next = await this.#next();
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
    const [first] = this.#pieces;
    // A first piece that is long enough is not copied: it may be a whole object.
    if (!first || first.length < count) this.#pieces = this.held === 0 ? [] : [Buffer.concat(this.#pieces)];
    return this.#pieces[0]?.subarray(0, count) ?? Buffer.alloc(0);
  }

  /** Takes bytes that are held; copies only what lies across pieces. Throws RangeError for more. */
  take(count: number): Buffer {
    const parts = this.#takeParts(count);
    return parts.length === 1 && parts[0] ? parts[0] : Buffer.concat(parts);
  }

  /** As `take`, but as it came where that is a few parts at most, because joining them would copy every byte. */
  takeParts(count: number): Buffer[] {
    const parts = this.#takeParts(count);
    return parts.length <= FEW_PARTS ? parts : [Buffer.concat(parts)];
  }

  #takeParts(count: number): Buffer[] {
    if (!(count >= 0 && count <= this.held)) throw new RangeError(`${count} bytes asked for and ${this.held} held`);
    const parts: Buffer[] = [];
    let used = 0;
    let left = count;
    // Pieces are let go of together: a shift() of each would take minutes where a stream comes byte by byte.
    for (let piece = this.#pieces[0]; left > 0 && piece; piece = this.#pieces[used]) {
      const part = piece.subarray(0, left);
      if (part.length < piece.length) this.#pieces[used] = piece.subarray(left);
      else used += 1;
      parts.push(part);
      left -= part.length;
    }
    this.#pieces.splice(0, used);
    this.held -= count;
    return parts;
  }

  /** Lets go of the stream. Never throws: what a source says on being let go of must not hide why it was. */
  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    try {
      await this.#source.return?.();
    } catch {
      // Nothing is wanted from it any more.
    }
  }

  /** A source that failed has ended, by the rules of iterators. */
  async #next(): Promise<IteratorResult<Uint8Array, unknown>> {
    try {
      return await this.#source.next();
    } catch (error) {
      this.#ended = true;
      throw error;
    }
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
