import type { KeyBinding, WrappedKey } from '../provider.js';
import { say } from './words.js';

/**
 * The layout of an envelope, version 1. Specified with test vectors in docs/formats.md; docs/open-envelope.py reads it too.
 *
 *     4   magic "KPEN"          ┐
 *     1   version: 1            │
 *     1   suite: 1              │ fixed part,
 *     1   log2 of chunk bytes   │ 72 bytes
 *     1   0                     │
 *     32  salt, random          │
 *     32  commitment            ┘
 *     2   length of the key id, big-endian        ┐ replaced by a re-wrap,
 *     …   key id, printable ASCII                 │ which leaves all
 *     2   length of the wrapped data key          │ the rest as it is
 *     …   wrapped data key                        ┘
 *     …   chunks, each followed by its tag of 16 bytes
 */
export const MAGIC = Buffer.from('KPEN', 'latin1');
export const VERSION = 1;
/** HKDF-SHA-512 and AES-256-GCM. */
export const SUITE = 1;
export const PREFIX_BYTES = 8;
export const SALT_BYTES = 32;
export const COMMITMENT_BYTES = 32;
export const FIXED_BYTES = PREFIX_BYTES + SALT_BYTES + COMMITMENT_BYTES;
export const TAG_BYTES = 16;
export const DATA_KEY_BYTES = 32;

const LENGTH_BYTES = 4;
const MAX_KEY_ID_BYTES = 255;
const MAX_WRAPPED_BYTES = 4096;
/** The longest head there can be: with so many bytes at hand a head is complete or damaged. */
export const MAX_HEAD_BYTES = FIXED_BYTES + 2 + MAX_KEY_ID_BYTES + 2 + MAX_WRAPPED_BYTES;

/** A streaming reader holds one chunk in memory: the limit keeps a tampered head from costing gigabytes. */
export const MIN_CHUNK_LOG2 = 10;
export const MAX_CHUNK_LOG2 = 24;

/** What an encrypted object is and where it belongs: it opens only under the very same. */
export interface EnvelopeContext extends KeyBinding {
  /** Counts the writes of this object, from 1: an older content of the same object is not taken for the newest. */
  serial: number;
}

export interface EnvelopeHead {
  /** Magic, version, suite, chunk size: 8 bytes. */
  prefix: Buffer;
  salt: Buffer;
  commitment: Buffer;
  chunkBytes: number;
  key: WrappedKey;
}

/** Why bytes are not an envelope that this version reads. Never quotes them, and does not know whose they are: callers name the object. */
export class NotAnEnvelope extends Error {
  override readonly name = 'NotAnEnvelope';

  constructor(
    message: string,
    /** Whether a newer version of this program may have written them. */
    readonly newer = false,
  ) {
    super(message);
  }
}

export function encodePrefix(chunkLog2: number): Buffer {
  return Buffer.concat([MAGIC, Buffer.of(VERSION, SUITE, chunkLog2, 0)]);
}

export function encodeHead(head: Pick<EnvelopeHead, 'prefix' | 'salt' | 'commitment' | 'key'>): Buffer {
  return Buffer.concat([head.prefix, head.salt, head.commitment, encodeKey(head.key)]);
}

function encodeKey({ keyId, wrapped }: WrappedKey): Buffer {
  const id = Buffer.from(keyId, 'latin1');
  if (!isKeyId(keyId)) throw new RangeError('a key id is 1 to 255 characters of printable ASCII');
  if (wrapped.length === 0 || wrapped.length > MAX_WRAPPED_BYTES) throw new RangeError(`a wrapped key has 1 to ${MAX_WRAPPED_BYTES} bytes, not ${wrapped.length}`);
  return Buffer.concat([uint16(id.length), id, uint16(wrapped.length), wrapped]);
}

/** The head at the beginning of `bytes`, and its length; undefined when more bytes are needed to tell. Throws NotAnEnvelope. */
export function decodeHead(bytes: Buffer): (EnvelopeHead & { bytes: number }) | undefined {
  const magic = bytes.subarray(0, MAGIC.length);
  if (!magic.equals(MAGIC.subarray(0, magic.length))) throw new NotAnEnvelope(say('begin'));
  if (bytes.length < PREFIX_BYTES) return undefined;
  const prefix = Buffer.from(bytes.subarray(0, PREFIX_BYTES));
  const chunkLog2 = checkPrefix(prefix);
  if (bytes.length < FIXED_BYTES) return undefined;
  const keyId = field(bytes, FIXED_BYTES, MAX_KEY_ID_BYTES);
  const wrapped = keyId && field(bytes, keyId.end, MAX_WRAPPED_BYTES);
  if (!wrapped) return undefined;
  const id = keyId.value.toString('latin1');
  if (!isKeyId(id)) throw new NotAnEnvelope(say('head.keyId'));
  return {
    prefix,
    salt: Buffer.from(bytes.subarray(PREFIX_BYTES, PREFIX_BYTES + SALT_BYTES)),
    commitment: Buffer.from(bytes.subarray(PREFIX_BYTES + SALT_BYTES, FIXED_BYTES)),
    chunkBytes: 2 ** chunkLog2,
    key: { keyId: id, wrapped: Buffer.from(wrapped.value) },
    bytes: wrapped.end,
  };
}

/** The log2 of the chunk size. */
function checkPrefix(prefix: Buffer): number {
  const [, , , , version = 0, suite = 0, chunkLog2 = 0, reserved = 0] = prefix;
  const newer = (what: string, is: number, known: number) => new NotAnEnvelope(say('newer', { what, is, known }), true);
  if (version > VERSION) throw newer(say('newer.version'), version, VERSION);
  if (version === VERSION && suite > SUITE) throw newer(say('newer.suite'), suite, SUITE);
  if (version !== VERSION || suite !== SUITE || reserved !== 0) throw new NotAnEnvelope(say('head'));
  if (chunkLog2 < MIN_CHUNK_LOG2 || chunkLog2 > MAX_CHUNK_LOG2) throw new NotAnEnvelope(say('head.chunks'));
  return chunkLog2;
}

function field(bytes: Buffer, at: number, limit: number): { value: Buffer; end: number } | undefined {
  if (bytes.length < at + 2) return undefined;
  const length = bytes.readUInt16BE(at);
  if (length === 0 || length > limit) throw new NotAnEnvelope(say('head.length'));
  const end = at + 2 + length;
  return bytes.length < end ? undefined : { value: bytes.subarray(at + 2, end), end };
}

/**
 * The same object with its data key wrapped anew: everything but the wrapped key stays byte for byte. That it is the
 * same data key is the caller's to see to: under another one the object never opens again. Throws NotAnEnvelope.
 */
export function replaceKey(envelope: Buffer, key: WrappedKey): Buffer {
  const head = decodeHead(envelope);
  if (!head) throw new NotAnEnvelope(say('short'));
  return Buffer.concat([encodeHead({ ...head, key }), envelope.subarray(head.bytes)]);
}

/**
 * Each part with its length before it, so that there is one reading only, wherever the parts begin and end. Throws
 * RangeError for half a surrogate pair, which UTF-8 cannot hold: two different texts would become the same bytes.
 */
export function encodeParts(parts: readonly string[]): Buffer {
  const lengths = parts.map((part) => Buffer.byteLength(part, 'utf8'));
  const bytes = Buffer.alloc(lengths.reduce((sum, length) => sum + LENGTH_BYTES + length, 0));
  let at = 0;
  for (const [index, part] of parts.entries()) {
    // With "u", only half a pair is a surrogate.
    if (/\p{Surrogate}/u.test(part)) throw new RangeError('a name holds half a surrogate pair');
    at = bytes.writeUInt32BE(lengths[index] ?? 0, at);
    at += bytes.write(part, at, 'utf8');
  }
  return bytes;
}

function isKeyId(text: string): boolean {
  return /^[\x20-\x7e]{1,255}$/.test(text);
}

function uint16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}
