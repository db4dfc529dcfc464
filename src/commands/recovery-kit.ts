import { EXIT, type ExitCode } from '../errors.js';
import { recordCopy } from '../keys/recovery/copies.js';
import { writeKit } from '../setup/recovery-kit.js';
import { type Invocation, textOption } from './invocation.js';
import { withInstallation, withState } from './open.js';
import { print } from './print.js';
import { say } from './words.js';

/** Everything that somebody needs who has lost this computer: written once, in clear, for a safe place elsewhere. */
export async function recoveryKit(invocation: Invocation): Promise<ExitCode> {
  const directory = textOption(invocation, 'to') ?? '';
  const { name, files, fingerprint } = await withInstallation(invocation, {}, async (context) => ({ name: context.name, ...(await writeKit(context, directory)) }));
  print(invocation, { directory, files }, () => say('kit.written', { directory, files: files.map((file) => `  ${file}`).join('\n') }));
  // Last: a kit is worth having on the day when nothing can be recorded.
  await withState(name, 'recovery-kit', (state) => recordCopy(state, { kind: 'kit', fingerprint }));
  return EXIT.ok;
}
