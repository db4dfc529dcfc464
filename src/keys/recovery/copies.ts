import { z } from 'zod';
import type { Progress } from '../../progress.js';
import type { StateStore } from '../../state/store.js';
import { blocked, done, needed, type Step } from '../../step.js';
import { directoryProblem } from './new-directory.js';
import { readRecoveryKey } from './recovery-key.js';
import { say } from './words.js';

export const COPIES_DOCUMENT = 'recovery-copies';
/** What is answered where sheets shall be shown at the terminal. */
export const ON_SCREEN = '-';

const copySchema = z.object({
  /** `kit`: all that opens backups and disks. `sheets`: shares of the recovery key's passphrase, with its private part. */
  kind: z.enum(['kit', 'sheets']),
  /** Of the recovery key that was copied. */
  fingerprint: z.string(),
  at: z.iso.datetime(),
});
export type RecoveryCopy = z.infer<typeof copySchema>;

/** The newest of each kind and key; that a copy was made, not where it is. */
export const copiesSchema = z.object({ version: z.literal(1), copies: z.array(copySchema) });

export async function recordCopy(state: StateStore, { kind, fingerprint }: Pick<RecoveryCopy, 'kind' | 'fingerprint'>): Promise<void> {
  const stored = await state.get(COPIES_DOCUMENT, copiesSchema);
  const others = (stored?.copies ?? []).filter((copy) => copy.kind !== kind || copy.fingerprint !== fingerprint);
  await state.put(COPIES_DOCUMENT, { version: 1, copies: [...others, { kind, fingerprint, at: new Date().toISOString() }] });
}

/** The newest copy of the present recovery key, of one kind or of any; undefined when none was ever made. */
export async function newestCopy(state: StateStore, kind?: RecoveryCopy['kind']): Promise<RecoveryCopy | undefined> {
  const key = await readRecoveryKey(state);
  const stored = await state.get(COPIES_DOCUMENT, copiesSchema);
  return stored?.copies.findLast((copy) => copy.fingerprint === key?.fingerprint && (kind === undefined || copy.kind === kind));
}

/** "recovery kit, made on 2026-11-29" */
export function describeCopy({ kind, at }: Pick<RecoveryCopy, 'kind' | 'at'>): string {
  return say('copies.done', { kind: kind === 'kit' ? say('copies.kindKit') : say('copies.kindSheets'), day: at.slice(0, 10) });
}

export interface CopiesWanted {
  copies: RecoveryCopy['kind'];
  /** ON_SCREEN, or nothing, for sheets that are shown. */
  directory?: string | undefined;
}

/**
 * Makes the copy that was asked for, once for each recovery key. `make` gets no directory for sheets that are shown.
 * Killed while it writes, it refuses the directory it began: what is in a directory is never written over.
 */
export function recoveryCopiesStep(dependencies: {
  state: StateStore;
  progress: Progress;
  wanted: CopiesWanted;
  hasTerminal: () => boolean;
  make: (kind: RecoveryCopy['kind'], directory: string | undefined) => Promise<{ fingerprint: string }>;
}): Step {
  const { state, progress, wanted, hasTerminal, make } = dependencies;
  const { copies: kind, directory = ON_SCREEN } = wanted;
  const onScreen = directory === ON_SCREEN;
  return {
    id: 'recovery-copies',
    title: say('copies.title'),
    onServer: false,
    async check() {
      const copy = await newestCopy(state, kind);
      if (copy) return done(describeCopy(copy));
      if (onScreen && !hasTerminal()) return blocked(say('copies.noTerminal'), say('copies.nameNew'));
      const problem = onScreen ? undefined : await directoryProblem(directory);
      if (problem !== undefined) return blocked(problem, say('copies.nameNew'));
      if (onScreen) return needed(say('copies.screen'));
      return needed(kind === 'kit' ? say('copies.kit', { directory }) : say('copies.sheets', { directory }));
    },
    async apply() {
      const { fingerprint } = await make(kind, onScreen ? undefined : directory);
      await recordCopy(state, { kind, fingerprint });
      if (!onScreen) progress.warn(kind === 'kit' ? say('copies.takeKit', { directory }) : say('copies.takeSheets', { directory }));
    },
  };
}
