import { askText, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError, RefusedError } from '../errors.js';
import { toConfig } from '../setup/config.js';
import { createContext } from '../setup/context.js';
import { TextReporter } from '../ui/reporter.js';
import { flag, type Invocation, textOption } from './invocation.js';
import { ANSWERS_DOCUMENT, answersSchema, chooseInstallation, theStore, withState } from './open.js';
import { print } from './print.js';
import { say } from './words.js';

/** Removes what the target created, then the secrets on this computer. Backups in a bucket of the operator's stay. */
export async function destroy(invocation: Invocation): Promise<ExitCode> {
  const name = await chooseInstallation(invocation);
  const reporter = new TextReporter();
  const removed = await withState(name, 'destroy', async (state) => {
    const answers = await state.get(ANSWERS_DOCUMENT, answersSchema);
    // Without answers there was only the beginning of a conversation: nothing was made.
    const target = answers && createContext({ name, state, config: toConfig(answers), reporter, patience: 0 }).target;
    const lines = [
      ...((await target?.describeDestroy()) ?? []),
      say('destroy.state'),
    ];
    reporter.heading(say('destroy.heading', { name }));
    for (const line of lines) reporter.note(`  ${line}`);
    await agree(invocation, name);
    const stays = (await target?.destroy()) ?? [];
    // What stays holds data that can only be opened, and only be removed later, with what the state holds.
    if (stays.length === 0) await (await theStore()).removeInstallation(name);
    reporter.clear();
    return lines;
  });
  print(invocation, { removed }, () => say('destroy.removed'));
  return EXIT.ok;
}

async function agree(invocation: Invocation, name: string): Promise<void> {
  const given = textOption(invocation, 'confirm');
  if (given !== undefined && given !== name) throw new InputError(say('destroy.otherName', { given, name }));
  if (given === name && (flag(invocation, 'yes') || !hasTerminal())) return;
  if (!hasTerminal()) {
    throw new RefusedError(say('destroy.needsName'), { hints: [`koprogo-infra destroy --installation ${name} --confirm ${name} --yes`] });
  }
  const typed = await askText(say('destroy.type', { name }));
  if (typed.trim() !== name) throw new RefusedError(say('destroy.notTheName', { typed, name }));
}
