import { InputError } from '../errors.js';
import { Interrupted } from '../interrupt.js';
import { Secret } from '../secret.js';
import { readPastedLines } from './prompting/pasted-lines.js';
import { helpLine, promptWords, yesAndNo } from './prompting/theme.js';
import { TypedInput } from './prompting/typed-input.js';

/** Of an answer, once it was given: two kilobytes of rubbish would fill the screen. */
const MOST_SHOWN = 200;

/** True when a person can be asked: questions go to standard error, answers come from standard input. */
export function hasTerminal(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}

/** `takeLines`: several lines may be pasted instead, and are the answer, joined by "\n". */
export async function askText(message: string, fallback?: string, { takeLines = false } = {}): Promise<string> {
  const { input } = await prompts();
  const transformer = (typed: string, { isFinal }: { isFinal: boolean }) => (isFinal && typed.length > MOST_SHOWN ? `${typed.slice(0, MOST_SHOWN)}…` : typed);
  const lines = takeLines ? (text: string) => text : undefined;
  return ask((screen) => input({ message, transformer, ...(fallback === undefined ? {} : { default: fallback }) }, screen), lines);
}

export async function askSecret(message: string): Promise<Secret> {
  const { password } = await prompts();
  return new Secret(await ask((screen) => password({ message, mask: true, theme: { style: { keysHelpTip: helpLine } } }, screen)));
}

/**
 * A text that is shown while it is typed, so that it can be compared with paper, and not afterwards. `check` says what
 * is wrong with it, and the answer can then be mended. Pasted lines are taken as one.
 */
export async function askFromPaper(message: string, check: (typed: string) => string | undefined): Promise<string> {
  const { input } = await prompts();
  const validate = (typed: string) => check(typed) ?? true;
  const inOneLine = (pasted: string) => {
    const typed = pasted.trim().replaceAll(/\s+/g, ' ');
    const problem = check(typed);
    if (problem === undefined) return typed;
    process.stderr.write(`${problem}\n`);
    return undefined;
  };
  return ask((screen) => input({ message, validate, transformer: (typed, { isFinal }) => (isFinal ? promptWords.read() : typed) }, screen), inOneLine);
}

export async function askChoice(message: string, choices: readonly { value: string; name: string }[], fallback?: string): Promise<string> {
  const { select } = await prompts();
  // Of "host: a server that you reach by SSH", what is left on the screen once it was chosen.
  const shown = choices.map(({ value, name }) => ({ value, name, short: /^[^:]*[^:\s]/.exec(name)?.[0] ?? name }));
  return ask((screen) => select({ message, choices: shown, theme: { style: { keysHelpTip: helpLine } }, ...(fallback === undefined ? {} : { default: fallback }) }, screen));
}

export async function askYesNo(message: string, fallback: boolean): Promise<boolean> {
  const { confirm } = await prompts();
  return ask((screen) => confirm({ message, default: fallback, theme: { keywords: yesAndNo() } }, screen));
}

/** Many lines, not shown, up to one with only a dot, or Ctrl-D; `first` was typed already. */
export async function askLines(first?: string): Promise<string> {
  process.stderr.write(`${promptWords.paste()}\n`);
  return readPastedLines(process.stdin, first === undefined ? '' : `${first}\n`);
}

interface Screen {
  input: TypedInput;
  output: NodeJS.WriteStream;
  signal: AbortSignal;
}

async function prompts() {
  if (!hasTerminal()) {
    throw new InputError(promptWords.noTerminal(), { hints: [promptWords.noTerminalFix()] });
  }
  return import('@inquirer/prompts');
}

/**
 * Several lines that are pasted where one is asked for answer neither this question nor the next ones: `lines` may make
 * an answer of them, and otherwise the question is asked again.
 */
async function ask<T>(question: (screen: Screen) => Promise<T>, lines?: (pasted: string) => T | undefined): Promise<T> {
  for (;;) {
    const aborting = new AbortController();
    let pasted: string | undefined;
    const input = new TypedInput(process.stdin, (text) => {
      pasted = text;
      aborting.abort();
    });
    try {
      // Standard output belongs to results.
      return await question({ input, output: process.stderr, signal: aborting.signal });
    } catch (cause) {
      if (cause instanceof Error && cause.name === 'ExitPromptError') throw new Interrupted(cause);
      if (pasted === undefined) throw cause;
      const answer = lines?.(pasted);
      if (answer !== undefined) return answer;
      if (!lines) process.stderr.write(`${promptWords.manyLines()}\n`);
    } finally {
      input.release();
    }
  }
}
