import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { askChoice, askSecret, askText, askYesNo, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InputError, messageOf, RefusedError } from '../errors.js';
import { type Ask, askUntilRight, collectAnswers, loadAnswersFile } from '../setup/answers.js';
import { type Context, createContext } from '../setup/context.js';
import { type Answers, QUESTIONS } from '../setup/questions.js';
import { type PlannedStep, planSteps, runSteps, type StepResult } from '../setup/runner.js';
import { setupSteps } from '../setup/steps.js';
import { TextReporter } from '../ui/reporter.js';
import { flag, type Invocation, listOption, textOption } from './invocation.js';
import { ANSWERS_DOCUMENT, answersSchema, DRAFT_DOCUMENT, theStore, withState } from './open.js';
import { print } from './print.js';
import { glanceAtSecurity, type SecurityGlance } from './security.js';
import { summarize, summaryText } from './summary.js';

/** A first boot under emulation, with cloud-init, on a busy computer. */
const PATIENCE_SECONDS = 900;

export async function setup(invocation: Invocation): Promise<ExitCode> {
  const reporter = new TextReporter();
  const plan = flag(invocation, 'plan');
  const interactive = hasTerminal() && !flag(invocation, 'nonInteractive');
  if (!interactive && !flag(invocation, 'yes') && !plan) {
    throw new InputError('there is nobody to ask and nothing was agreed to: no terminal (or --non-interactive) and no --yes', {
      hints: ['look first: koprogo-infra setup --plan', 'then agree: koprogo-infra setup --yes'],
    });
  }
  const asking = interactive && !flag(invocation, 'yes');
  const flags = await answerFlags(invocation);
  const answersFile = textOption(invocation, 'answers');
  const file = answersFile === undefined ? undefined : await loadAnswersFile(answersFile);
  const security = await glanceAtSecurity(reporter);
  const { name, chosen } = await chooseName({ invocation, flags, file, asking });
  return withState(name, 'setup', async (state) => {
    const stored = await state.get(ANSWERS_DOCUMENT, answersSchema);
    const draft = { ...(await state.get(DRAFT_DOCUMENT, answersSchema)), ...chosen };
    const { answers, config } = await collectAnswers(
      { flags: { ...flags, ...chosen }, environment: process.env, file, draft, ...(stored && { stored }) },
      { ...(asking && { ask: askAtTerminal }), acceptFallbacks: flag(invocation, 'yes') || plan, keep: (typed) => state.put(DRAFT_DOCUMENT, typed) },
    );
    refuseAnotherMachine(name, stored, answers);
    const context = createContext({ name, state, config, reporter, patience: plan ? 30 : PATIENCE_SECONDS });
    try {
      const steps = setupSteps(context, confirmFormat(invocation, context, interactive));
      if (plan) return printPlan(invocation, { installation: name, security, steps: await planSteps(steps, reporter) });
      await agree(invocation, context, interactive);
      await state.put(ANSWERS_DOCUMENT, answers);
      await state.remove(DRAFT_DOCUMENT);
      return await finish(invocation, context, { security, steps: await runSteps(steps, reporter) });
    } finally {
      context.close();
      reporter.clear();
    }
  });
}

async function finish(invocation: Invocation, context: Context, done: { security: SecurityGlance; steps: StepResult[] }): Promise<ExitCode> {
  const summary = await summarize(context);
  print(invocation, { ...summary, ...done, sshCommands: (await context.server()).commands }, () => summaryText(summary));
  return EXIT.ok;
}

/** The same answers that a prompt would ask for, from flags; a secret's flag names a file. */
async function answerFlags(invocation: Invocation): Promise<Answers> {
  const flags: Record<string, string> = {};
  for (const { key, flag: definition, secret } of QUESTIONS) {
    const value = textOption(invocation, new Option(definition).attributeName());
    if (value === undefined) continue;
    flags[key] = secret ? await secretFromFile(value) : value;
  }
  return flags;
}

async function secretFromFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new InputError(`the file ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The installation by flag or variable; without a target, the only one there is; else a new one, named after its
 * target. `chosen` is the target where it had to be asked for.
 */
async function chooseName(given: { invocation: Invocation; flags: Answers; file: unknown; asking: boolean }): Promise<{ name: string; chosen?: Answers }> {
  const { invocation, flags, file, asking } = given;
  const asked = textOption(invocation, 'installation') ?? process.env['KOPROGO_INSTALLATION'];
  if (asked) return { name: asked };
  const names = await (await theStore()).installations();
  const target = flags['target'] ?? process.env['KOPROGO_TARGET'] ?? (file as { target?: unknown } | undefined)?.target;
  if (target === undefined && names.length === 1 && names[0] !== undefined) return { name: names[0] };
  const nameAfter = (kind: unknown) => (kind === 'host' ? 'koprogo' : 'sandbox');
  const [question] = QUESTIONS;
  if (target !== undefined || !asking || question === undefined) return { name: nameAfter(target) };
  const kind = (await askUntilRight(question, question.fallback?.({}), askAtTerminal)) ?? '';
  return { name: nameAfter(kind), chosen: { target: kind } };
}

/** An installation keeps its machine: other disks or another server would need another installation. */
function refuseAnotherMachine(name: string, stored: Answers | undefined, answers: Answers): void {
  if (!stored) return;
  for (const key of ['target', 'host.address', 'disks.postgres', 'disks.documents'] as const) {
    if (stored[key] !== answers[key]) {
      throw new InputError(`installation "${name}" has ${key} ${stored[key] ?? '(none)'}; it cannot become ${answers[key] ?? '(none)'}`, {
        hints: ['for another server: koprogo-infra setup --installation OTHER-NAME', `to start over: koprogo-infra destroy --installation ${name}`],
      });
    }
  }
}

const askAtTerminal: Ask = async (question, fallback, problem) => {
  const message = problem === undefined ? question.ask : `${question.ask} (${problem})`;
  if (problem === undefined && question.explain !== undefined) process.stderr.write(`${question.explain}\n`);
  if (question.choices) return askChoice(message, question.choices, fallback);
  if (question.secret) return (await askSecret(message)).reveal();
  return askText(message, fallback);
};

async function agree(invocation: Invocation, context: Context, interactive: boolean): Promise<void> {
  context.reporter.heading(`Installation "${context.name}", target ${context.target.name}`);
  for (const line of context.target.describeSetup()) context.reporter.note(`  ${line}`);
  if (flag(invocation, 'yes') || !interactive) return;
  if (!(await askYesNo('Go on?', true))) throw new RefusedError('not agreed to; nothing was changed', { hints: ['koprogo-infra setup --plan'] });
}

/** Formatting loses what is on a disk: its id is typed, or was given; --yes is not enough. */
function confirmFormat(invocation: Invocation, context: Context, interactive: boolean): (disks: string[]) => Promise<void> {
  return async (disks) => {
    const agreed = new Set([...listOption(invocation, 'confirmFormat'), ...(await context.target.freshDisks())]);
    for (const disk of disks.filter((id) => !agreed.has(id))) {
      if (!interactive) {
        throw new RefusedError(`formatting ${disk} was not agreed to`, { hints: [`koprogo-infra setup --confirm-format ${disks.join(' ')}`] });
      }
      context.reporter.clear();
      const typed = await askText(`${disk} will be formatted; everything on it is lost. Type its id to go on`);
      if (typed.trim() !== disk) throw new RefusedError(`"${typed}" is not ${disk}; nothing was formatted`);
    }
  };
}

function printPlan(invocation: Invocation, plan: { installation: string; security: SecurityGlance; steps: PlannedStep[] }): ExitCode {
  const { steps } = plan;
  print(invocation, plan, () => steps.map(planLine).join('\n'));
  return steps.some((step) => step.state === 'blocked') ? EXIT.refused : EXIT.ok;
}

function planLine(step: PlannedStep): string {
  switch (step.state) {
    case 'done':
      return `  done     ${step.title}`;
    case 'needed':
      return [`  to do    ${step.title}`, ...step.changes.map((change) => `             ${change}`)].join('\n');
    case 'blocked':
      return [`  BLOCKED  ${step.title}: ${step.reason}`, ...step.hints.map((hint) => `             → ${hint}`)].join('\n');
    case 'unknown':
      return `  unknown  ${step.title} (until this is done: ${step.until})`;
  }
}
