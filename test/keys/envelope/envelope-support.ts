import type { EnvelopeContext } from '../../../src/keys/envelope/envelope-format.js';
import type { DataKey, Unwrap } from '../../../src/keys/envelope/envelope.js';
import { unwrapWith, wrapWith } from '../../../src/keys/envelope/wrap.js';

export const CHUNK = 64 * 1024;
export const TAG = 16;
export const KEK = Buffer.alloc(32, 0x11);
export const KEY_ID = 'test:1';
export const CONTEXT: EnvelopeContext = { installation: 'tilleuls', kind: 'document', name: 'stack-secrets', serial: 3 };
/** Length of the head of what `newKey` belongs to. */
export const HEAD = 72 + 2 + KEY_ID.length + 2 + 60;

/** Planted in contents: no message may hold it. */
export const PLANTED = 'PLANTED-0f3a';

/** A data key, wrapped as the providers `none` and `local` do. `encrypt` and `seal` leave it as it is. */
export function newKey(context = CONTEXT, fill = 0x22): DataKey {
  const plain = Buffer.alloc(32, fill);
  return { plain, wrapped: { keyId: KEY_ID, wrapped: wrapWith(KEK, plain, KEY_ID, context) } };
}

export function unwrapFor(context = CONTEXT): Unwrap {
  return async ({ keyId, wrapped }) => unwrapWith(KEK, wrapped, keyId, context);
}

/** Contents of which each place is another, so that a swap shows, with a planted secret at the beginning. */
export function content(bytes: number): Buffer {
  const plain = Buffer.alloc(bytes);
  for (let at = 0; at + 4 <= bytes; at += 4) plain.writeUInt32BE(at, at);
  plain.write(PLANTED.slice(0, bytes));
  return plain;
}

/** The bytes in pieces of `size`. */
export function* cut(bytes: Buffer, size: number): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

export async function collect(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}
