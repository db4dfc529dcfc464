import { askText, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError, RefusedError } from '../errors.js';
import { toConfig } from '../setup/config.js';
import { createContext } from '../setup/context.js';
import { TextReporter } from '../ui/reporter.js';
import { flag, type Invocation, listOption, textOption } from './invocation.js';
import { ANSWERS_DOCUMENT, answersSchema, chooseInstallation, theStore, withState } from './open.js';
import { print } from './print.js';
import { say } from './words.js';

/**
 * Removes what the target created, then the secrets on this computer. Backups in a bucket of the operator's stay, and so do
 * disks and bucket at a provider unless each was named.
 */
export async function destroy(invocation: Invocation): Promise<ExitCode> {
  const name = await chooseInstallation(invocation);
  const reporter = new TextReporter();
  const result = await withState(name, 'destroy', async (state) => {
    const answers = await state.get(ANSWERS_DOCUMENT, answersSchema);
    // Without answers there was only the beginning of a conversation: nothing was made.
    const target = answers && createContext({ name, state, config: toConfig(answers), reporter, patience: 0 }).target;
    const choice = { named: listOption(invocation, 'withData') };
    const { goes, stays } = (await target?.describeDestroy(choice)) ?? { goes: [], stays: [] };
    // What stays holds data that can only be opened, and only be removed later, with what the state holds.
    const [removed, kept] = stays.length === 0 ? [[...goes, say('destroy.state')], []] : [goes, [...stays, say('destroy.stateStays')]];
    reporter.heading(say('destroy.heading', { name }));
    for (const line of removed) reporter.note(`  ${line}`);
    if (kept.length > 0) reporter.heading(say('destroy.keptHeading'));
    for (const line of kept) reporter.note(`  ${line}`);
    await agree(invocation, name);
    const left = (await target?.destroy(choice)) ?? [];
    if (left.length === 0) await (await theStore()).removeInstallation(name);
    reporter.clear();
    return { removed, kept, left };
  });
  print(invocation, { removed: result.removed, ...(result.kept.length > 0 && { kept: result.kept }) }, () =>
    result.left.length === 0 ? say('destroy.removed') : say('destroy.removedBut', { names: result.left.join(', '), command: `koprogo-infra destroy --with-data ${result.left.join(' ')}` }),
  );
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
