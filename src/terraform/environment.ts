import { join } from 'node:path';

/** What every Terraform command finds in its environment, on top of this process's: the variables, and no setting of the operator's for other work. */
export function terraformEnvironment(directory: string, variables: Readonly<Record<string, unknown>>): Record<string, string> {
  const values = Object.entries(variables).map(([name, value]): [string, string] => [`TF_VAR_${name}`, typeof value === 'string' ? value : JSON.stringify(value)]);
  const none = (name: string, ...endings: readonly string[]): Record<string, string> => Object.fromEntries(endings.map((ending) => [name + ending, '']));
  return {
    ...Object.fromEntries(values),
    TF_IN_AUTOMATION: '1',
    TF_INPUT: '0',
    CHECKPOINT_DISABLE: '1',
    TF_CLI_CONFIG_FILE: join(directory, 'empty.tfrc'),
    TF_WORKSPACE: 'default',
    TF_DATA_DIR: join(directory, '.terraform'),
    ...none('TF_CLI_ARGS', '', '_init', '_plan', '_apply', '_destroy', '_output', '_show'),
    // A log would hold the state, the password of its server, or both.
    ...none('TF_LOG', '', '_CORE', '_PROVIDER', '_PATH'),
  };
}
