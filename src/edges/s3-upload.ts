import { createHash } from 'node:crypto';
import { InfraError } from '../errors.js';
import type { Upload } from './object-store.js';
import type { S3Connection } from './s3-connection.js';
import { factsOf } from './s3-errors.js';
import { say } from './words.js';

/** One multipart upload at an S3 server. A part is in memory, so it can be sent again as it was. */
export class S3Upload implements Upload {
  readonly #etags = new Map<number, string>();

  constructor(
    private readonly s3: S3Connection,
    private readonly target: { Bucket: string; Key: string; UploadId: string },
    private readonly signal: AbortSignal | undefined,
  ) {}

  async writePart(number: number, bytes: Uint8Array): Promise<void> {
    const { sdk, client, place } = this.s3;
    const ContentMD5 = md5(bytes);
    const sent = await this.s3.attempt(
      say('s3.sendPart', { part: number, key: this.target.Key }),
      () =>
        client.send(
          new sdk.UploadPartCommand({ ...this.target, PartNumber: number, Body: bytes, ContentLength: bytes.length, ContentMD5 }),
          this.signal ? { abortSignal: this.signal } : {},
        ),
      this.signal,
    );
    if (sent.ETag === undefined) throw new InfraError(say('object.partNoETag', { where: place.where, part: number, key: this.target.Key }));
    this.#etags.set(number, sent.ETag);
  }

  async complete(): Promise<void> {
    const { sdk, client } = this.s3;
    const Parts = [...this.#etags].sort(([a], [b]) => a - b).map(([PartNumber, ETag]) => ({ PartNumber, ETag }));
    let tries = 0;
    await this.s3.attempt(say('s3.completeUpload', { key: this.target.Key }), async () => {
      tries += 1;
      try {
        await client.send(new sdk.CompleteMultipartUploadCommand({ ...this.target, MultipartUpload: { Parts } }));
      } catch (error) {
        // The answer to an earlier try was lost, the upload was not. Whoever completes looks at the object next.
        if (tries > 1 && factsOf(error).code === 'NoSuchUpload') return;
        throw error;
      }
    });
  }

  async abort(): Promise<void> {
    const { sdk, client } = this.s3;
    await this.s3
      .attempt(say('s3.abortUpload', { key: this.target.Key }), () => client.send(new sdk.AbortMultipartUploadCommand(this.target)))
      .catch(() => undefined);
  }
}

/** As the header Content-MD5 wants it: the server refuses what arrives otherwise. */
export function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}
