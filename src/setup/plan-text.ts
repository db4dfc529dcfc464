import type { PlannedStep } from './runner.js';
import { say } from './words.js';

/** The plan for a person: one line per step, what would change below it. */
export function planText(steps: readonly PlannedStep[]): string {
  return steps.map(planLine).join('\n');
}

function planLine(step: PlannedStep): string {
  const { title } = step;
  switch (step.state) {
    case 'done':
      return line(say('plan.done'), title);
    case 'needed':
      return [line(say('plan.needed'), title), ...step.changes.map((change) => `             ${change}`)].join('\n');
    case 'blocked':
      return [line(say('plan.blocked'), say('plan.because', { title, reason: step.reason })), ...step.hints.map((hint) => `             → ${hint}`)].join('\n');
    case 'unknown':
      return line(say('plan.unknown'), say('plan.until', { title, until: step.until }));
  }
}

function line(state: string, text: string): string {
  return `  ${state.padEnd(9)}${text}`;
}
