/** Which installation a run is for. */
export interface ChosenInstallation {
  name: string;
  /** The name was not given: it was asked for, or is the only one there is. */
  derived: boolean;
}

/** Asks for the name of the installation, and takes no other than a right one. */
export type AskName = (proposed: string, names: readonly string[]) => Promise<string>;

/**
 * The installation by its name; without one, the one that goes with the target, or the only one there is; else the name is asked
 * for. Without `asking` nothing is asked. `askLanguage` is called when a conversation begins.
 */
export async function chooseInstallation(given: {
  named: string | undefined;
  target: unknown;
  names: readonly string[];
  asking?: AskName;
  askLanguage?: () => Promise<void>;
}): Promise<ChosenInstallation> {
  const { named, target, names, asking, askLanguage } = given;
  const [only] = names;
  const known = named || (target === undefined ? (names.length === 1 ? only : undefined) : nameAfter(target));
  if (known === undefined && asking) {
    await askLanguage?.();
    return { name: await asking(nameAfter('host'), names), derived: true };
  }
  const name = known ?? nameAfter(target);
  if (!names.includes(name)) await askLanguage?.();
  return { name, derived: !named && target === undefined };
}

function nameAfter(target: unknown): string {
  return target === 'host' || target === 'ovh' ? 'koprogo' : 'sandbox';
}
