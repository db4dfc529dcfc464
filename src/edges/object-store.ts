import type { Readable } from 'node:stream';
import { InfraError } from '../errors.js';
import type { Bucket } from '../machine.js';
import { say } from './words.js';

export type Encryption = Bucket['encryption'];

export interface ObjectHead {
  bytes: number;
  modified: Date | undefined;
  /** The server-side encryption that the server says it applied; undefined when it says nothing. */
  encryption: { mode: string; keyId: string | undefined } | undefined;
}

export interface ListedObject {
  /** As the server wrote it: hostile until a strict parser has accepted it. */
  key: string;
  bytes: number;
  modified: Date | undefined;
}

/** Bytes from `start` to `end`, both counted from 0 and included; to the object's end without `end`. */
export interface ByteRange {
  start: number;
  end?: number;
}

/** A multipart upload that is under way. Nothing can be read under its key before `complete`. */
export interface Upload {
  /** Sends part number 1, 2, … `bytes` belongs to the caller again once the promise has settled. Parts may overlap in time. */
  writePart(number: number, bytes: Uint8Array): Promise<void>;
  complete(): Promise<void>;
  /** Throws the parts away. Never throws: what could not be removed is found by `abortUploads` later. */
  abort(): Promise<void>;
}

/** The bucket itself. `undefined` as an answer: the server does not tell or does not know the question. */
export interface BucketAdmin {
  exists(): Promise<boolean>;
  /** A private bucket with versioning where the server has it. Does nothing when it is there and ours. */
  create(): Promise<void>;
  versioned(): Promise<boolean | undefined>;
  enableVersioning(): Promise<void>;
  /** Does the access list or the policy grant anything to everybody? */
  openToEverybody(): Promise<boolean | undefined>;
  /** The HTTP status that somebody without credentials gets for a key; undefined when nothing answers. */
  anonymousStatus(key: string): Promise<number | undefined>;
}

/**
 * One bucket. Every failure is an InfraError that names the bucket and the fix. Requests are retried
 * where the connection broke or the server asked for it. Reading a missing object throws ObjectMissing.
 */
export interface ObjectStore {
  /** The bucket in words, for messages: `bucket "koprogo" at http://127.0.0.1:7480`. */
  readonly where: string;
  /** What is asked for with every object. */
  readonly encryption: Encryption;
  readonly bucket: BucketAdmin;
  head(key: string): Promise<ObjectHead | undefined>;
  /** The content as a stream, which continues by itself where a connection broke. */
  get(key: string, range?: ByteRange): Promise<Readable>;
  /** Stores a small object in one request. */
  put(key: string, content: Uint8Array, options?: { contentType?: string }): Promise<void>;
  startUpload(key: string, options?: { signal?: AbortSignal }): Promise<Upload>;
  /** Every object whose key starts with `prefix`, in the order of keys. */
  list(prefix: string): AsyncIterable<ListedObject>;
  /** In a versioned bucket this hides the object. Deleting what is not there is no error. */
  delete(key: string): Promise<void>;
  /** Throws away uploads below the prefix that were begun and never completed; says how many. */
  abortUploads(prefix: string): Promise<number>;
  /** Seconds by which this computer's clock is ahead of the server's, as the newest answer showed; undefined before one. */
  clockAhead(): number | undefined;
  close(): void;
}

export class ObjectMissing extends InfraError {
  override readonly name = 'ObjectMissing';

  constructor(key: string, where: string, cause?: unknown) {
    super(say('object.missing', { key, where }), { cause });
  }
}

/**
 * Looks at what is stored: HEAD must show the size and the encryption that was asked for. A 200 to the upload proves
 * nothing: Ceph's RGW, for one, answers 200 to AES256 and stores in clear. Throws InfraError otherwise.
 */
export async function verifyStored(store: ObjectStore, key: string, bytes: number): Promise<ObjectHead> {
  const head = await store.head(key);
  if (!head) throw new InfraError(say('object.notKept', { where: store.where, key }));
  if (head.bytes !== bytes) throw new InfraError(say('object.otherLength', { key, found: head.bytes, where: store.where, sent: bytes }));
  if (!encryptedAsAsked(store.encryption, head)) {
    const asked = store.encryption;
    throw new InfraError(
      say('object.notEncrypted', { where: store.where, asked: asked.mode, key, found: head.encryption?.mode ?? 'none' }),
      {
        hints: [say('object.encryptingProvider'), say('object.acceptNone')],
      },
    );
  }
  return head;
}

export function encryptedAsAsked(asked: Encryption, head: Pick<ObjectHead, 'encryption'>): boolean {
  if (asked.mode === 'none') return true;
  if (head.encryption?.mode !== asked.mode) return false;
  if (asked.mode === 'AES256') return true;
  // AWS answers with the whole ARN of the key, whatever form or alias it was asked for by.
  const { keyId } = head.encryption;
  return asked.keyId.includes('alias/') ? keyId !== undefined : keyId === asked.keyId || (keyId ?? '').endsWith(`/${asked.keyId}`);
}

/** Reads a small object whole. Throws InfraError when it is longer than `limit` bytes. */
export async function readObject(store: ObjectStore, key: string, limit: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of await store.get(key)) {
    const piece = chunk as Buffer;
    bytes += piece.length;
    if (bytes > limit) throw new InfraError(say('object.tooLong', { key, where: store.where, limit }));
    chunks.push(piece);
  }
  return Buffer.concat(chunks);
}
