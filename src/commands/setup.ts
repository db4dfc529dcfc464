import { hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode } from '../errors.js';
import { converse } from '../setup/answers.js';
import { BACK } from '../setup/asking.js';
import { withFilesAtHand } from '../setup/at-hand.js';
import { loadAnswersFile } from '../setup/answers-file.js';
import { askAtTerminal, askNameAtTerminal, tellHowToGoBack, tellResumed } from '../setup/ask.js';
import type { SetupConfig } from '../setup/config.js';
import { agree, agreeToReplace, confirmFormat, confirmOutage, refuseAnotherMachine, refuseWithoutConsent } from '../setup/consent.js';
import { type Context, createContext } from '../setup/context.js';
import { answerFlags } from '../setup/flags.js';
import { chooseInstallation, type ChosenInstallation } from '../setup/installation.js';
import { askLanguage, languageIsSaid, speakAsInDraft, spokenInDraft } from '../setup/language.js';
import { planText } from '../setup/plan-text.js';
import { ovhLive } from '../setup/ovh-live.js';
import type { Answers } from '../setup/question.js';
import { type PlannedStep, planSteps, runSteps, type StepResult } from '../setup/runner.js';
import { setupSteps } from '../setup/steps.js';
import type { StateStore } from '../state/store.js';
import { TextReporter } from '../ui/reporter.js';
import { flag, type Invocation, listOption, textOption } from './invocation.js';
import { ANSWERS_DOCUMENT, answersSchema, DRAFT_DOCUMENT, theStore, withState } from './open.js';
import { print } from './print.js';
import { glanceAtSecurity, type SecurityGlance } from './security.js';
import { summarize, summaryText } from './summary.js';

/** A first boot under emulation, with cloud-init, on a busy computer. */
const PATIENCE_SECONDS = 900;

/** What one run of the command works with, whichever installation it turns out to be for. */
interface Run {
  invocation: Invocation;
  reporter: TextReporter;
  /** Said once, in the language that the conversation turns out to be in. */
  security: () => Promise<SecurityGlance>;
  flags: Answers;
  file: unknown;
  plan: boolean;
  /** A person can be asked. */
  interactive: boolean;
  /** And shall be. */
  asking: boolean;
}

export async function setup(invocation: Invocation): Promise<ExitCode> {
  if (flag(invocation, 'printAnswers')) return printAnswers(invocation);
  const reporter = new TextReporter();
  const plan = flag(invocation, 'plan');
  const yes = flag(invocation, 'yes');
  const interactive = hasTerminal() && !flag(invocation, 'nonInteractive');
  refuseWithoutConsent({ interactive, yes, plan });
  const flags = await answerFlags((name) => textOption(invocation, name));
  const answersFile = textOption(invocation, 'answers');
  const file = answersFile === undefined ? undefined : await loadAnswersFile(answersFile);
  const asking = interactive && !yes;
  let chosen = await chooseInstallation({
    named: textOption(invocation, 'installation') ?? process.env['KOPROGO_INSTALLATION'],
    target: flags['target'] ?? process.env['KOPROGO_TARGET'] ?? (file as { target?: unknown } | undefined)?.target,
    names: await (await theStore()).installations(),
    ...(asking && { asking: askNameAtTerminal, askLanguage: languageQuestion(invocation) }),
  });
  let glance: Promise<SecurityGlance> | undefined;
  const security = () => (glance ??= glanceAtSecurity(reporter));
  const run: Run = { invocation, reporter, security, flags, file, plan, interactive, asking };
  for (;;) {
    const present = chosen;
    const code = await withState(present.name, 'setup', (state) => setUp(run, present, state));
    if (code !== BACK) return code;
    const others = (await (await theStore()).installations()).filter((name) => name !== present.name);
    chosen = { ...present, name: await askNameAtTerminal(present.name, others) };
    if (chosen.name !== present.name) await withState(present.name, 'setup', (state) => state.remove(DRAFT_DOCUMENT));
  }
}

/** BACK when a person went back to the name of the installation. */
async function setUp(run: Run, { name, derived }: ChosenInstallation, state: StateStore): Promise<ExitCode | typeof BACK> {
  const { reporter, plan } = run;
  const { audit } = await theStore();
  const stored = await state.get(ANSWERS_DOCUMENT, answersSchema);
  const draft = await state.get(DRAFT_DOCUMENT, answersSchema);
  const agreeToOutage = confirmOutage({ agreed: textOption(run.invocation, 'confirmReplace'), interactive: run.interactive, asking: run.asking, reporter });
  const open = (config: SetupConfig) =>
    createContext({ name, state, config, reporter, patience: plan ? 30 : PATIENCE_SECONDS, agreeToReplace: agreeToReplace(run.interactive, reporter), agreeToOutage, audit });
  const warn = (text: string): void => {
    reporter.warn(text);
  };
  if (run.asking && !stored) speakAsBefore(run.invocation, draft);
  await run.security();
  if (run.asking && !stored && !draft) tellHowToGoBack();
  const collected = await converse(
    { flags: run.flags, environment: process.env, file: run.file, ...(stored && { stored }), ...(draft && { draft }) },
    {
      ...(run.asking && { ask: askAtTerminal, resumed: tellResumed, asksBefore: derived && !stored }),
      acceptFallbacks: flag(run.invocation, 'yes') || plan,
      live: withFilesAtHand(ovhLive(warn), warn),
      keep: (typed) => state.put(DRAFT_DOCUMENT, { ...typed, ...spokenInDraft() }),
      agree: async ({ answers, config }, canGoBack) => {
        refuseAnotherMachine(name, stored, answers);
        return plan ? undefined : agree(open(config), answers, run.asking, canGoBack);
      },
    },
  );
  return collected === BACK ? BACK : build(run, open(collected.config), collected.answers);
}

async function build(run: Run, context: Context, answers: Answers): Promise<ExitCode> {
  const { invocation, reporter, interactive } = run;
  const security = await run.security();
  const { state } = context;
  try {
    const agreed = listOption(invocation, 'confirmFormat');
    const steps = setupSteps(context, confirmFormat({ agreed, interactive, reporter, freshDisks: () => context.target.freshDisks() }));
    if (run.plan) return printPlan(invocation, { installation: context.name, security, steps: await planSteps(steps, reporter) });
    await state.put(ANSWERS_DOCUMENT, answers);
    await state.remove(DRAFT_DOCUMENT);
    return await finish(invocation, context, { security, steps: await runSteps(steps, reporter) });
  } finally {
    context.close();
    reporter.clear();
  }
}

async function finish(invocation: Invocation, context: Context, done: { security: SecurityGlance; steps: StepResult[] }): Promise<ExitCode> {
  const summary = await summarize(context);
  print(invocation, { ...summary, ...done, sshCommands: (await context.server()).commands }, () => summaryText(summary));
  return EXIT.ok;
}

function printPlan(invocation: Invocation, plan: { installation: string; security: SecurityGlance; steps: PlannedStep[] }): ExitCode {
  print(invocation, plan, () => planText(plan.steps));
  return plan.steps.some((step) => step.state === 'blocked') ? EXIT.refused : EXIT.ok;
}

async function printAnswers(invocation: Invocation): Promise<ExitCode> {
  const { answersTemplate } = await import('../setup/template.js');
  process.stdout.write(answersTemplate(textOption(invocation, 'target') ?? process.env['KOPROGO_TARGET']));
  return EXIT.ok;
}

/** The question of the language, where nothing has said yet which one. */
function languageQuestion(invocation: Invocation): () => Promise<void> {
  return () => (languageIsSaid(textOption(invocation, 'lang'), process.env) ? Promise.resolve() : askLanguage());
}

/** A conversation that was broken off goes on in its language, where nothing else says which one. */
function speakAsBefore(invocation: Invocation, draft: Answers | undefined): void {
  if (!languageIsSaid(textOption(invocation, 'lang'), process.env)) speakAsInDraft(draft);
}
