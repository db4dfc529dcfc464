import { askYesNo } from '../../edges/prompts.js';
import { RefusedError } from '../../errors.js';
import type { StateStore } from '../../state/store.js';
import { writeNewDirectory } from './new-directory.js';
import { exportRecoveryKey, unlockPrivateKey } from './recovery-key.js';
import { sheet, sheetName, type SheetSubject } from './share-sheet.js';
import { type Share, splitPassphrase } from './shares.js';
import { say } from './words.js';

const CLEAR_SCREEN_AND_SCROLLBACK = '\u001b[H\u001b[2J\u001b[3J';

/** Splits the passphrase of the recovery key and hands the sheets out: into a new directory, or one at a time at this terminal. */
export async function handOutSheets(given: { state: StateStore; installation: string; plan: { count: number; threshold: number }; directory: string | undefined }): Promise<{ shares: Share[]; fingerprint: string }> {
  const { state, installation, plan, directory } = given;
  const { fingerprint, passphrase, privateKey } = await exportRecoveryKey(state);
  const shares = await splitPassphrase(passphrase, plan);
  // What does not open the key today must not be handed out for the day when nothing else does.
  await unlockPrivateKey(privateKey, passphrase, fingerprint);
  const subject = { installation, fingerprint, privateKey, made: new Date() };
  if (directory === undefined) await showSheets(shares, subject);
  else await writeNewDirectory(directory, shares.map((share) => [sheetName(share), sheet(share, subject)]));
  return { shares, fingerprint };
}

/** One sheet at a time, and none of them stays on the screen: who scrolls back must not find the whole set. */
async function showSheets(shares: readonly Share[], subject: SheetSubject): Promise<void> {
  try {
    for (const share of shares) {
      process.stderr.write(`${CLEAR_SCREEN_AND_SCROLLBACK}${sheet(share, subject)}\n`);
      if (await askYesNo(say('shares.copied', { index: share.index, count: share.count }), false)) continue;
      throw new RefusedError(say('shares.notAllCopied'), { hints: [say('shares.destroyCopies')] });
    }
  } finally {
    process.stderr.write(CLEAR_SCREEN_AND_SCROLLBACK);
  }
}
