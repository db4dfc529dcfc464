import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../../edges/object-store.js';
import type { S3Conditional } from '../../edges/s3-conditional.js';
import { RefusedError } from '../../errors.js';
import { say } from './words.js';

/** How the server wants an ETag in If-Match: HTTP and AWS say with its quotation marks, Ceph 16 compares it without them. */
export type EtagForm = 'quoted' | 'bare';

/** The header's text for an ETag as the server gave it. */
export function ifMatch(etag: string, form: EtagForm): string {
  return form === 'bare' ? etag.replaceAll('"', '') : etag;
}

/**
 * Tries on an object of its own whether the bucket really compares before it stores. It is not a matter of the provider
 * alone: Ceph 16 does it in a bucket without versioning, and in a versioned one ignores If-None-Match and refuses every
 * If-Match (seen with 16.2.15). Throws RefusedError where it does not: two operators would overwrite one another unseen.
 */
export async function probeConditionalWrites(objects: S3Conditional, store: ObjectStore, prefix: string): Promise<EtagForm> {
  // A dot is in no id.
  const key = `${prefix}.probe-${randomBytes(8).toString('hex')}`;
  const put = (content: string, condition: Parameters<S3Conditional['put']>[2]) => objects.put(key, Buffer.from(`${content} ${randomBytes(8).toString('hex')}\n`), condition);
  try {
    const first = await put('probe', { ifNoneMatch: '*' });
    if (first.outcome !== 'stored') throw await unfit(store, say('s3.noneUnknown'));
    const again = await put('must not be stored', { ifNoneMatch: '*' });
    if (again.outcome === 'stored') throw await unfit(store, say('s3.noneIgnored'));
    for (const form of ['quoted', 'bare'] as const) {
      const changed = await put('changed', { ifMatch: ifMatch(first.etag, form) });
      if (changed.outcome !== 'stored') continue;
      const stale = await put('must not be stored', { ifMatch: ifMatch(first.etag, form) });
      if (stale.outcome === 'stored') throw await unfit(store, say('s3.matchIgnored'));
      return form;
    }
    throw await unfit(store, say('s3.matchUnknown'));
  } finally {
    await store.delete(key).catch(() => undefined);
  }
}

async function unfit(store: ObjectStore, what: string): Promise<RefusedError> {
  const versioned = (await store.bucket.versioned()) === true;
  return new RefusedError(say('s3.unfit', { where: store.where, what }), {
    hints: [
      ...(versioned ? [say('s3.versioned')] : []),
      say('s3.provider'),
    ],
  });
}
