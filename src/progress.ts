/** What long work tells the person who waits. Rooms emit, ui/ prints. */
export interface Progress {
  /** A sentence that stays on the screen. */
  note(text: string): void;
  warn(text: string): void;
  /**
   * The state of the wait that is going on; replaces the previous one.
   * `done` and `total` share one unit: bytes when `unit` is 'bytes', else plain counts.
   */
  update(label: string, amount?: { done: number; total?: number; unit?: 'bytes' | 'items' }): void;
  /** Something that is shown once and must be written down; never sent to a log or a pipe as JSON. */
  showOnce(title: string, lines: readonly string[]): void;
}

export const silent: Progress = { note() {}, warn() {}, update() {}, showOnce() {} };
