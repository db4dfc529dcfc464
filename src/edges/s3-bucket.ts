import type { BucketAdmin } from './object-store.js';
import type { S3Connection } from './s3-connection.js';
import { factsOf } from './s3-errors.js';
import { say } from './words.js';

/** Groups of an access list that mean everybody, or everybody with any account at the provider. */
const EVERYBODY = /\/(AllUsers|AuthenticatedUsers)$/;
const ANONYMOUS_TIMEOUT_MS = 10_000;

/** The bucket itself, at an S3 server. */
export class S3BucketAdmin implements BucketAdmin {
  constructor(private readonly s3: S3Connection) {}

  async exists(): Promise<boolean> {
    const { sdk, client, place } = this.s3;
    return this.s3.attempt(say('s3.lookAtBucket'), async () => {
      try {
        await client.send(new sdk.HeadBucketCommand({ Bucket: place.bucket }));
        return true;
      } catch (error) {
        if (factsOf(error).status === 404) return false;
        // An answer to HEAD has no body, so no reason: a listing has one.
        await client.send(new sdk.ListObjectsV2Command({ Bucket: place.bucket, MaxKeys: 1 }));
        return true;
      }
    });
  }

  async create(): Promise<void> {
    const { sdk, client, place } = this.s3;
    await this.s3.attempt(say('s3.createBucket'), async () => {
      try {
        await client.send(new sdk.CreateBucketCommand({ Bucket: place.bucket, ACL: 'private' }));
      } catch (error) {
        if (factsOf(error).code !== 'BucketAlreadyOwnedByYou') throw error;
      }
    });
    await this.#closeToPublic();
    await this.enableVersioning();
  }

  async versioned(): Promise<boolean | undefined> {
    const { sdk, client, place } = this.s3;
    const answer = await this.#ifKnown(say('s3.readVersioning'), () => client.send(new sdk.GetBucketVersioningCommand({ Bucket: place.bucket })));
    return answer && answer.Status === 'Enabled';
  }

  async enableVersioning(): Promise<void> {
    const { sdk, client, place } = this.s3;
    await this.#ifKnown(say('s3.enableVersioning'), () =>
      client.send(new sdk.PutBucketVersioningCommand({ Bucket: place.bucket, VersioningConfiguration: { Status: 'Enabled' } })),
    );
  }

  async openToEverybody(): Promise<boolean | undefined> {
    const { sdk, client, place } = this.s3;
    const acl = await this.#ifKnown(say('s3.readAcl'), () => client.send(new sdk.GetBucketAclCommand({ Bucket: place.bucket })));
    if (acl?.Grants?.some(({ Grantee }) => EVERYBODY.test(Grantee?.URI ?? '')) === true) return true;
    const policy = await this.#ifKnown(say('s3.readPolicy'), async () => {
      try {
        return await client.send(new sdk.GetBucketPolicyStatusCommand({ Bucket: place.bucket }));
      } catch (error) {
        if (factsOf(error).code === 'NoSuchBucketPolicy') return { PolicyStatus: { IsPublic: false } };
        throw error;
      }
    });
    if (policy?.PolicyStatus?.IsPublic === true) return true;
    return acl === undefined ? undefined : false;
  }

  async anonymousStatus(key: string): Promise<number | undefined> {
    const { endpoint, bucket } = this.s3.place;
    const path = key.split('/').map(encodeURIComponent).join('/');
    try {
      const answer = await fetch(`${endpoint.replace(/\/+$/, '')}/${bucket}/${path}`, {
        method: 'HEAD',
        redirect: 'manual',
        signal: AbortSignal.timeout(ANONYMOUS_TIMEOUT_MS),
      });
      return answer.status;
    } catch {
      return undefined;
    }
  }

  /**
   * Makes grants to everybody without effect, where the server knows how. BlockPublicAcls is left out: with it, Ceph 16
   * denies every PutObject, and IgnorePublicAcls already takes the effect from such lists. What is stricter stays.
   */
  async #closeToPublic(): Promise<void> {
    const { sdk, client, place } = this.s3;
    const wanted = { IgnorePublicAcls: true, BlockPublicPolicy: true, RestrictPublicBuckets: true };
    const found = await this.#ifKnown(say('s3.readBlock'), () => client.send(new sdk.GetPublicAccessBlockCommand({ Bucket: place.bucket })));
    const now = found?.PublicAccessBlockConfiguration;
    if (now?.IgnorePublicAcls === true && now.BlockPublicPolicy === true && now.RestrictPublicBuckets === true) return;
    await this.#ifKnown(say('s3.closeToPublic'), () =>
      client.send(new sdk.PutPublicAccessBlockCommand({ Bucket: place.bucket, PublicAccessBlockConfiguration: wanted })),
    );
  }

  /** Some servers do not know every question, and some keys may not ask: undefined then. */
  async #ifKnown<T>(doing: string, request: () => Promise<T>): Promise<T | undefined> {
    return this.s3.attempt(doing, async () => {
      try {
        return await request();
      } catch (error) {
        const { code, status } = factsOf(error);
        const unknown = [400, 403, 404, 405, 501].includes(status ?? 0) && !['NoSuchBucket', 'InvalidAccessKeyId', 'SignatureDoesNotMatch', 'RequestTimeTooSkewed'].includes(code);
        if (unknown) return undefined;
        throw error;
      }
    });
  }
}
