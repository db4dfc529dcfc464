import { withStore, openFromHere, type StorageAccess } from '../backup/access.js';
import type { Manifest } from '../backup/manifest.js';
import { newestBackup } from '../backup/list.js';
import type { BackupSource } from '../backup/restore-stream.js';
import type { DatabaseTarget } from '../backup/scratch.js';
import type { ObjectStore } from '../edges/object-store.js';
import { InfraError } from '../errors.js';
import { exportRecoveryKey, unlockPrivateKey } from '../keys/recovery/recovery-key.js';
import { STACK_DATABASE } from '../stack/database.js';
import type { Context } from './context.js';
import { say } from './run-words.js';

/** The folder of an installation in its bucket: several may share one. */
export const backupPrefix = ({ name }: Pick<Context, 'name'>) => `koprogo/${name}`;

export async function storageAccess({ name, target }: Pick<Context, 'name' | 'target'>): Promise<StorageAccess> {
  const access = await target.bucket();
  if (access) return access;
  throw new InfraError(say('open.noObjectStore', { name }), { hints: ['koprogo-infra setup'] });
}

/** Runs work with the bucket, as this computer reaches it. */
export async function withBackups<T>(context: Context, work: (store: ObjectStore, prefix: string) => Promise<T>): Promise<T> {
  return withStore(openFromHere, await storageAccess(context), (store) => work(store, backupPrefix(context)));
}

/** The live database's server, by psql in its own container. */
export async function databaseTarget(context: Context): Promise<DatabaseTarget> {
  return { host: await context.server(), access: STACK_DATABASE, root: true };
}

/** Runs work with the newest complete backup of this installation and its unlocked key; `undefined` when there is none. */
export async function withNewestBackup<T>(context: Context, work: (source: BackupSource | undefined) => Promise<T>): Promise<T> {
  return withBackups(context, async (store, prefix) => {
    const manifest: Manifest | undefined = await newestBackup(store, prefix);
    if (!manifest) return work(undefined);
    const { privateKey, passphrase, fingerprint } = await exportRecoveryKey(context.state);
    return work({ store, prefix, manifest, privateKey: await unlockPrivateKey(privateKey, passphrase, fingerprint) });
  });
}
