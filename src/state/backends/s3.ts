import { randomBytes } from 'node:crypto';
import type { ObjectStore } from '../../edges/object-store.js';
import { objectStoreAt } from '../../edges/s3.js';
import { type PutCondition, S3Conditional } from '../../edges/s3-conditional.js';
import { connectS3 } from '../../edges/s3-connection.js';
import { InfraError } from '../../errors.js';
import { type Backend, Conflict, type Expected, type StoredObject } from './backend.js';
import { checkBytes, checkId, isId, MAX_OBJECT_BYTES } from './limits.js';
import { type EtagForm, ifMatch, probeConditionalWrites } from './s3-probe.js';
import { parseS3Url, type S3StatePlace } from './s3-url.js';
import { say } from './words.js';

/**
 * What stands before the content of each object: who made it, in which format, and 16 random bytes of this very write. So
 * the same content has another ETag each time, and a writer whose answer was lost knows its own work again.
 */
const MARK = Buffer.from('KPGO\x01', 'latin1');
const NONCE_BYTES = 16;
const HEAD_BYTES = MARK.length + NONCE_BYTES;
/**
 * What stands in the place of a removed object. Most servers (Ceph 16 for one) delete without comparing, and a delete that
 * comes late would take somebody else's new object with it. So nothing is ever deleted: a removal is a conditional write of
 * these few bytes, which count as no object. They are shorter than any object, so that a listing tells them by size.
 */
const REMOVED = Buffer.from('KPGR\x01', 'latin1');
const REMOVED_BYTES = REMOVED.length + 12;

/** A revision is an ETag as the server gave it. Checked, because it becomes a header, where a bare `*` would match anything. */
const REVISION = /^"[A-Za-z0-9+/=_.:-]{1,200}"$/;
const PAUSES_MS = [300, 1000, 3000, 6000];

/**
 * Opens the state in a bucket, below a prefix. Throws InputError for a wrong URL or missing keys, InfraError when the bucket
 * cannot be used. Whether it can hold the state at all is tried at the first write (RefusedError). `pauses` are those before further tries, in ms.
 */
export async function openS3Backend(url: string, environment: NodeJS.ProcessEnv, options: { pauses?: readonly number[] } = {}): Promise<Backend> {
  const place = parseS3Url(url, environment);
  const connection = await connectS3({ ...place.options, pauses: options.pauses ?? PAUSES_MS });
  const store = objectStoreAt(connection, place.options.bucket.encryption);
  try {
    if (!(await store.bucket.exists())) {
      throw new InfraError(say('s3.none', { where: store.where }), {
        hints: [say('s3.create', { bucket: connection.place.bucket, endpoint: connection.place.endpoint }), say('s3.check')],
      });
    }
  } catch (error) {
    store.close();
    throw error;
  }
  return new S3Backend(store, new S3Conditional(connection), place);
}

class S3Backend implements Backend {
  readonly where: string;
  #form: Promise<EtagForm> | undefined;

  constructor(
    private readonly store: ObjectStore,
    private readonly objects: S3Conditional,
    private readonly place: S3StatePlace,
  ) {
    this.where = place.prefix === '' ? store.where : say('s3.where', { where: store.where, prefix: place.prefix });
  }

  async read(id: string): Promise<StoredObject | undefined> {
    checkId(this.where, id);
    const found = await this.#stored(id);
    if (!found || isRemoved(found.content)) return undefined;
    return { bytes: found.content.subarray(HEAD_BYTES), revision: found.etag };
  }

  async write(id: string, bytes: Uint8Array, expected: Expected): Promise<string> {
    checkId(this.where, id);
    checkBytes(this.where, bytes);
    const body = Buffer.concat([MARK, randomBytes(NONCE_BYTES), bytes]);
    if (expected !== 'absent') return this.#replace(id, body, expected.revision);
    await this.#checkedForm();
    const result = await this.objects.put(this.#key(id), body, { ifNoneMatch: '*' });
    if (result.outcome === 'stored') return result.etag;
    const found = await this.#stored(id);
    if (found?.content.equals(body) === true) return found.etag;
    // Removed: the few bytes that stand there are replaced under the condition that they still do.
    if (found && isRemoved(found.content)) return this.#replace(id, body, found.etag);
    throw new Conflict(this.where, id);
  }

  async remove(id: string, expected: { revision: string }): Promise<void> {
    checkId(this.where, id);
    await this.#replace(id, Buffer.concat([REMOVED, randomBytes(REMOVED_BYTES - REMOVED.length)]), expected.revision);
  }

  async ids(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { key, bytes } of this.store.list(this.place.prefix)) {
      const id = key.slice(this.place.prefix.length);
      if (bytes >= HEAD_BYTES && isId(id)) ids.push(id);
    }
    return ids.sort();
  }

  async warnings(): Promise<string[]> {
    const warnings = [...this.place.warnings];
    if ((await this.store.bucket.openToEverybody()) === true) warnings.push(say('s3.public', { where: this.store.where }));
    if ((await this.store.bucket.versioned()) === true) warnings.push(say('s3.oldVersions', { where: this.store.where }));
    return warnings;
  }

  async close(): Promise<void> {
    this.store.close();
    return Promise.resolve();
  }

  /** Stores the body where the object has this revision. Throws Conflict where it has not. */
  async #replace(id: string, body: Buffer, revision: string): Promise<string> {
    if (!REVISION.test(revision)) throw new Conflict(this.where, id);
    const condition: PutCondition = { ifMatch: ifMatch(revision, await this.#checkedForm()) };
    const result = await this.objects.put(this.#key(id), body, condition);
    if (result.outcome === 'stored') return checkedRevision(result.etag, this.where);
    // An earlier try, whose answer was lost, may have done it: then our own body stands there.
    const found = result.outcome === 'refused' && result.repeated ? await this.#stored(id) : undefined;
    if (found?.content.equals(body) === true) return found.etag;
    throw new Conflict(this.where, id);
  }

  /** The object with its head, or what stands for a removed one. */
  async #stored(id: string): Promise<{ content: Buffer; etag: string } | undefined> {
    const found = await this.objects.read(this.#key(id), MAX_OBJECT_BYTES + HEAD_BYTES);
    if (!found) return undefined;
    checkedRevision(found.etag, this.where);
    if (isRemoved(found.content) || (found.content.length >= HEAD_BYTES && found.content.subarray(0, MARK.length).equals(MARK))) return found;
    throw new InfraError(say('s3.notOurs', { key: this.#key(id), where: this.store.where }), {
      hints: [say('s3.another'), say('s3.newer')],
    });
  }

  #key(id: string): string {
    return this.place.prefix + id;
  }

  /** Once for each program run; after a failure, tried again. */
  async #checkedForm(): Promise<EtagForm> {
    this.#form ??= probeConditionalWrites(this.objects, this.store, this.place.prefix);
    const mine = this.#form;
    try {
      return await mine;
    } catch (error) {
      if (this.#form === mine) this.#form = undefined;
      throw error;
    }
  }
}

function isRemoved(content: Buffer): boolean {
  return content.length === REMOVED_BYTES && content.subarray(0, REMOVED.length).equals(REMOVED);
}

function checkedRevision(etag: string, where: string): string {
  if (!REVISION.test(etag)) throw new InfraError(say('s3.etag', { where }));
  return etag;
}
