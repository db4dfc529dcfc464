import { InfraError, messageOf } from '../errors.js';
import type { Progress } from '../progress.js';
import { Conflict } from '../state/backends/backend.js';
import { hasLegacyState, takeOverLegacyState } from './legacy-state.js';
import { isOfEndedRun, thisProcess, waitForOrphans } from './process-holder.js';
import { refused, StateNotStored, storeFailed } from './state-errors.js';
import { fingerprint, NotAState, parseState, relate, type TerraformState } from './state-format.js';
import { StateLocked, type TerraformLock, type TerraformStateStore, withDeadline } from './state-store.js';
import { say } from './words.js';

/** What Terraform is going to do: get ready (which reads the state), read only (plan, output, show), build, or take down. */
export type RunMode = 'init' | 'read' | 'apply' | 'destroy';

/** Whether it writes the state, under the lock. */
export function changesState(mode: RunMode): boolean {
  return mode === 'apply' || mode === 'destroy';
}

export interface StateRunOptions {
  store: TerraformStateStore;
  mode: RunMode;
  /** Terraform's working folder. */
  folder: string;
  progress: Progress;
  /** After so long a store that does not answer counts as failed. Default 60. */
  storeSeconds?: number;
}

/** How long a Terraform that outlived its killed run is waited for. */
const ORPHAN_SECONDS = 300;
const STORE_SECONDS = 60;
/** The locks of the runs that go on in this process. */
const HELD = new Set<string>();

/**
 * Terraform's state while one Terraform command runs: what it asks the server for, and how it ends.
 *
 * A state that Terraform hands over is always taken, because Terraform would write one that is not into a file in clear:
 * it is kept encrypted on this computer first and then stored. What the store did not take, for whatever reason, stays in
 * the spool, together with the lock, and the run ends with an error that says so; the next one stores it before anything else.
 */
export class StateRun {
  #stored: TerraformState | undefined;
  #revision: unknown;
  #pending: TerraformState | undefined;
  /** Why the pending state is not stored. */
  #problem: StateNotStored | undefined;
  /** Why it is not in the spool either. */
  #notKept: unknown;
  /** What was sent to the store last without an answer that it is there: it may be, or come to be. */
  #unconfirmed: Buffer | undefined;
  #lock: string | undefined;
  /** Why a question of Terraform's could not be answered; it only says "HTTP 424" itself. */
  #failure: InfraError | undefined;
  #queue: Promise<unknown> = Promise.resolve();

  readonly #store: TerraformStateStore;

  private constructor(private readonly options: StateRunOptions) {
    this.#store = withDeadline(options.store, options.storeSeconds ?? STORE_SECONDS);
  }

  /** Brings what earlier runs left into order, and obtains every key, before Terraform starts. */
  static async begin(options: StateRunOptions): Promise<StateRun> {
    const run = new StateRun(options);
    try {
      if (options.mode !== 'read') await run.#takeOver();
      if (changesState(options.mode)) await run.#tidyUp();
      return run;
    } catch (error) {
      options.store.spool.close();
      throw error;
    }
  }

  /** The newest state. A run that only reads also sees what is not stored yet, and leaves it where it is. */
  read(): Promise<Buffer | undefined> {
    return this.#answer(async () => {
      await this.#refresh();
      return changesState(this.options.mode) ? this.#stored?.bytes : this.#newest();
    });
  }

  lock(info: TerraformLock): Promise<'taken' | TerraformLock> {
    return this.#answer(async () => {
      const holder = await thisProcess();
      // Before the answer: without one it may be taken none the less, and then has to be released.
      this.#lock ??= info.ID;
      HELD.add(this.#lock);
      const answer = await this.#store.lock({ ...info, holder });
      if (answer !== 'taken' && info.ID === this.#lock) this.#forgetLock();
      this.#failure = answer === 'taken' ? undefined : new StateLocked(answer);
      return answer;
    });
  }

  /** The lock of this run is really released by `finish`: while a state is not stored, nobody else is to build on the one before it. */
  unlock(id: string): Promise<'released' | TerraformLock> {
    return this.#answer(async () => (id === this.#lock ? 'released' : this.#store.unlock(id)));
  }

  /** Takes a state. False when it does not come under the lock of this run. Throws NotAState. */
  post(lock: string | undefined, bytes: Buffer): Promise<boolean> {
    return this.#inTurn(async () => {
      if (lock === undefined || lock !== this.#lock) return false;
      this.#pending = parseState(bytes);
      await this.#keepAndDeliver(this.#pending);
      return true;
    });
  }

  /** After Terraform has ended: tries once more what failed, releases the lock. Returns what must not be passed over in silence. */
  finish(): Promise<{ unstored?: StateNotStored; failure?: InfraError }> {
    return this.#inTurn(async () => {
      try {
        if (this.#pending) await this.#keepAndDeliver(this.#pending);
        if (this.#problem) return { unstored: this.#problem };
        if (this.#lock !== undefined) await this.#store.unlock(this.#lock);
      } catch (error) {
        this.#failure ??= infraError(error);
      } finally {
        this.#forgetLock();
        if (changesState(this.options.mode)) this.#store.spool.close();
      }
      return this.#failure ? { failure: this.#failure } : {};
    });
  }

  #forgetLock(): void {
    if (this.#lock !== undefined) HELD.delete(this.#lock);
    this.#lock = undefined;
  }

  async #takeOver(): Promise<void> {
    const { folder, progress } = this.options;
    if (!(await hasLegacyState(folder))) return;
    await waitForOrphans(folder, ORPHAN_SECONDS, progress);
    await takeOverLegacyState(folder, this.#store);
  }

  async #tidyUp(): Promise<void> {
    const store = this.#store;
    const { folder, progress } = this.options;
    await store.spool.prepare();
    const lock = await store.readLock();
    const dead = lock !== undefined && !HELD.has(lock.ID) && (await isOfEndedRun(lock));
    if (dead) await waitForOrphans(folder, ORPHAN_SECONDS, progress);
    await this.#storeKept();
    // Last: until then nobody else could build on a state that is not the newest.
    if (!dead) return;
    await store.unlock(lock.ID);
    progress.note(say('lock.left', { who: lock.Who, created: lock.Created }));
  }

  async #storeKept(): Promise<void> {
    await this.#refresh();
    const kept = await this.#kept();
    if (!kept) return;
    if (!kept.fits) throw refused(this.#store, kept.state, 'forked', undefined);
    this.#pending = kept.state;
    await this.#deliver(kept.state);
    if (this.#problem) throw this.#problem;
  }

  /** What the spool has, and whether it was made over the state that is stored now (or is that state). */
  async #kept(): Promise<{ state: TerraformState; fits: boolean } | undefined> {
    const found = await this.#store.spool.kept();
    if (!found) return undefined;
    const stored = fingerprint(this.#stored?.bytes);
    return { state: parseStored(found.bytes, this.#store.spool.place), fits: [...found.over, fingerprint(found.bytes)].includes(stored) };
  }

  async #newest(): Promise<Buffer | undefined> {
    const kept = await this.#kept();
    const newer = kept?.fits === true && relate(this.#stored, kept.state, { destroying: false }) === 'newer';
    return newer ? kept.state.bytes : this.#stored?.bytes;
  }

  async #refresh(): Promise<void> {
    const store = this.#store;
    const found = await store.read();
    this.#stored = found && parseStored(found.bytes, store.where);
    this.#revision = found?.revision;
  }

  async #keepAndDeliver(state: TerraformState): Promise<void> {
    this.#notKept = undefined;
    const over = [fingerprint(this.#stored?.bytes), ...(this.#unconfirmed ? [fingerprint(this.#unconfirmed)] : [])];
    await this.#store.spool.keep({ bytes: state.bytes, over }).catch((error: unknown) => {
      this.#notKept = error;
    });
    await this.#deliver(state);
  }

  /** Stores the state, or sets down why not. */
  async #deliver(state: TerraformState): Promise<void> {
    try {
      await this.#write(state);
    } catch (error) {
      this.#problem = error instanceof StateNotStored ? error : storeFailed(this.#store, state, error, this.#notKept);
      return;
    }
    this.#pending = undefined;
    this.#problem = undefined;
    this.#unconfirmed = undefined;
    await this.#store.spool.clear().catch((error: unknown) => {
      this.#failure = infraError(error);
    });
  }

  async #write(state: TerraformState): Promise<void> {
    const relation = relate(this.#stored, state, { destroying: this.options.mode === 'destroy' });
    if (relation === 'same') return;
    if (relation !== 'newer') throw refused(this.#store, state, relation, this.#notKept);
    try {
      this.#revision = await this.#store.write(state.bytes, this.#revision);
    } catch (error) {
      if (error instanceof Conflict) await this.#overOwnWrite(state);
      else {
        this.#unconfirmed = state.bytes;
        throw error;
      }
    }
    this.#stored = state;
  }

  /** A write whose answer was lost or late, and which then counts as somebody else's. Anybody else's is not written over. */
  async #overOwnWrite(state: TerraformState): Promise<void> {
    const found = await this.#store.read();
    const own = [state.bytes, this.#unconfirmed].some((bytes) => bytes !== undefined && found?.bytes.equals(bytes) === true);
    // What was read before stays the measure: each further try fails here again.
    if (!found || !own) throw refused(this.#store, state, 'forked', this.#notKept);
    this.#revision = found.bytes.equals(state.bytes) ? found.revision : await this.#store.write(state.bytes, found.revision);
  }

  /** One question after the other, so that the end of the run does not overtake a state that is on its way into the store. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#queue.then(work);
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  #answer<T>(work: () => Promise<T>): Promise<T> {
    return this.#inTurn(async () => {
      try {
        return await work();
      } catch (error) {
        this.#failure = infraError(error);
        throw error;
      }
    });
  }
}

function parseStored(bytes: Buffer, where: string): TerraformState {
  try {
    return parseState(bytes);
  } catch (cause) {
    if (!(cause instanceof NotAState)) throw cause;
    throw new InfraError(say('state.unusable', { where, why: cause.message }), { hints: [say('state.putBack')], cause });
  }
}

function infraError(error: unknown): InfraError {
  return error instanceof InfraError ? error : new InfraError(say('state.failed', { why: messageOf(error) }), { cause: error });
}
