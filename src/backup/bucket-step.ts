import { encryptedAsAsked, type ObjectStore } from '../edges/object-store.js';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { blocked, type Check, done, needed, type Step } from '../step.js';
import { openFromHere, type OpenStore, type StorageAccess, withStore } from './access.js';
import { checkPrefix } from './layout.js';
import { clockHints, clockProblem, probeBucket } from './probe.js';
import { say } from './words.js';

export interface BucketStepDeps {
  access: () => Promise<StorageAccess>;
  /** Below which this installation's backups lie. */
  prefix: string;
  /** Whether a missing bucket may be created. */
  create: boolean;
  progress: Progress;
  open?: OpenStore;
}

/**
 * The bucket: private, with versions where the storage has them, and seen to encrypt as asked. That was seen is
 * remembered in the bucket itself, by an object that HEAD must show as encrypted.
 */
export function bucketStep(deps: BucketStepDeps): Step {
  const prefix = checkPrefix(deps.prefix);
  const open = deps.open ?? openFromHere;
  const marker = `${prefix}/probe.json`;

  async function look(store: ObjectStore): Promise<Check> {
    const exists = await store.bucket.exists();
    const wrongClock = clockProblem(store.clockAhead());
    if (wrongClock !== undefined) return blocked(wrongClock, ...clockHints());
    if (!exists) {
      return deps.create
        ? needed(say('bucket.create', { where: store.where }), say('bucket.test'))
        : blocked(say('bucket.none', { where: store.where }), say('bucket.none.hint'));
    }
    if ((await store.bucket.openToEverybody()) === true) return blocked(say('bucket.open', { where: store.where }), say('bucket.open.hint'));
    const changes = [];
    if ((await store.bucket.versioned()) === false) changes.push(say('bucket.versioning', { where: store.where }));
    const head = await store.head(marker);
    if (!head || !encryptedAsAsked(store.encryption, head)) changes.push(say('bucket.testIn', { where: store.where }));
    return changes.length === 0 ? done(say('bucket.done', { where: store.where, mode: store.encryption.mode })) : needed(...changes);
  }

  async function make(store: ObjectStore): Promise<void> {
    if (!(await store.bucket.exists())) await store.bucket.create();
    if ((await store.bucket.versioned()) === false) await store.bucket.enableVersioning();
    const report = await probeBucket(store, prefix);
    if (report.versioned === undefined) deps.progress.warn(say('bucket.noVersions', { where: store.where }));
    if (report.encryption === 'none') deps.progress.warn(say('bucket.noEncryption', { where: store.where }));
    await store.put(marker, Buffer.from(`${JSON.stringify({ probedAt: new Date().toISOString(), ...report }, undefined, 2)}\n`), { contentType: 'application/json' });
  }

  return {
    id: 'bucket',
    title: say('bucket.title'),
    onServer: false,
    check: async () => {
      const access = await deps.access();
      try {
        return await withStore(open, access, look);
      } catch (error) {
        if (!(error instanceof InfraError)) throw error;
        return blocked(error.message, ...error.hints);
      }
    },
    apply: async () => {
      await withStore(open, await deps.access(), make);
    },
  };
}
