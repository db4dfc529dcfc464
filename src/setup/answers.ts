import { InputError } from '../errors.js';
import { placeInFile, readAnswersFile } from './answers-file.js';
import { type SetupConfig, toConfig } from './config.js';
import { type Answers, type Question, QUESTIONS } from './questions.js';
import { SCHEMAS } from './schemas.js';
import { say } from './words.js';

/** Where answers come from, the strongest first. `flags` and `stored` are by question key. */
export interface AnswerSources {
  flags: Answers;
  environment: NodeJS.ProcessEnv;
  /** Content of the answers file, parsed; undefined without one. */
  file?: unknown;
  /** What an earlier run was told. */
  stored?: Answers;
  /** What was typed in a conversation that was broken off: passed over, and open to change by going back. */
  draft?: Answers;
}

/** Said instead of an answer: to the question before. */
export const BACK = Symbol('back');

/** Asks one question at the terminal; `problem` is what was wrong with the last try, `canGoBack` whether BACK may be said. */
export type Ask = (question: Question, fallback: string | undefined, problem?: string, canGoBack?: boolean) => Promise<string | undefined | typeof BACK>;

export interface ConversationOptions {
  /** Without it (no terminal, --non-interactive) nothing is asked. */
  ask?: Ask;
  acceptFallbacks: boolean;
  /** Called after each typed answer, with all typed so far but secrets; '' stands for an optional question left empty. */
  keep?: (typed: Answers) => Promise<void>;
  /** Called before the first question, when answers of a conversation that was broken off were taken. */
  resumed?: (answers: Answers) => void;
  /** Called when all is answered: BACK leads to the last question again. */
  agree?: (collected: Collected, canGoBack: boolean) => Promise<typeof BACK | undefined>;
  /** Whether something was asked before these questions: then BACK at the first is the result. */
  asksBefore?: boolean;
}

export interface Collected {
  /** The texts, to be kept for the next run. */
  answers: Answers;
  config: SetupConfig;
}

/** A conversation that has nothing before it: see converse. */
export async function collectAnswers(sources: AnswerSources, options: Omit<ConversationOptions, 'asksBefore'>): Promise<Collected> {
  for (;;) {
    const collected = await converse(sources, options);
    if (collected !== BACK) return collected;
  }
}

/**
 * Collects an answer to every question that applies. Without `ask` fallbacks are taken where `acceptFallbacks`, and
 * everything that is wrong or missing is one InputError, each line with its path.
 * Returns the texts and the validated configuration, or BACK when a person went back beyond the first question.
 */
export async function converse(sources: AnswerSources, options: ConversationOptions): Promise<Collected | typeof BACK> {
  const conversation = new Conversation(sources, options);
  for (;;) {
    if ((await conversation.askAll()) === BACK) return BACK;
    const { answers } = conversation;
    const collected = { answers, config: toConfig(answers) };
    if ((await options.agree?.(collected, conversation.canGoBack)) !== BACK) return collected;
    if (!conversation.goBack()) return BACK;
  }
}

class Conversation {
  readonly #sources: AnswerSources;
  readonly #options: ConversationOptions;
  readonly #file: Answers;
  readonly #problems: string[];
  readonly #typed: Record<string, string>;
  /** In this process only: what was typed unseen, so that going back does not cost it. */
  readonly #secrets: Record<string, string> = {};
  readonly #answers = new Map<string, string>();
  /** Places in QUESTIONS that a person answered, in this conversation or in the one that was broken off. */
  readonly #trail: number[] = [];
  #next = 0;
  #resuming: boolean;

  constructor(sources: AnswerSources, options: ConversationOptions) {
    const { texts, problems } = readAnswersFile(sources.file);
    this.#sources = sources;
    this.#options = options;
    this.#file = texts;
    this.#problems = problems;
    this.#typed = { ...sources.draft };
    this.#resuming = options.ask !== undefined && sources.draft !== undefined;
  }

  get answers(): Answers {
    return Object.fromEntries(this.#answers);
  }

  get canGoBack(): boolean {
    return this.#trail.length > 0 || this.#options.asksBefore === true;
  }

  /** Forgets the answers from the last one that a person gave on; false when there is none. */
  goBack(): boolean {
    const place = this.#trail.pop();
    if (place === undefined) return false;
    this.#next = place;
    for (const { key } of QUESTIONS.slice(place)) this.#answers.delete(key);
    return true;
  }

  async askAll(): Promise<typeof BACK | undefined> {
    for (let question = QUESTIONS[this.#next]; question !== undefined; question = QUESTIONS[this.#next]) {
      if (this.#passOver(question)) this.#next += 1;
      else if ((await this.#askNow(question)) !== BACK) this.#next += 1;
      else if (!this.goBack()) return BACK;
    }
    if (this.#problems.length === 0) return undefined;
    throw new InputError(say('answers.incomplete', { problems: this.#problems.map((line) => `  ${line}`).join('\n') }), { hints: [say('answers.again')] });
  }

  /** True when nothing has to be asked: the question does not apply, is answered already, or there is nobody to ask. */
  #passOver(question: Question): boolean {
    if (question.when && !question.when(this.answers)) {
      const stray = this.#given(question, false);
      if (stray) this.#problems.push(say('answers.stray', { source: stray.source, target: this.#answers.get('target') ?? '' }));
      return true;
    }
    const found = this.#given(question, true);
    if (found) {
      this.#take(question, found);
      return true;
    }
    if (this.#options.ask && this.#problems.length === 0) return this.#resume(question);
    const fallback = question.fallback?.(this.answers);
    if (this.#options.acceptFallbacks && fallback !== undefined) this.#answers.set(question.key, fallback);
    else if (!question.optional) this.#problems.push(say('answers.missing', { key: question.key, flag: question.flag, variable: question.variable }));
    return true;
  }

  async #askNow(question: Question): Promise<typeof BACK | undefined> {
    const { ask, keep, resumed } = this.#options;
    if (!ask) return undefined;
    if (this.#resuming && this.canGoBack) resumed?.(this.answers);
    this.#resuming = false;
    const before = question.secret ? this.#secrets[question.key] : this.#typed[question.key];
    const answer = await askUntilRight(question, before ?? question.fallback?.(this.answers), ask, this.canGoBack);
    if (answer === BACK) return BACK;
    if (answer !== undefined) this.#answers.set(question.key, answer);
    this.#trail.push(this.#next);
    (question.secret ? this.#secrets : this.#typed)[question.key] = answer ?? '';
    if (!question.secret) await keep?.({ ...this.#typed });
    return undefined;
  }

  /** Takes what was typed before the conversation was broken off; the last such answer is asked for again, where nothing comes after it. */
  #resume(question: Question): boolean {
    const typed = this.#typed[question.key];
    if (!this.#resuming || typed === undefined || question.secret || !this.#moreToAsk()) return false;
    if (typed === '' ? !question.optional : problemWith(question, typed) !== undefined) return false;
    if (typed !== '') this.#answers.set(question.key, typed);
    this.#trail.push(this.#next);
    return true;
  }

  #moreToAsk(): boolean {
    const answers = { ...this.#typed, ...this.answers };
    return QUESTIONS.slice(this.#next + 1).some((question) => (!question.when || question.when(answers)) && !this.#given(question, true));
  }

  #take(question: Question, { text, source }: Given): void {
    const problem = problemWith(question, text);
    if (problem === undefined) this.#answers.set(question.key, text);
    else if (question.secret) this.#problems.push(say('answers.wrongSecret', { source, problem }));
    else this.#problems.push(say('answers.wrong', { source, text: JSON.stringify(text), problem }));
  }

  #given(question: Question, withStored: boolean): Given | undefined {
    const { flags, environment, stored } = this.#sources;
    const flag = flags[question.key];
    if (flag !== undefined) return { text: flag, source: question.flag.split(' ')[0] ?? question.key };
    const variable = environment[question.variable];
    if (variable) return { text: variable, source: question.variable };
    const line = this.#file[question.key];
    if (line !== undefined) return { text: line, source: placeInFile(question.key) };
    const before = withStored ? stored?.[question.key] : undefined;
    return before === undefined ? undefined : { text: before, source: say('answers.stored', { key: question.key }) };
  }
}

interface Given {
  text: string;
  source: string;
}

function problemWith(question: Question, text: string): string | undefined {
  const result = SCHEMAS[question.key].safeParse(text);
  return result.success ? undefined : (result.error.issues[0]?.message ?? say('answers.invalid'));
}

/** Asks one question again and again, until the answer is right or BACK; undefined when an optional one is left empty. */
export async function askUntilRight(question: Question, fallback: string | undefined, ask: Ask, canGoBack = false): Promise<string | undefined | typeof BACK> {
  let problem: string | undefined;
  const proposed = fallback === '' ? undefined : fallback;
  for (;;) {
    const said = await ask(question, proposed, problem, canGoBack);
    if (said === BACK) {
      if (canGoBack) return BACK;
      continue;
    }
    const answer = said?.trim();
    if (!answer) {
      if (question.optional) return undefined;
      problem = say('answers.needed');
      continue;
    }
    problem = problemWith(question, answer);
    if (problem === undefined) return answer;
  }
}
