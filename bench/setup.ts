import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Operator } from '../test/e2e/harness.js';

const SETUP = ['setup', '--target', 'sandbox', '--yes'];
/** The promise: a set-up that finds everything done sends at most so many commands to the server. */
const LIMIT = 25;

interface Report {
  sshCommands: number;
  steps: { state: string; seconds: number }[];
}

/** Sets a sandbox up from nothing, and again, and counts the commands over SSH. False when the promise is broken. */
export async function countSshCommands(root: string, say: (line: string) => void): Promise<boolean> {
  const operator = new Operator({ program: join(root, 'bin', 'koprogo-infra.js') });
  try {
    const fresh = (await operator.json(SETUP, { timeout: 3000 })) as Report;
    const again = (await operator.json(SETUP, { timeout: 1000 })) as Report;
    const changed = again.steps.filter(({ state }) => state === 'changed').length;
    say(`set-up of a sandbox: ${fresh.sshCommands} commands over SSH; again: ${again.sshCommands}, at most ${LIMIT} allowed, ${changed} steps changed something`);
    return again.sshCommands <= LIMIT && changed === 0;
  } finally {
    operator.end();
    const gone = await operator.cli(['destroy', '--confirm', 'sandbox', '--yes'], { timeout: 300 });
    // Without its state nobody could take the machine away any more.
    if (gone.code === 0 || !existsSync(join(operator.home, 'data', 'koprogo-infra', 'sandbox'))) operator.remove();
    else say(`the sandbox could not be removed, its files stay in ${operator.home}: ${gone.stderr.trim()}`);
  }
}
