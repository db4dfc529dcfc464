import type { Argument, Command, Option } from 'commander';
import { language } from '../words.js';
import { say } from './words.js';

/** commander's own titles of help, as they come: "Usage:". */
const TITLES: Readonly<Record<string, () => string>> = {
  'Usage:': () => say('usage.usage'),
  'Arguments:': () => say('usage.arguments'),
  'Options:': () => say('usage.options'),
  'Global Options:': () => say('usage.globalOptions'),
  'Commands:': () => say('usage.commands'),
};

/** What commander says of a command line that is not understood. Anything else stays in its English. */
const ERRORS: readonly (readonly [RegExp, (...found: string[]) => string])[] = [
  [/^error: unknown option '(.+?)'/, (flag) => say('usage.unknownOption', { flag })],
  [/^error: unknown command '(.+?)'/, (name) => say('usage.unknownCommand', { name })],
  [/^error: missing required argument '(.+?)'/, (name) => say('usage.missingArgument', { name })],
  [/^error: option '(.+?)' argument missing/, (flag) => say('usage.missingValue', { flag })],
  [/^error: required option '(.+?)' not specified/, (flag) => say('usage.missingOption', { flag })],
  [/^error: too many arguments(?: for '.+?')?\. Expected (\d+) arguments? but got (\d+)\./, (expected, got) => say('usage.tooMany', { expected, got })],
  [/\(Did you mean (?:one of )?(.+?)\?\)/, (names) => say('usage.didYouMean', { names })],
];

/** Help and usage errors in the language of this process. */
export function ownWords(program: Command): Command {
  return program
    .configureHelp({
      showGlobalOptions: true,
      sortSubcommands: false,
      styleTitle: (title) => TITLES[title]?.() ?? title,
      optionDescription: withDefault,
      argumentDescription: withDefault,
    })
    .configureOutput({
      outputError: (text, write) => {
        write(inOwnWords(text));
      },
    })
    .helpOption('-h, --help', say('program.help'))
    .helpCommand('help [command]', say('program.helpFor'))
    .showHelpAfterError(say('usage.list'));
}

function withDefault({ description, defaultValue }: Option | Argument): string {
  return typeof defaultValue === 'string' ? `${description} (${say('usage.default', { value: JSON.stringify(defaultValue) })})` : description;
}

export function inOwnWords(text: string): string {
  if (language() === 'en') return text;
  return ERRORS.reduce((so, [pattern, words]) => so.replace(pattern, (_, ...found: string[]) => words(...found)), text);
}
