import { encryptedAsAsked, type ObjectStore } from '../edges/object-store.js';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { blocked, type Check, done, needed, type Step } from '../step.js';
import { openFromHere, type OpenStore, type StorageAccess, withStore } from './access.js';
import { checkPrefix } from './layout.js';
import { CLOCK_HINTS, clockProblem, probeBucket } from './probe.js';

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
    if (wrongClock !== undefined) return blocked(wrongClock, ...CLOCK_HINTS);
    if (!exists) {
      return deps.create
        ? needed(`create the private, versioned ${store.where}`, 'store, look at and delete a test object')
        : blocked(`there is no ${store.where}`, 'create it where it is managed, private and with versioning, then type the same command again');
    }
    if ((await store.bucket.openToEverybody()) === true) return blocked(`${store.where} is open to everybody`, 'make it private where it is managed, or choose another bucket');
    const changes = [];
    if ((await store.bucket.versioned()) === false) changes.push(`switch versioning on in ${store.where}`);
    const head = await store.head(marker);
    if (!head || !encryptedAsAsked(store.encryption, head)) changes.push(`store, look at and delete a test object in ${store.where}`);
    return changes.length === 0 ? done(`${store.where}, private, encryption ${store.encryption.mode}`) : needed(...changes);
  }

  async function make(store: ObjectStore): Promise<void> {
    if (!(await store.bucket.exists())) await store.bucket.create();
    if ((await store.bucket.versioned()) === false) await store.bucket.enableVersioning();
    const report = await probeBucket(store, prefix);
    if (report.versioned === undefined) deps.progress.warn(`${store.where} has no versioning: what is overwritten or deleted there is gone`);
    if (report.encryption === 'none') deps.progress.warn(`${store.where} stores without server-side encryption, as chosen: backups are encrypted with the recovery key all the same`);
    await store.put(marker, Buffer.from(`${JSON.stringify({ probedAt: new Date().toISOString(), ...report }, undefined, 2)}\n`), { contentType: 'application/json' });
  }

  return {
    id: 'bucket',
    title: 'Bucket for backups',
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
