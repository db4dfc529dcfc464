import { InputError } from '../errors.js';
import { Interrupted } from '../interrupt.js';
import { Secret } from '../secret.js';
import { helpLine, promptWords, yesAndNo } from './prompting/theme.js';

/** True when a person can be asked: questions go to standard error, answers come from standard input. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

export async function askText(message: string, fallback?: string): Promise<string> {
  const { input } = await prompts();
  return ask(() => input({ message, ...(fallback === undefined ? {} : { default: fallback }) }, screen));
}

export async function askSecret(message: string): Promise<Secret> {
  const { password } = await prompts();
  return new Secret(await ask(() => password({ message, mask: true, theme: { style: { keysHelpTip: helpLine } } }, screen)));
}

/**
 * A text that is shown while it is typed, so that it can be compared with paper, and not afterwards. `check` says what
 * is wrong with it, and the answer can then be mended.
 */
export async function askFromPaper(message: string, check: (typed: string) => string | undefined): Promise<string> {
  const { input } = await prompts();
  const validate = (typed: string) => check(typed) ?? true;
  return ask(() => input({ message, validate, transformer: (typed, { isFinal }) => (isFinal ? promptWords.read() : typed) }, screen));
}

export async function askChoice(message: string, choices: readonly { value: string; name: string }[], fallback?: string): Promise<string> {
  const { select } = await prompts();
  return ask(() => select({ message, choices: [...choices], theme: { style: { keysHelpTip: helpLine } }, ...(fallback === undefined ? {} : { default: fallback }) }, screen));
}

export async function askYesNo(message: string, fallback: boolean): Promise<boolean> {
  const { confirm } = await prompts();
  return ask(() => confirm({ message, default: fallback, theme: { keywords: yesAndNo() } }, screen));
}

/** Standard output belongs to results. */
const screen = { output: process.stderr };

async function prompts() {
  if (!hasTerminal()) {
    throw new InputError(promptWords.noTerminal(), { hints: [promptWords.noTerminalFix()] });
  }
  return import('@inquirer/prompts');
}

async function ask<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'ExitPromptError') throw new Interrupted(cause);
    throw cause;
  }
}
