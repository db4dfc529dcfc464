import { deferInterrupts } from '../interrupt.js';

/** Ctrl-C at a terminal reaches Terraform too, and a second signal would break it off with loss of what it was making. */
const HEARD_MS = 2000;

/**
 * Signals to this process while Terraform changes something. Only a Terraform that comes to its own end says what it has
 * made: so it is told to end where it did not hear it itself, and this process stays until it has.
 */
export class Interruption {
  readonly #told = new AbortController();
  readonly #giveBack: () => void;
  #happened = false;
  #heard = false;

  constructor() {
    this.#giveBack = deferInterrupts(() => {
      this.#happened = true;
      setTimeout(() => {
        if (!this.#heard) this.#told.abort();
      }, HEARD_MS).unref();
    });
  }

  /** Fires when Terraform is to be told. */
  get signal(): AbortSignal {
    return this.#told.signal;
  }

  get happened(): boolean {
    return this.#happened;
  }

  /** Reads in Terraform's output whether it has heard of it. */
  listen(output: string): void {
    this.#heard ||= output.includes('Interrupt received');
  }

  /** From now on a signal ends this process again. */
  giveBack(): void {
    this.#giveBack();
  }
}
