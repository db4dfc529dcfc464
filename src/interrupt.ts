import { EXIT, InfraError } from './errors.js';
import { say } from './program-words.js';

/** Ctrl-C, or the end of the terminal. */
export class Interrupted extends InfraError {
  override readonly name = 'Interrupted';

  constructor(cause?: unknown) {
    super(say('program.interrupted'), {
      exitCode: EXIT.interrupted,
      hints: [say('program.again')],
      cause,
    });
  }
}

let held = 0;
const deferrals = new Set<() => void>();

/** While another program has the terminal, Ctrl-C is meant for that one. The returned function gives it back. */
export function holdInterrupts(): () => void {
  held += 1;
  return () => {
    held -= 1;
  };
}

/**
 * While work lasts that must come to its own end, because it then says what it made, a signal does not end this process:
 * `tell` is called instead, and whoever does the work throws Interrupted when it has ended. The returned function
 * gives the signals back.
 */
export function deferInterrupts(tell: () => void): () => void {
  const deferral = (): void => {
    tell();
  };
  deferrals.add(deferral);
  return () => void deferrals.delete(deferral);
}

/** Calls back at the first signal that asks this process to end. The work need not be undone: every step can start over. */
export function onInterrupt(end: (reason: Interrupted) => void): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (deferrals.size > 0) for (const tell of deferrals) tell();
      else if (held === 0 || signal !== 'SIGINT') end(new Interrupted());
    });
  }
}
