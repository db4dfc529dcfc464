import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../errors.js';
import type { Bucket } from '../machine.js';
import { type ByteRange, type ListedObject, type ObjectHead, ObjectMissing, type ObjectStore, type Upload } from './object-store.js';
import { S3BucketAdmin } from './s3-bucket.js';
import { connectS3, type S3Connection, type S3Options } from './s3-connection.js';
import { factsOf, isTransient, translate } from './s3-errors.js';
import { md5, S3Upload } from './s3-upload.js';
import { say } from './words.js';

export type { S3Options } from './s3-connection.js';

const MAX_PAGES = 10_000;

/** Opens a bucket. Sends nothing yet. */
export async function openS3(options: S3Options): Promise<ObjectStore> {
  return objectStoreAt(await connectS3(options), options.bucket.encryption);
}

/** The bucket at the other end of a connection, which closes with it. */
export function objectStoreAt(connection: S3Connection, encryption: Bucket['encryption']): ObjectStore {
  return new S3Store(connection, encryption);
}

class S3Store implements ObjectStore {
  readonly where: string;
  readonly bucket: S3BucketAdmin;
  readonly #s3: S3Connection;
  readonly #bucket: string;

  constructor(
    connection: S3Connection,
    readonly encryption: Bucket['encryption'],
  ) {
    this.where = connection.place.where;
    this.#bucket = connection.place.bucket;
    this.#s3 = connection;
    this.bucket = new S3BucketAdmin(connection);
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const { sdk, client } = this.#s3;
    return this.#s3.attempt(say('s3.lookAt', { key }), async () => {
      try {
        const head = await client.send(new sdk.HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
        return {
          bytes: head.ContentLength ?? 0,
          modified: head.LastModified,
          encryption: head.ServerSideEncryption === undefined ? undefined : { mode: head.ServerSideEncryption, keyId: head.SSEKMSKeyId },
        };
      } catch (error) {
        const { status, code } = factsOf(error);
        // A missing bucket answers HEAD with the same bare 404; it shows at the next request that may carry a body.
        if (status === 404 && code !== 'NoSuchBucket') return undefined;
        throw error;
      }
    });
  }

  async get(key: string, range?: ByteRange): Promise<Readable> {
    const first = await this.#open(key, range);
    return Readable.from(this.#continued(key, range, first), { objectMode: false });
  }

  async put(key: string, content: Uint8Array, options: { contentType?: string } = {}): Promise<void> {
    const { sdk, client } = this.#s3;
    await this.#s3.attempt(say('s3.store', { key }), () =>
      client.send(
        new sdk.PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: content,
          ContentLength: content.length,
          ContentMD5: md5(content),
          ContentType: options.contentType ?? 'application/octet-stream',
          ...this.#sse(),
        }),
      ),
    );
  }

  async startUpload(key: string, options: { signal?: AbortSignal } = {}): Promise<Upload> {
    const { sdk, client } = this.#s3;
    const { signal } = options;
    const begun = await this.#s3.attempt(
      say('s3.beginUpload', { key }),
      () => client.send(new sdk.CreateMultipartUploadCommand({ Bucket: this.#bucket, Key: key, ContentType: 'application/octet-stream', ...this.#sse() })),
      signal,
    );
    if (begun.UploadId === undefined) throw new InfraError(say('object.noUpload', { where: this.where, key }));
    return new S3Upload(this.#s3, { Bucket: this.#bucket, Key: key, UploadId: begun.UploadId }, signal);
  }

  async *list(prefix: string): AsyncIterable<ListedObject> {
    const { sdk, client } = this.#s3;
    let token: string | undefined;
    for (let page = 0; page < MAX_PAGES; page += 1) {
      const from = token;
      const answer = await this.#s3.attempt(say('s3.list'), () =>
        client.send(new sdk.ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ...(from === undefined ? {} : { ContinuationToken: from }) })),
      );
      for (const object of answer.Contents ?? []) {
        if (object.Key?.startsWith(prefix) === true) yield { key: object.Key, bytes: object.Size ?? 0, modified: object.LastModified };
      }
      if (answer.IsTruncated !== true) return;
      token = answer.NextContinuationToken;
      if (token === undefined || token === from) break;
    }
    throw new InfraError(say('object.endlessList', { where: this.where, prefix }));
  }

  async delete(key: string): Promise<void> {
    const { sdk, client } = this.#s3;
    await this.#s3.attempt(say('s3.delete', { key }), () => client.send(new sdk.DeleteObjectCommand({ Bucket: this.#bucket, Key: key })));
  }

  async abortUploads(prefix: string): Promise<number> {
    const { sdk, client } = this.#s3;
    const found = await this.#s3.attempt(say('s3.findUploads'), () =>
      client.send(new sdk.ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix })),
    );
    let aborted = 0;
    for (const { Key, UploadId } of found.Uploads ?? []) {
      if (Key?.startsWith(prefix) !== true || UploadId === undefined) continue;
      await this.#s3.attempt(say('s3.abortOldUpload', { key: Key }), () => client.send(new sdk.AbortMultipartUploadCommand({ Bucket: this.#bucket, Key, UploadId })));
      aborted += 1;
    }
    return aborted;
  }

  clockAhead(): number | undefined {
    return this.#s3.clockAhead;
  }

  close(): void {
    this.#s3.client.destroy();
  }

  async #open(key: string, range: ByteRange | undefined, etag?: string) {
    const { sdk, client } = this.#s3;
    return this.#s3.attempt(say('s3.read', { key }), async () => {
      try {
        const answer = await client.send(
          new sdk.GetObjectCommand({
            Bucket: this.#bucket,
            Key: key,
            ...(range ? { Range: `bytes=${range.start}-${range.end ?? ''}` } : {}),
            ...(etag === undefined ? {} : { IfMatch: etag }),
          }),
        );
        if (!(answer.Body instanceof Readable)) throw new InfraError(say('object.noContent', { where: this.where, key }));
        return { body: answer.Body, bytes: answer.ContentLength, etag: answer.ETag };
      } catch (error) {
        if (factsOf(error).code === 'NoSuchKey') throw new ObjectMissing(key, this.where, error);
        throw error;
      }
    });
  }

  /** The content; where the connection breaks, the rest of the very same object (by its ETag) is asked for. */
  async *#continued(key: string, range: ByteRange | undefined, first: { body: Readable; bytes: number | undefined; etag: string | undefined }) {
    const start = range?.start ?? 0;
    let position = start;
    const end = first.bytes === undefined ? undefined : start + first.bytes;
    let { body } = first;
    for (let failures = 0; ; ) {
      try {
        for await (const chunk of body) {
          const piece = chunk as Buffer;
          position += piece.length;
          failures = 0;
          yield piece;
        }
        if (end === undefined || position >= end) return;
        throw Object.assign(new Error(`the connection ended after ${position - start} of ${end - start} bytes`), { code: 'ECONNRESET' });
      } catch (error) {
        const pause = this.#s3.pauses[failures];
        failures += 1;
        if (pause === undefined || first.etag === undefined || end === undefined || !isTransient(error)) {
          throw translate(error, say('s3.read', { key }), this.#s3.place);
        }
        if (position >= end) return;
        await sleep(pause);
        ({ body } = await this.#open(key, { start: position, end: end - 1 }, first.etag));
      }
    }
  }

  /** Only where an object is created: some servers reject these headers on single parts. */
  #sse() {
    const { encryption } = this;
    if (encryption.mode === 'none') return {};
    if (encryption.mode === 'AES256') return { ServerSideEncryption: 'AES256' } as const;
    return { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: encryption.keyId } as const;
  }
}
