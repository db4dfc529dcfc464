import type { Readable } from 'node:stream';
import { EXIT, InfraError } from '../errors.js';
import type { Secret } from '../secret.js';
import { say, toDo } from './words.js';

/**
 * A command as data. Builders in the rooms return it and never run it; a `Host` runs it.
 * Secrets and file contents travel in `input`, never in `argv`: argv is visible in `ps` and in sudo's log.
 */
export interface Command {
  argv: readonly string[];
  input?: string | Uint8Array | Secret | Readable;
  /** Run as root; through `sudo -n` where the user is another. */
  root?: boolean;
  /** Seconds until the command is ended and counts as failed. Default 60. */
  timeout?: number;
  /** Exit statuses that are answers and not failures. Default: only 0. */
  accept?: readonly number[];
  /** What the command is for, in words, for error messages: "format the volume". */
  purpose?: string;
  /** Called with each piece of standard output as it arrives (which is then still collected). */
  onOutput?: (text: string) => void;
}

export interface Output {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A machine that runs commands: this computer or the server. */
export interface Host {
  /** Runs to the end. Throws CommandFailed when the exit status is not accepted, TimedOut when it takes too long. */
  run(command: Command): Promise<Output>;
}

export class CommandFailed extends InfraError {
  override readonly name = 'CommandFailed';

  constructor(
    readonly command: Command,
    readonly output: Output,
    readonly on: string,
    cause?: unknown,
  ) {
    const said = lastLines(output.stderr) || lastLines(output.stdout);
    super(`${say('command.failed', { doing: toDo(purposeOf(command)), on, status: output.exitCode })}${said ? `\n${said}` : ''}`, {
      exitCode: EXIT.failed,
      cause,
    });
  }
}

export class TimedOut extends InfraError {
  override readonly name = 'TimedOut';

  constructor(command: Command, on: string) {
    super(say('command.timedOut', { doing: toDo(purposeOf(command)), on, seconds: timeoutOf(command) }));
  }
}

const DEFAULT_TIMEOUT = 60;

export function timeoutOf(command: Command): number {
  return command.timeout ?? DEFAULT_TIMEOUT;
}

export function purposeOf(command: Command): string {
  const [program] = command.argv;
  return command.purpose ?? (program === undefined ? say('command.runAny') : say('command.run', { program }));
}

/** The one quoting function: a word as POSIX sh reads it back unchanged. Throws on NUL, which no argument can hold. */
export function quote(word: string): string {
  if (word.includes('\0')) throw new InfraError(say('command.nul'));
  if (/^[A-Za-z0-9_\-./:=@%+,]+$/.test(word)) return word;
  return `'${word.replaceAll("'", `'\\''`)}'`;
}

export function commandLine(argv: readonly string[]): string {
  return argv.map(quote).join(' ');
}

/**
 * A bash script with its arguments as $1, $2 …: values are never pasted into the text.
 * Stops at the first failure, at an unset variable, and at any failing part of a pipe.
 * Without --norc, a bash that sshd started reads the user's start-up files even for -c (a build option of Debian's).
 */
export function script(body: string, ...args: readonly string[]): Pick<Command, 'argv'> {
  return { argv: ['bash', '--norc', '-euo', 'pipefail', '-c', body, 'koprogo', ...args] };
}

function lastLines(text: string, count = 12): string {
  return text
    .trim()
    .split('\n')
    .slice(-count)
    .map((line) => line.replace(/[^\P{Cc}\t]/gu, ''))
    .join('\n');
}
