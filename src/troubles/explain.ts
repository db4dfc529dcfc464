import { CommandFailed } from '../edges/command.js';
import { InfraError } from '../errors.js';
import { recognise } from './recognise.js';
import type { Trouble } from './trouble.js';
import { say } from './words.js';

/** How many of the last lines that a program printed are shown when its trouble was recognised. */
const LINES_SHOWN = 3;
/** Errors that hold each other in a circle come from outside this program, if at all. */
const LONGEST_CHAIN = 10;

/** Whether everything is to be shown that a failed program printed: --verbose before any `--`, or KOPROGO_VERBOSE. */
export function isVerbose(argv: readonly string[], environment: NodeJS.ProcessEnv): boolean {
  const end = argv.indexOf('--');
  return (end === -1 ? argv : argv.slice(0, end)).includes('--verbose') || Boolean(environment['KOPROGO_VERBOSE']);
}

/**
 * The same failure as a person is to read it: where the words of a foreign program are recognised, what failed, the few
 * last lines of what it printed, the cause, and what helps before the hints that the error came with. Unrecognised, as it is.
 */
export function explained(error: InfraError, verbose: boolean): InfraError {
  const troubles = troublesOf(error);
  if (troubles.length === 0) return error;
  const message = [verbose ? error.message : shortened(error.message), ...troubles.map(({ cause }) => say('explain.cause', { cause }))].join('\n');
  const hints = [...new Set([...troubles.map(({ fix }) => fix), ...error.hints, ...(verbose ? [] : [say('explain.more')])])];
  return new InfraError(message, { hints, exitCode: error.exitCode, cause: error });
}

/**
 * What the catalogue knows about an error: about its message, all that its command printed, and, as long as no error on
 * the way has hints, about its causes. An error with hints was translated at the edge, where more is known than here.
 */
export function troublesOf(error: InfraError): Trouble[] {
  const texts: string[] = [];
  for (const one of chainOf(error)) {
    texts.push(textOf(one));
    if (one instanceof InfraError && one.hints.length > 0) break;
  }
  return recognise(texts.join('\n'));
}

/** All that is known of a failure, for whoever looks for its reason: outputs whole, causes, where in this program. Printable. */
export function everythingAbout(error: unknown): string {
  return chainOf(error)
    .map((one) => (one instanceof Error ? [one.stack ?? one.message, ...(one instanceof CommandFailed ? [one.output.stdout, one.output.stderr] : [])].join('\n') : String(one)))
    .join('\n')
    .replace(/[^\P{Cc}\n\t]/gu, '');
}

function textOf(error: unknown): string {
  if (error instanceof CommandFailed) return `${error.message}\n${error.output.stdout}\n${error.output.stderr}`;
  return error instanceof Error ? error.message : String(error);
}

function chainOf(error: unknown): unknown[] {
  const chain: unknown[] = [];
  for (let one = error; one !== undefined && chain.length < LONGEST_CHAIN; one = one instanceof Error ? one.cause : undefined) chain.push(one);
  return chain;
}

function shortened(message: string): string {
  const [first = '', ...rest] = message.split('\n');
  const lines = rest.filter((line) => line.trim() !== '');
  return [first, ...(lines.length > LINES_SHOWN ? ['…'] : []), ...lines.slice(-LINES_SHOWN)].join('\n');
}
