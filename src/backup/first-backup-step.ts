import type { Host } from '../edges/command.js';
import type { Progress } from '../progress.js';
import { done, needed, type Step } from '../step.js';
import { openFromHere, type OpenStore, type StorageAccess, withStore } from './access.js';
import { newestBackup } from './list.js';
import { runBackup } from './run.js';
import { say } from './words.js';

export interface FirstBackupStepDeps {
  server: () => Promise<Host>;
  access: () => Promise<StorageAccess>;
  /** Only a backup that this key opens counts: another one may be of no use to this operator. */
  publicKey: () => Promise<{ fingerprint: string }>;
  installation: string;
  prefix: string;
  progress: Progress;
  open?: OpenStore;
}

/** At least one complete backup of this installation lies in the bucket, encrypted to the present recovery key. */
export function firstBackupStep(deps: FirstBackupStepDeps): Step {
  return {
    id: 'first-backup',
    title: say('first.title'),
    onServer: true,
    check: async () => {
      const { fingerprint } = await deps.publicKey();
      const newest = await withStore(deps.open ?? openFromHere, await deps.access(), async (store) =>
        (await store.bucket.exists())
          ? newestBackup(store, deps.prefix, (manifest) => manifest.installation === deps.installation && manifest.recoveryKey.fingerprint === fingerprint)
          : undefined,
      );
      return newest ? done(say('first.done', { id: newest.id })) : needed(say('first.make'));
    },
    apply: async () => {
      await runBackup({ server: await deps.server(), progress: deps.progress });
    },
  };
}
