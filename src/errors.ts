/** Exit codes of every command; documented in docs/commands.md. */
export const EXIT = {
  ok: 0,
  /** A bug in koprogo-infra itself. */
  bug: 1,
  /** The command line, the answers file or another input is wrong; nothing was changed. */
  usage: 2,
  /** The work was tried and failed; the message says what and what to type next. */
  failed: 3,
  /** Works, but with less protection or redundancy than asked for. */
  degraded: 4,
  /** A volume is locked. */
  locked: 5,
  /** Somebody else holds the lock: another setup, another backup. */
  busy: 6,
  /** Refused, because going on could destroy data. */
  refused: 7,
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface InfraErrorOptions {
  /** Exact commands or actions that help, the likeliest first. */
  hints?: readonly string[];
  exitCode?: ExitCode;
  cause?: unknown;
}

/**
 * An expected failure: something outside this program is not as it must be.
 * The message names what failed and on what; hints name the next command.
 * Anything else that is thrown is a bug and is shown as one.
 */
export class InfraError extends Error {
  override readonly name: string = 'InfraError';
  readonly hints: readonly string[];
  readonly exitCode: ExitCode;

  constructor(message: string, options: InfraErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hints = options.hints ?? [];
    this.exitCode = options.exitCode ?? EXIT.failed;
  }
}

/** Wrong input, found before anything was changed. */
export class InputError extends InfraError {
  override readonly name = 'InputError';

  constructor(message: string, options: Omit<InfraErrorOptions, 'exitCode'> = {}) {
    super(message, { ...options, exitCode: EXIT.usage });
  }
}

/** Refusal to do what could destroy data. */
export class RefusedError extends InfraError {
  override readonly name = 'RefusedError';

  constructor(message: string, options: Omit<InfraErrorOptions, 'exitCode'> = {}) {
    super(message, { ...options, exitCode: EXIT.refused });
  }
}

/** The text of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
