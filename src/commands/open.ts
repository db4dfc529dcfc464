import { z } from 'zod';
import { closeAtEnd } from '../closing.js';
import { EXIT, InfraError, InputError } from '../errors.js';
import { askSecret, hasTerminal } from '../edges/prompts.js';
import { audited, type AuditEntry, auditSettings, openAuditLog } from '../keys/audit/audit.js';
import { preventCoreDumps } from '../keys/hardening/core-dumps.js';
import type { PassphraseSource } from '../keys/providers/open-provider.js';
import { type SetupConfig, toConfig } from '../setup/config.js';
import { type Context, createContext } from '../setup/context.js';
import type { Answers } from '../setup/question.js';
import { checkInstallationName, type Store } from '../state/installations.js';
import { openStore, stateRoot } from '../state/open-store.js';
import type { StateStore } from '../state/store.js';
import { takeOverPrevious } from '../state/take-over.js';
import { type Reporter, TextReporter } from '../ui/reporter.js';
import { type Invocation, textOption } from './invocation.js';
import { say } from './words.js';

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

let opened: Promise<Store> | undefined;

/** The store of all installations, opened once by a command. Takes over what is still kept in the previous format. */
export function theStore(): Promise<Store> {
  opened ??= openAndTakeOver();
  return opened;
}

async function openAndTakeOver(): Promise<Store> {
  await preventCoreDumps();
  const store = await openStore(process.env, askPassphrase, warnOfAudit);
  closeAtEnd(() => {
    opened = undefined;
    return store.close();
  });
  const moved = await takeOverPrevious(store, stateRoot());
  for (const name of moved) new TextReporter().note(say('open.moved', { name, where: store.objects.backend.where }));
  return store;
}

/** The work itself went on: so this is no failure of the command. */
export function warnOfAudit(problem: InfraError): void {
  new TextReporter().warn([problem.message, ...problem.hints.map((hint) => `  → ${hint}`)].join('\n'));
}

/** For work that must not need a state, nor make one: its lines in the audit log have no key's seal. */
export async function auditedWithoutState<T>(entry: Omit<AuditEntry, 'result'>, work: () => Promise<T>): Promise<T> {
  const log = openAuditLog({ ...auditSettings(), onProblem: warnOfAudit });
  try {
    return await audited(log, entry, work);
  } finally {
    await log.close();
  }
}

export const askPassphrase: PassphraseSource = async (purpose) => (purpose === 'open' && hasTerminal() ? askSecret(say('open.passphrase')) : undefined);

/** The name given by flag or variable, which must exist; otherwise the only installation there is. */
export async function chooseInstallation(invocation: Invocation): Promise<string> {
  const asked = textOption(invocation, 'installation') ?? process.env['KOPROGO_INSTALLATION'];
  const names = await (await theStore()).installations();
  if (asked && names.includes(checkInstallationName(asked))) return asked;
  if (asked) throw new InputError(say('open.noSuchInstallation', { name: asked }), { hints: [`koprogo-infra setup --installation ${asked}`] });
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  if (only === undefined) throw new InputError(say('open.noInstallation'), { hints: ['koprogo-infra setup --target sandbox'] });
  throw new InputError(say('open.several', { names: names.join(', ') }), { hints: [`koprogo-infra --installation ${only} …`] });
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
  return openInstallation(await chooseInstallation(invocation), options, work);
}

/** The same for an installation that is known by name. */
export async function openInstallation<T>(
  name: string,
  options: { purpose?: string; patience?: number; reporter?: Reporter },
  work: (opened: Opened) => Promise<T>,
): Promise<T> {
  const { reporter = new TextReporter() } = options;
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

/** The documents of an installation, which may be none yet. With `purpose` it is locked while the work lasts. */
export async function withState<T>(name: string, purpose: string | undefined, work: (state: StateStore) => Promise<T>): Promise<T> {
  const store = await theStore();
  const lock = purpose === undefined ? undefined : await store.lock(name, purpose);
  try {
    return await work(store.documents(name));
  } finally {
    await lock?.release();
  }
}

async function readConfig(state: StateStore, name: string): Promise<{ answers: Answers; config: SetupConfig }> {
  const answers = await state.get(ANSWERS_DOCUMENT, answersSchema);
  if (!answers) throw new InfraError(say('open.onlyQuestions', { name }), { exitCode: EXIT.usage, hints: ['koprogo-infra setup'] });
  return { answers, config: toConfig(answers) };
}
