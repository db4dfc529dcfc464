import { rm } from 'node:fs/promises';
import type { BackupProgress } from '../backup/agent-config.js';
import { writeDurably } from '../edges/files.js';

const INTERVAL_MS = 500;

/** Writes the newest state of a backup to a small file, at most twice a second, for whoever looks from outside. */
export class ProgressFile {
  #pending: BackupProgress | undefined;
  #writing = Promise.resolve();
  readonly #timer: NodeJS.Timeout;

  constructor(
    private readonly path: string,
    private readonly invocation: string,
  ) {
    this.#timer = setInterval(() => {
      this.#flush();
    }, INTERVAL_MS);
  }

  report({ phase, bytes, estimate }: Pick<BackupProgress, 'phase' | 'bytes' | 'estimate'>): void {
    this.#pending = { version: 1, invocation: this.invocation, phase, bytes, estimate, updatedAt: new Date().toISOString() };
  }

  /** Removes the file: nothing is going on any more. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#writing;
    await rm(this.path, { force: true });
  }

  #flush(): void {
    const progress = this.#pending;
    if (!progress) return;
    this.#pending = undefined;
    // A full tmpfs must not end a backup: whoever looks sees an older state.
    this.#writing = this.#writing.then(() => writeDurably(this.path, `${JSON.stringify(progress)}\n`, { mode: 0o644 })).catch(() => undefined);
  }
}
