import { type Ask, askUntilRight, BACK } from './asking.js';
import type { Answers } from './question.js';
import { QUESTIONS } from './questions.js';

/** Which installation a run is for. */
export interface ChosenInstallation {
  name: string;
  /** Where it was asked for. */
  target?: string;
  /** The name was not given: it followed from the target or was asked for, and another target is another installation. */
  derived: boolean;
}

/** Asks for the name of the installation, and takes no other than a right one; BACK to the choice of the target. */
export type AskName = (proposed: string, names: readonly string[]) => Promise<string | typeof BACK>;

/** Whom to ask, and which installations there are. */
export interface Choosing {
  ask: Ask;
  askName: AskName;
  names: readonly string[];
}

/**
 * The installation by its name; without a target, the only one there is; else target and name are asked
 * for. Without `asking` nothing is asked, and the name follows from the target. `askLanguage` is called when a conversation begins.
 */
export async function chooseInstallation(given: {
  named: string | undefined;
  target: unknown;
  names: readonly string[];
  asking?: Omit<Choosing, 'names'>;
  askLanguage?: () => Promise<void>;
}): Promise<ChosenInstallation> {
  const { named, target, names, asking, askLanguage } = given;
  const [only] = names;
  const known = named || (target === undefined ? (names.length === 1 ? only : undefined) : nameAfter(target));
  if (known === undefined && asking) {
    await askLanguage?.();
    return chooseAgain({ name: '', derived: true }, { ...asking, names });
  }
  const name = known ?? nameAfter(target);
  if (!names.includes(name)) await askLanguage?.();
  return { name, derived: !named && target === undefined };
}

/** Asks where the server shall be, and by which name this program shall know it. */
export async function chooseAgain({ name, target: before }: ChosenInstallation, { ask, askName, names }: Choosing): Promise<ChosenInstallation> {
  const question = QUESTIONS.find(({ key }) => key === 'target');
  if (!question) return { name: nameAfter(before), derived: true };
  let proposed = before ?? (name === nameAfter('host') ? 'host' : question.fallback?.({}));
  for (;;) {
    const target = await askUntilRight(question, proposed, ask);
    const chosen = await askName(name !== '' && target === before ? name : nameAfter(target), names);
    if (chosen !== BACK) return { name: chosen, derived: true, ...(typeof target === 'string' && { target }) };
    proposed = typeof target === 'string' ? target : proposed;
  }
}

/** The target of a conversation that was broken off, where it gave the installation its name. */
export function targetOfDraft({ name, derived }: ChosenInstallation, draft: Answers | undefined): string | undefined {
  const target = draft?.['target'];
  return derived && target !== undefined && nameAfter(target) === name ? target : undefined;
}

function nameAfter(target: unknown): string {
  return target === 'host' || target === 'ovh' ? 'koprogo' : 'sandbox';
}
