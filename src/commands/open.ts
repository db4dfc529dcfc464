import { z } from 'zod';
import { EXIT, InfraError, InputError } from '../errors.js';
import { keySourceFromEnvironment } from '../keys/key-source.js';
import { type SetupConfig, toConfig } from '../setup/config.js';
import { type Context, createContext } from '../setup/context.js';
import type { Answers } from '../setup/questions.js';
import { checkInstallationName, listInstallations, openInstallation, removeInstallation } from '../state/installations.js';
import { lockInstallation } from '../state/lock.js';
import type { StateStore } from '../state/store.js';
import { TextReporter } from '../ui/reporter.js';
import { type Invocation, textOption } from './invocation.js';

/** What set-up was told, as it was told: kept so that no answer is asked for twice. */
export const ANSWERS_DOCUMENT = 'answers';
/** What was typed so far in a conversation that is not finished. */
export const DRAFT_DOCUMENT = 'answers-draft';
export const answersSchema = z.record(z.string(), z.string());

/** A look at a server that may be down must not take minutes. */
const SHORT_PATIENCE_SECONDS = 30;

export interface Opened extends Context {
  answers: Answers;
}

/** The name given by flag or variable, which must exist; otherwise the only installation there is. */
export async function chooseInstallation(invocation: Invocation): Promise<string> {
  const asked = textOption(invocation, 'installation') ?? process.env['KOPROGO_INSTALLATION'];
  const names = await listInstallations();
  if (asked && names.includes(checkInstallationName(asked))) return asked;
  if (asked) throw new InputError(`there is no installation named "${asked}" on this computer`, { hints: [`koprogo-infra setup --installation ${asked}`] });
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  if (only === undefined) throw new InputError('there is no installation on this computer yet', { hints: ['koprogo-infra setup --target sandbox'] });
  throw new InputError(`there are several installations: ${names.join(', ')}`, { hints: [`koprogo-infra --installation ${only} …`] });
}

/**
 * Opens an installation that set-up has configured, does the work, and closes the connection whatever happens.
 * With `purpose` the installation is locked while the work lasts: for commands that change it.
 */
export async function withInstallation<T>(
  invocation: Invocation,
  options: { purpose?: string; patience?: number },
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const name = await chooseInstallation(invocation);
  const reporter = new TextReporter();
  return withState(name, options.purpose, async (state) => {
    const { answers, config } = await readConfig(state, name);
    const context = createContext({ name, state, config, reporter, patience: options.patience ?? SHORT_PATIENCE_SECONDS });
    try {
      return await work({ ...context, answers });
    } finally {
      context.close();
      reporter.clear();
    }
  });
}

/**
 * Opens the encrypted state of an installation, which is made when it does not exist yet. With `purpose` it is locked
 * while the work lasts, and a state in which nothing was stored is removed again.
 */
export async function withState<T>(name: string, purpose: string | undefined, work: (state: StateStore) => Promise<T>): Promise<T> {
  const lock = purpose === undefined ? undefined : await lockInstallation(name, purpose);
  let state: StateStore | undefined;
  try {
    state = await openInstallation(name, await keySourceFromEnvironment());
    return await work(state);
  } finally {
    if (lock && state && (await state.names()).length === 0) await removeInstallation(name);
    await lock?.release();
  }
}

async function readConfig(state: StateStore, name: string): Promise<{ answers: Answers; config: SetupConfig }> {
  const answers = await state.get(ANSWERS_DOCUMENT, answersSchema);
  if (!answers) throw new InfraError(`set-up of "${name}" has not got past the questions yet`, { exitCode: EXIT.usage, hints: ['koprogo-infra setup'] });
  return { answers, config: toConfig(answers) };
}
