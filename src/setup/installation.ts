import { type Ask, askUntilRight } from './asking.js';
import { type Answers, QUESTIONS } from './questions.js';

/** Which installation a run is for. */
export interface ChosenInstallation {
  name: string;
  /** Where it was asked for. */
  target?: string;
  /** The name was not given: it follows from the target, and another target is another installation. */
  derived: boolean;
}

/**
 * The installation by its name; without a target, the only one there is; else a new one, named after its target.
 * Without `ask` nothing is asked. `askLanguage` is called when a conversation begins.
 */
export async function chooseInstallation(given: {
  named: string | undefined;
  target: unknown;
  names: readonly string[];
  ask?: Ask;
  askLanguage?: () => Promise<void>;
}): Promise<ChosenInstallation> {
  const { named, target, names, ask, askLanguage } = given;
  const [only] = names;
  const known = named || (target === undefined ? (names.length === 1 ? only : undefined) : nameAfter(target));
  if (known === undefined && ask) {
    await askLanguage?.();
    return chooseAgain({ name: '', derived: true }, ask);
  }
  const name = known ?? nameAfter(target);
  if (!names.includes(name)) await askLanguage?.();
  return { name, derived: !named && target === undefined };
}

/** Asks where the server shall be, and names the installation after it. */
export async function chooseAgain({ name, target: before }: ChosenInstallation, ask: Ask): Promise<ChosenInstallation> {
  const question = QUESTIONS.find(({ key }) => key === 'target');
  if (!question) return { name: nameAfter(before), derived: true };
  const proposed = before ?? (name === nameAfter('host') ? 'host' : question.fallback?.({}));
  const target = await askUntilRight(question, proposed, ask);
  return { name: nameAfter(target), derived: true, ...(typeof target === 'string' && { target }) };
}

/** The target of a conversation that was broken off, where it gave the installation its name. */
export function targetOfDraft({ name, derived }: ChosenInstallation, draft: Answers | undefined): string | undefined {
  const target = draft?.['target'];
  return derived && target !== undefined && nameAfter(target) === name ? target : undefined;
}

function nameAfter(target: unknown): string {
  return target === 'host' || target === 'ovh' ? 'koprogo' : 'sandbox';
}
