import type { ObjectStore } from '../edges/object-store.js';
import { openS3 } from '../edges/s3.js';
import type { Bucket } from '../machine.js';
import type { Secret } from '../secret.js';

/** A bucket and the key to it, as a target gives them. */
export interface StorageAccess {
  bucket: Bucket;
  accessKeyId: string;
  secretAccessKey: Secret;
}

export type OpenStore = (access: StorageAccess) => Promise<ObjectStore>;

/** Opens the bucket as this computer reaches it. */
export const openFromHere: OpenStore = (access) => openS3({ ...access, from: 'here' });

/** Runs work with the opened bucket and closes its connections. */
export async function withStore<T>(open: OpenStore, access: StorageAccess, work: (store: ObjectStore) => Promise<T>): Promise<T> {
  const store = await open(access);
  try {
    return await work(store);
  } finally {
    store.close();
  }
}
