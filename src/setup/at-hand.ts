import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readRegularFile, xdg } from '../edges/files.js';
import { ON_SCREEN } from '../keys/recovery/copies.js';
import { directoryProblem } from '../keys/recovery/new-directory.js';
import type { Live } from './live.js';
import { say } from './recovery-words.js';
import { say as sayOfAnswers } from './words.js';

/** What can be seen on this computer, added to what services say. `warn` hears what is right, but odd. */
export function withFilesAtHand(live: Live, warn: (text: string) => void): Live {
  return {
    ...live,
    async problem(key, answers) {
      const text = answers[key] ?? '';
      if (key === 'sshKey') return keyProblem(text);
      if (key !== 'recovery.directory') return live.problem(key, answers);
      if (text === ON_SCREEN) return answers['recovery.copies'] === 'sheets' ? undefined : sayOfAnswers('schema.path');
      const problem = await directoryProblem(text);
      if (problem === undefined && (await isOnThisDisk(text))) warn(say('recovery.sameDisk', { directory: text }));
      return problem;
    },
  };
}

async function keyProblem(path: string): Promise<string | undefined> {
  const content = await readRegularFile(path, 64 * 1024).catch(() => undefined);
  return content?.includes('PRIVATE KEY-----') ? undefined : sayOfAnswers('live.noKey');
}

/** A USB stick is another device than the disk with the encrypted state, or the system. */
async function isOnThisDisk(directory: string): Promise<boolean> {
  const deviceOf = async (path: string): Promise<number | undefined> => (await stat(path).catch(() => undefined))?.dev;
  const device = (await deviceOf(directory)) ?? (await deviceOf(dirname(resolve(directory))));
  return device !== undefined && [await deviceOf('/'), await deviceOf(xdg.state())].includes(device);
}
