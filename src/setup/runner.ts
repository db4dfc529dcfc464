import { InfraError, RefusedError } from '../errors.js';
import type { Check, Step } from '../step.js';
import type { Reporter } from '../ui/reporter.js';
import { say } from './run-words.js';

export interface StepResult {
  id: string;
  title: string;
  state: 'unchanged' | 'changed';
  seconds: number;
}

export type PlannedStep = { id: string; title: string } & (Check | { state: 'unknown'; until: string });

/**
 * Runs the steps in order: check, apply, check again. A step counts as done only when its own check, made on the
 * machine after the work, says so. Stops at the first that is blocked or fails.
 */
export async function runSteps(steps: readonly Step[], reporter: Reporter, now: () => number = Date.now): Promise<StepResult[]> {
  const results: StepResult[] = [];
  for (const step of steps) {
    const started = now();
    const state = await runStep(step, reporter);
    results.push({ id: step.id, title: step.title, state, seconds: Math.round((now() - started) / 100) / 10 });
  }
  return results;
}

async function runStep(step: Step, reporter: Reporter): Promise<StepResult['state']> {
  const { title } = step;
  try {
    reporter.step(title, { state: 'checking' });
    const before = passable(step, await step.check());
    if (before.state === 'done') {
      reporter.step(title, { state: 'unchanged', ...detailOf(before) });
      return 'unchanged';
    }
    reporter.step(title, { state: 'applying' });
    await step.apply();
    const after = passable(step, await step.check());
    if (after.state === 'needed') {
      throw new InfraError(say('run.stillNeeded', { title, changes: after.changes.join('; ') }), {
        hints: ['koprogo-infra setup', 'koprogo-infra setup --plan'],
      });
    }
    reporter.step(title, { state: 'changed', ...detailOf(after) });
    return 'changed';
  } catch (error) {
    reporter.step(title, { state: 'failed' });
    throw error;
  }
}

/**
 * What every step finds and would do; nothing is changed. A step on a server that does not exist yet, or whose
 * check cannot work before an earlier step is done, is unknown until then.
 */
export async function planSteps(steps: readonly Step[], reporter: Reporter): Promise<PlannedStep[]> {
  const planned: PlannedStep[] = [];
  let noServer: string | undefined;
  let pending: string | undefined;
  for (const step of steps) {
    const { id, title } = step;
    if (step.onServer && noServer !== undefined) {
      planned.push({ id, title, state: 'unknown', until: noServer });
      continue;
    }
    reporter.step(title, { state: 'checking' });
    try {
      const found = await step.check();
      planned.push({ id, title, ...found });
      if (found.state !== 'done') {
        if (!step.onServer) noServer ??= title;
        pending ??= title;
      }
    } catch (error) {
      if (!(error instanceof InfraError) || pending === undefined) throw error;
      planned.push({ id, title, state: 'unknown', until: pending });
    }
  }
  reporter.clear();
  return planned;
}

function passable(step: Step, check: Check): Exclude<Check, { state: 'blocked' }> {
  if (check.state === 'blocked') throw new RefusedError(say('run.blocked', { title: step.title, reason: check.reason }), { hints: check.hints });
  return check;
}

function detailOf(check: Check): { detail?: string } {
  return check.state === 'done' && check.detail !== undefined ? { detail: check.detail } : {};
}
