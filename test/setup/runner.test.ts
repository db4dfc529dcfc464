import { describe, expect, it } from 'vitest';
import { InfraError, RefusedError } from '../../src/errors.js';
import { planSteps, runSteps } from '../../src/setup/runner.js';
import { blocked, type Check, done, needed, type Step } from '../../src/step.js';
import { RecordingReporter } from '../fixtures/reporter.js';

/** A step whose checks are given in order; the last one repeats. */
function step(id: string, checks: Check[], extra: Partial<Step> & { log?: string[] } = {}): Step {
  let at = 0;
  const { log = [], ...rest } = extra;
  return {
    id,
    title: id.toUpperCase(),
    onServer: false,
    check: async () => {
      log.push(`check ${id}`);
      const found = checks[Math.min(at, checks.length - 1)];
      at += 1;
      if (!found) throw new Error('no check given');
      return found;
    },
    apply: async () => {
      log.push(`apply ${id}`);
    },
    ...rest,
  };
}

describe('runSteps', () => {
  it('checks, applies, checks again, and leaves alone what is done', async () => {
    const log: string[] = [];
    const results = await runSteps([step('a', [done()], { log }), step('b', [needed('x'), done('fine')], { log })], new RecordingReporter());
    expect(log).toEqual(['check a', 'check b', 'apply b', 'check b']);
    expect(results.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'unchanged'],
      ['b', 'changed'],
    ]);
  });

  it('does not believe a step whose check still finds work after apply', async () => {
    await expect(runSteps([step('a', [needed('the port is open')])], new RecordingReporter())).rejects.toThrow(/still finds: the port is open/);
  });

  it('stops at a blocked step before anything later runs', async () => {
    const log: string[] = [];
    const steps = [step('a', [blocked('the disk holds an ext4', 'choose another')], { log }), step('b', [needed('x')], { log })];
    await expect(runSteps(steps, new RecordingReporter())).rejects.toThrow(RefusedError);
    expect(log).toEqual(['check a']);
  });

  it('shows the failed step and passes the error on', async () => {
    const reporter = new RecordingReporter();
    const failing = step('a', [needed('x')], { apply: () => Promise.reject(new InfraError('no space left')) });
    await expect(runSteps([failing], reporter)).rejects.toThrow('no space left');
    expect(reporter.lines).toContain('failed A');
  });
});

describe('planSteps', () => {
  it('applies nothing, and calls steps on a server that is not there yet unknown', async () => {
    const log: string[] = [];
    const plan = await planSteps(
      [step('a', [done()], { log }), step('machine', [needed('build it')], { log }), step('luks', [done()], { log, onServer: true })],
      new RecordingReporter(),
    );
    expect(log).toEqual(['check a', 'check machine']);
    expect(plan.map(({ id, state }) => [id, state])).toEqual([
      ['a', 'done'],
      ['machine', 'needed'],
      ['luks', 'unknown'],
    ]);
  });

  it('shows a blocked step with its reason and looks on', async () => {
    const plan = await planSteps([step('a', [blocked('no')], { onServer: true }), step('b', [done()], { onServer: true })], new RecordingReporter());
    expect(plan.map(({ state }) => state)).toEqual(['blocked', 'done']);
  });

  it('calls a check that cannot work before an earlier step unknown, but passes on one that has no such excuse', async () => {
    const failing = step('b', [], { onServer: true, check: () => Promise.reject(new InfraError('docker: not found')) });
    const plan = await planSteps([step('a', [needed('install docker')], { onServer: true }), failing], new RecordingReporter());
    expect(plan[1]).toMatchObject({ state: 'unknown', until: 'A' });
    await expect(planSteps([failing], new RecordingReporter())).rejects.toThrow('docker: not found');
  });
});
