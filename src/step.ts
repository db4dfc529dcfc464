/** What looking at the machine showed. `check` only reads. */
export type Check =
  | { state: 'done'; detail?: string }
  | { state: 'needed'; changes: readonly string[] }
  | { state: 'blocked'; reason: string; hints: readonly string[] };

/**
 * One step of the set-up. The runner checks, applies, and checks again: a step is done when its
 * own check, made on the machine, says so. `apply` must be able to start over after being killed anywhere.
 */
export interface Step {
  readonly id: string;
  readonly title: string;
  /** The step reads or changes the server, so it can only be checked once there is one. */
  readonly onServer: boolean;
  check(): Promise<Check>;
  apply(): Promise<void>;
}

export const done = (detail?: string): Check => (detail === undefined ? { state: 'done' } : { state: 'done', detail });
export const needed = (...changes: readonly string[]): Check => ({ state: 'needed', changes });
export const blocked = (reason: string, ...hints: readonly string[]): Check => ({ state: 'blocked', reason, hints });
