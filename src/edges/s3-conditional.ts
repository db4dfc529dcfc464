import { Readable } from 'node:stream';
import { InfraError } from '../errors.js';
import type { S3Connection } from './s3-connection.js';
import { factsOf } from './s3-errors.js';
import { md5 } from './s3-upload.js';
import { say } from './words.js';

/** What must hold for a write, as the header of HTTP says it: nothing under the key, or an object with this ETag. */
export type PutCondition = { ifNoneMatch: '*' } | { ifMatch: string };

export type PutResult =
  | { outcome: 'stored'; etag: string }
  /** The condition did not hold. `repeated`: an earlier try of the same request had no answer, and may be why. */
  | { outcome: 'refused'; repeated: boolean }
  /** The server says that it knows no such conditions. */
  | { outcome: 'unknown' };

/** Single objects with their ETags, and writes under a condition. A server may ignore conditions: find out before relying on them. */
export class S3Conditional {
  constructor(private readonly s3: S3Connection) {}

  /** The whole object, undefined where there is none. Throws InfraError for one of more than `limit` bytes. */
  async read(key: string, limit: number): Promise<{ content: Buffer; etag: string } | undefined> {
    const { sdk, client, place } = this.s3;
    return this.s3.attempt(say('s3.read', { key }), async () => {
      try {
        const { Body, ContentLength, ETag } = await client.send(new sdk.GetObjectCommand({ Bucket: place.bucket, Key: key }));
        if (!(Body instanceof Readable) || ContentLength === undefined || ETag === undefined) throw new InfraError(say('object.noETag', { where: place.where, key }));
        return { content: await collect(Body, ContentLength, limit, () => new InfraError(say('object.tooLong', { key, where: place.where, limit }))), etag: ETag };
      } catch (error) {
        if (factsOf(error).code === 'NoSuchKey') return undefined;
        throw error;
      }
    });
  }

  /** Stores the object if the condition holds. What is sent must be the sender's own and no other's: after a lost answer it is sent again. */
  async put(key: string, content: Uint8Array, condition: PutCondition): Promise<PutResult> {
    const { sdk, client, place } = this.s3;
    const headers = 'ifMatch' in condition ? { IfMatch: condition.ifMatch } : { IfNoneMatch: condition.ifNoneMatch };
    let tries = 0;
    return this.s3.attempt(say('s3.store', { key }), async () => {
      tries += 1;
      try {
        const { ETag } = await client.send(
          new sdk.PutObjectCommand({ Bucket: place.bucket, Key: key, Body: content, ContentLength: content.length, ContentMD5: md5(content), ContentType: 'application/octet-stream', ...headers }),
        );
        if (ETag === undefined) throw new InfraError(say('object.storedNoETag', { where: place.where, key }));
        return { outcome: 'stored', etag: ETag };
      } catch (error) {
        const { code, status } = factsOf(error);
        // AWS answers 404 to If-Match where there is no object, Ceph 412.
        if (status === 412 || code === 'NoSuchKey') return { outcome: 'refused', repeated: tries > 1 };
        if (status === 501 || code === 'NotImplemented') return { outcome: 'unknown' };
        throw error;
      }
    });
  }
}

async function collect(body: Readable, length: number, limit: number, tooLong: () => InfraError): Promise<Buffer> {
  if (length > limit) {
    body.destroy();
    throw tooLong();
  }
  const content = Buffer.alloc(length);
  let filled = 0;
  for await (const chunk of body) {
    const piece = chunk as Buffer;
    if (filled + piece.length > length) break;
    filled += piece.copy(content, filled);
  }
  // As for a connection that says so itself: asked again.
  if (filled !== length) throw Object.assign(new Error(`the connection ended after ${filled} of ${length} bytes`), { code: 'ECONNRESET' });
  return content;
}
