import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { InfraError } from '../../errors.js';
import { ByteReader, type ByteSource } from './byte-reader.js';
import {
  COMMITMENT_BYTES,
  DATA_KEY_BYTES,
  decodeHead,
  encodeHead,
  encodeParts,
  encodePrefix,
  type EnvelopeContext,
  type EnvelopeHead,
  MAX_CHUNK_LOG2,
  MAX_HEAD_BYTES,
  NotAnEnvelope,
  SALT_BYTES,
  TAG_BYTES,
} from './envelope-format.js';
import { UnknownKeyVersion, type WrappedKey, WrongKey } from '../provider.js';
import { say } from './words.js';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const CHUNK_KEY_BYTES = 32;
const STREAM_CHUNK_LOG2 = 16;
const LABEL = 'koprogo-infra envelope';
/** The number that HKDF puts after the info of its first block. */
const FIRST_BLOCK = Buffer.of(1);
/** 2^32 chunks: the counter has room for more, nobody has data for that. */
const MAX_CHUNKS = 2 ** 32;

/** A data key in clear beside its wrapped form. Whoever made it wipes it. */
export interface DataKey {
  plain: Buffer;
  wrapped: WrappedKey;
}

/** Finds the data key that was wrapped; the caller of the decryption does not keep it. */
export type Unwrap = (key: WrappedKey) => Promise<Buffer>;

/** The object is not what was encrypted under this key for this context: damaged, cut, exchanged, or of a newer format. */
export class EnvelopeDamaged extends InfraError {
  override readonly name = 'EnvelopeDamaged';

  constructor(context: EnvelopeContext, why: string, cause?: unknown) {
    const newer = cause instanceof NotAnEnvelope && cause.newer;
    super(cannotOpen(context, why), { cause, hints: [...(newer ? [say('newest')] : []), say('putBack')] });
  }
}

export function describeObject({ installation, kind, name }: Omit<EnvelopeContext, 'serial'>): string {
  return say('object', { kind, name, installation });
}

function cannotOpen(context: EnvelopeContext, why: string): string {
  return say('unopened', { object: describeObject(context), why });
}

/** Encrypts what is held in memory whole, in one piece when it has at most `onePieceUpTo` bytes (16 MiB count as the most), else in chunks of 64 KiB. */
export function seal(key: DataKey, context: EnvelopeContext, plain: Uint8Array, onePieceUpTo?: number): Buffer {
  return Buffer.concat(sealParts(key, context, plain, onePieceUpTo));
}

/** As `seal`, in the parts that make up the envelope: for who puts something before them, and then copies all bytes once and not twice. */
export function sealParts(key: DataKey, context: EnvelopeContext, plain: Uint8Array, onePieceUpTo = 1024 * 1024): Buffer[] {
  const onePiece = plain.length <= Math.min(onePieceUpTo, 2 ** MAX_CHUNK_LOG2);
  const cipher = ChunkCipher.forNew(key, context, onePiece ? chunkLog2For(plain.length) : STREAM_CHUNK_LOG2);
  try {
    const { chunkBytes } = cipher.head;
    const parts = [encodeHead(cipher.head)];
    for (let at = 0; at === 0 || at < plain.length; at += chunkBytes) {
      parts.push(...cipher.seal([plain.subarray(at, at + chunkBytes)], at + chunkBytes >= plain.length));
    }
    return parts;
  } finally {
    cipher.wipe();
  }
}

/**
 * The content again. Throws EnvelopeDamaged on the least change of the bytes or another context, and what `unwrap`
 * throws; of WrongKey and UnknownKeyVersion the message then names the object.
 */
export async function open(envelope: Buffer, context: EnvelopeContext, unwrap: Unwrap): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for await (const part of decrypt([envelope], context, unwrap)) parts.push(part);
    const only = parts.length === 1 ? parts.pop() : undefined;
    return only ?? Buffer.concat(parts);
  } finally {
    for (const part of parts) part.fill(0);
  }
}

/**
 * Encrypts a stream in chunks of 64 KiB, with constant memory. The source is closed however it ends. The key may be
 * wiped when the first piece has been taken.
 */
export async function* encrypt(source: ByteSource, context: EnvelopeContext, key: DataKey): AsyncGenerator<Buffer> {
  const input = new ByteReader(source);
  let cipher: ChunkCipher | undefined;
  try {
    const chunks = (cipher = ChunkCipher.forNew(key, context, STREAM_CHUNK_LOG2));
    yield encodeHead(chunks.head);
    for (let ended = false; !ended; ) {
      const { bytes, last } = await nextChunk(input, chunks.head.chunkBytes);
      for (const part of chunks.seal(input.takeParts(bytes), last)) yield part;
      ended = last;
    }
  } finally {
    cipher?.wipe();
    await input.close();
  }
}

/**
 * Decrypts a stream, with constant memory. What it yields was authenticated; that nothing is missing at the end is
 * known only when it returns without an error. Throws as `open` does.
 */
export async function* decrypt(source: ByteSource, context: EnvelopeContext, unwrap: Unwrap): AsyncGenerator<Buffer> {
  const input = new ByteReader(source);
  let cipher: ChunkCipher | undefined;
  try {
    const head = await readHead(input, context);
    const chunks = (cipher = ChunkCipher.forExisting(head, await unwrapFor(context, head.key, unwrap), context));
    for (let ended = false; !ended; ) {
      const { bytes, last } = await nextChunk(input, head.chunkBytes + TAG_BYTES);
      if (bytes < TAG_BYTES) throw new EnvelopeDamaged(context, say('short'));
      for (const part of chunks.open(input.takeParts(bytes - TAG_BYTES), input.take(TAG_BYTES), last)) yield part;
      ended = last;
    }
  } finally {
    cipher?.wipe();
    await input.close();
  }
}

async function readHead(input: ByteReader, context: EnvelopeContext): Promise<EnvelopeHead> {
  try {
    const head = decodeHead(await input.peek(MAX_HEAD_BYTES));
    if (!head) throw new NotAnEnvelope(say('short'));
    input.take(head.bytes);
    return head;
  } catch (error) {
    if (error instanceof NotAnEnvelope) throw new EnvelopeDamaged(context, error.message, error);
    throw error;
  }
}

/** The key's errors say which key; here is known for which object. A key service that does not answer says nothing about an object. */
async function unwrapFor(context: EnvelopeContext, key: WrappedKey, unwrap: Unwrap): Promise<Buffer> {
  try {
    return await unwrap(key);
  } catch (error) {
    const Named = error instanceof WrongKey ? WrongKey : error instanceof UnknownKeyVersion ? UnknownKeyVersion : undefined;
    if (Named === undefined || !(error instanceof InfraError)) throw error;
    throw new Named(cannotOpen(context, error.message), { hints: error.hints, exitCode: error.exitCode, cause: error });
  }
}

/** The size of the next chunk, which is held then, and whether it is the last, learnt by looking one byte ahead. No bytes make one empty chunk. */
async function nextChunk(input: ByteReader, size: number): Promise<{ bytes: number; last: boolean }> {
  await input.fill(size + 1);
  return { bytes: Math.min(size, input.held), last: input.held <= size };
}

/** Encrypts or decrypts the chunks of one object, in their order. */
class ChunkCipher {
  readonly #associated: Buffer;
  #count = 0;

  private constructor(
    readonly head: EnvelopeHead,
    private readonly chunkKey: Buffer,
    private readonly context: EnvelopeContext,
    contextHash: Buffer,
  ) {
    this.#associated = Buffer.concat([head.prefix, head.salt, head.commitment, contextHash]);
  }

  static forNew(key: DataKey, context: EnvelopeContext, chunkLog2: number): ChunkCipher {
    const contextHash = hashContext(context);
    const start = { prefix: encodePrefix(chunkLog2), salt: randomBytes(SALT_BYTES) };
    const { chunkKey, commitment } = deriveKeys(key.plain, start, contextHash);
    return new ChunkCipher({ ...start, commitment, chunkBytes: 2 ** chunkLog2, key: key.wrapped }, chunkKey, context, contextHash);
  }

  /**
   * Wipes the data key. The commitment is compared, because without it two keys could be found under which the same
   * bytes open to different contents, and a wrong context would look like damage of the first chunk.
   */
  static forExisting(head: EnvelopeHead, dataKey: Buffer, context: EnvelopeContext): ChunkCipher {
    try {
      if (dataKey.length !== DATA_KEY_BYTES) throw new EnvelopeDamaged(context, say('notADataKey'));
      const contextHash = hashContext(context);
      const { chunkKey, commitment } = deriveKeys(dataKey, head, contextHash);
      if (timingSafeEqual(commitment, head.commitment)) return new ChunkCipher(head, chunkKey, context, contextHash);
      chunkKey.fill(0);
    } finally {
      dataKey.fill(0);
    }
    throw new EnvelopeDamaged(context, say('exchanged'));
  }

  /** The ciphertext of each part, and the tag. */
  seal(plain: readonly Uint8Array[], last: boolean): Buffer[] {
    const cipher = createCipheriv(CIPHER, this.chunkKey, this.#nextNonce(last), { authTagLength: TAG_BYTES });
    cipher.setAAD(this.#associated);
    const sealed = plain.map((part) => cipher.update(part));
    // GCM adds nothing at the end.
    cipher.final();
    return [...sealed, cipher.getAuthTag()];
  }

  open(sealed: readonly Buffer[], tag: Buffer, last: boolean): Buffer[] {
    const decipher = createDecipheriv(CIPHER, this.chunkKey, this.#nextNonce(last), { authTagLength: TAG_BYTES });
    decipher.setAAD(this.#associated);
    decipher.setAuthTag(tag);
    const plain = sealed.map((part) => decipher.update(part));
    try {
      // GCM adds nothing at the end: it only compares the tag.
      decipher.final();
      return plain;
    } catch (cause) {
      for (const part of plain) part.fill(0);
      throw new EnvelopeDamaged(this.context, say('chunk', { count: this.#count }), cause);
    }
  }

  wipe(): void {
    this.chunkKey.fill(0);
  }

  /** A counter and a mark for the last chunk, so that no chunk can be left out, moved, or added at the end. */
  #nextNonce(last: boolean): Buffer {
    if (this.#count >= MAX_CHUNKS) throw new EnvelopeDamaged(this.context, say('tooMany'));
    const nonce = Buffer.alloc(NONCE_BYTES);
    nonce.writeUIntBE(this.#count, NONCE_BYTES - 7, 6);
    nonce[NONCE_BYTES - 1] = last ? 1 : 0;
    this.#count += 1;
    return nonce;
  }
}

function deriveKeys(dataKey: Uint8Array, { prefix, salt }: Pick<EnvelopeHead, 'prefix' | 'salt'>, contextHash: Buffer): { chunkKey: Buffer; commitment: Buffer } {
  if (dataKey.length !== DATA_KEY_BYTES) throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes, not ${dataKey.length}`);
  const info = Buffer.concat([Buffer.from(LABEL, 'latin1'), prefix, contextHash, FIRST_BLOCK]);
  // HKDF-SHA-512 (RFC 5869) for one block of output, which is all that is needed: hkdfSync gives the same and takes twice as long.
  const extracted = createHmac('sha512', salt).update(dataKey).digest();
  const derived = createHmac('sha512', extracted).update(info).digest();
  extracted.fill(0);
  return { chunkKey: derived.subarray(0, CHUNK_KEY_BYTES), commitment: Buffer.from(derived.subarray(CHUNK_KEY_BYTES, CHUNK_KEY_BYTES + COMMITMENT_BYTES)) };
}

function hashContext({ installation, kind, name, serial }: EnvelopeContext): Buffer {
  if (!Number.isSafeInteger(serial) || serial < 1) throw new RangeError(`the writes of an object are counted from 1: ${serial}`);
  return createHash('sha512').update(encodeParts([installation, kind, name, String(serial)])).digest();
}

function chunkLog2For(bytes: number): number {
  return Math.max(STREAM_CHUNK_LOG2, 32 - Math.clz32(Math.max(bytes, 1) - 1));
}
