import { join } from 'node:path';
import type { Secret } from '../secret.js';

/** Names of environment variables, and what they are set to. A plain text is no secret, but goes the same way. */
export type SecretVariables = Readonly<Record<string, Secret | string>>;

/** What every Terraform command finds in its environment, on top of this process's: the variables, and no setting of the operator's for other work. */
export function terraformEnvironment(directory: string, variables: Readonly<Record<string, unknown>>): Record<string, string> {
  const values = Object.entries(variables).map(([name, value]): [string, string] => [`TF_VAR_${name}`, typeof value === 'string' ? value : JSON.stringify(value)]);
  return {
    ...emptied(process.env),
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

/**
 * What a command that talks to a provider finds besides. The OVH provider would complete a token from ~/.ovh.conf, and
 * refuse it where that one is of another kind: HOME leads elsewhere. (`init` keeps the real one, below which providers may lie.)
 */
export function secretEnvironment(directory: string, secrets: SecretVariables): Record<string, string> {
  if (Object.keys(secrets).length === 0) return {};
  const values = Object.entries(secrets).map(([name, value]): [string, string] => [name, typeof value === 'string' ? value : value.reveal()]);
  return { ...Object.fromEntries(values), HOME: join(directory, '.terraform') };
}

/** The text without the secrets, line by line, should a program quote one. */
export function withoutSecrets(text: string, secrets: SecretVariables): string {
  const lines = Object.values(secrets).flatMap((value) => (typeof value === 'string' ? [] : value.reveal().split('\n')));
  // What is shorter is no secret, and would leave nothing of the sentence.
  return lines.map((line) => line.trim()).filter((line) => line.length >= 8).reduce((left, line) => left.replaceAll(line, '…'), text);
}

/** The operator's own credentials for OpenStack and OVH: with one of them a provider would log in elsewhere, or as somebody else. Empty counts as unset. */
function emptied(environment: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.keys(environment).filter((name) => /^(OS|OVH)_/.test(name)).map((name) => [name, '']));
}

function none(name: string, ...endings: readonly string[]): Record<string, string> {
  return Object.fromEntries(endings.map((ending) => [name + ending, '']));
}
