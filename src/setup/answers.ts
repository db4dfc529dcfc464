import { placeInFile, readAnswersFile } from './answers-file.js';
import { type Ask, askUntilRight, BACK, problemWith } from './asking.js';
import { type SetupConfig, toConfig } from './config.js';
import { InfraError, InputError } from '../errors.js';
import type { Live } from './live.js';
import { type Answers, explanationOf, type Question } from './question.js';
import { QUESTIONS } from './questions.js';
import { inShort } from '../ui/format.js';
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

export interface ConversationOptions {
  /** Without it (no terminal, --non-interactive) nothing is asked. */
  ask?: Ask;
  acceptFallbacks: boolean;
  /** What files and services say meanwhile. */
  live?: Live;
  /** Called after each typed answer, with all typed so far but secrets; '' stands for an optional question left empty. */
  keep?: (typed: Answers) => Promise<void>;
  /** Called before the first question, when answers of a conversation that was broken off were taken. */
  resumed?: (answers: Answers) => void;
  /** Called when all is answered: BACK leads to the last question again. */
  agree?: (collected: Collected, canGoBack: boolean) => Promise<typeof BACK | undefined>;
  /** Whether there is something before these questions that may be changed: then BACK at the first is the result. */
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
  /** What earlier answers say about later questions, by the place of the question that said it. */
  readonly #implied = new Map<number, { origin: string; answers: Answers }>();
  /** What was wrong with an answer that nobody typed: said when it is asked for. */
  #objection: string | undefined;
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
    for (const from of this.#implied.keys()) if (from >= place) this.#implied.delete(from);
    return true;
  }

  async askAll(): Promise<typeof BACK | undefined> {
    for (let question = QUESTIONS[this.#next]; question !== undefined; question = QUESTIONS[this.#next]) {
      if (await this.#passOver(question)) this.#next += 1;
      else if ((await this.#askNow(question)) !== BACK) this.#next += 1;
      else if (!this.goBack()) return BACK;
    }
    if (this.#problems.length === 0) return undefined;
    throw new InputError(say('answers.incomplete', { problems: this.#problems.map((line) => `  ${line}`).join('\n') }), { hints: [say('answers.again')] });
  }

  /** True when nothing has to be asked: the question does not apply, is answered already, or there is nobody to ask. */
  async #passOver(question: Question): Promise<boolean> {
    if (question.when && !question.when(this.answers)) {
      const stray = this.#given(question, false);
      if (stray) this.#problems.push(say('answers.stray', { source: stray.source, target: this.#answers.get('target') ?? '' }));
      return true;
    }
    const found = this.#given(question, true);
    if (found) return this.#take(question, found);
    if (this.#isUnasked(question, this.answers)) return true;
    if (this.#options.ask && this.#problems.length === 0) return this.#resume(question);
    const fallback = question.fallback?.(this.answers);
    if (this.#options.acceptFallbacks && fallback !== undefined) this.#answers.set(question.key, fallback);
    else if (!question.optional) this.#problems.push(say('answers.missing', { key: question.key, flag: question.flag, variable: question.variable }));
    return true;
  }

  async #askNow(question: Question): Promise<typeof BACK | undefined> {
    const { ask, keep, resumed, live } = this.#options;
    if (!ask) return undefined;
    if (this.#resuming && this.canGoBack) resumed?.(this.answers);
    this.#resuming = false;
    const before = question.secret ? this.#secrets[question.key] : this.#typed[question.key];
    const answer = await askUntilRight(await this.#shown(question), before ?? question.fallback?.(this.answers), ask, {
      canGoBack: this.canGoBack,
      objection: this.#objection,
      further: async (text) => (await this.#imply(question, text)) ?? live?.problem(question.key, { ...this.answers, [question.key]: text }),
    });
    this.#objection = undefined;
    if (answer === BACK) return BACK;
    this.#trail.push(this.#next);
    if (answer !== undefined && question.pasted?.(answer)) this.#keepImplied(question);
    else {
      if (answer !== undefined) this.#answers.set(question.key, answer);
      (question.secret ? this.#secrets : this.#typed)[question.key] = answer ?? '';
    }
    if (!question.secret) await keep?.({ ...this.#typed });
    return undefined;
  }

  /** A pasted text is gone when the conversation is broken off: what it said is as if it had been typed, secrets excepted. */
  #keepImplied({ key }: Question): void {
    this.#typed[key] = '';
    const answers = this.#implied.get(this.#next)?.answers ?? {};
    for (const { key: later } of QUESTIONS.filter(({ secret }) => !secret)) if (answers[later] !== undefined) this.#typed[later] = answers[later];
  }

  /** The question with what can only be known now: choices, and more words before it. */
  async #shown(question: Question): Promise<Question> {
    const { live } = this.#options;
    const choices = await live?.choices(question.key, this.answers);
    const more = live?.explain(question.key, this.answers);
    const explain = explanationOf(question, this.answers);
    const words = explain && more ? { en: `${explain.en}\n${more.en}`, fr: `${explain.fr}\n${more.fr}` } : (more ?? explain);
    return { ...question, ...(choices && { choices }), ...(words && { explain: words }) };
  }

  /** Takes what an answer says about later questions; what is wrong with it, otherwise. */
  async #imply({ key }: Question, text: string): Promise<string | undefined> {
    try {
      const answers = (await this.#options.live?.implied(key, text)) ?? {};
      if (Object.keys(answers).length > 0) this.#implied.set(this.#next, { origin: key, answers });
      return undefined;
    } catch (error) {
      if (error instanceof InfraError) return [error.message, ...error.hints].join('\n  → ');
      throw error;
    }
  }

  /** Takes what was typed before the conversation was broken off; the last such answer is asked for again, where nothing comes after it. */
  async #resume(question: Question): Promise<boolean> {
    const typed = this.#typed[question.key];
    if (!this.#resuming || typed === undefined || question.secret || !this.#moreToAsk()) return false;
    if (typed === '' ? !question.optional : problemWith(question, typed) !== undefined) return false;
    if (typed !== '') {
      this.#objection = await this.#imply(question, typed);
      if (this.#objection !== undefined) return false;
      this.#answers.set(question.key, typed);
    }
    this.#trail.push(this.#next);
    return true;
  }

  #moreToAsk(): boolean {
    const answers = { ...this.#typed, ...this.answers };
    return QUESTIONS.slice(this.#next + 1).some((question) => (!question.when || question.when(answers)) && !this.#isUnasked(question, answers) && !this.#given(question, true));
  }

  /** An installation that exists is not asked again what it may go without. */
  #isUnasked({ unasked, optional }: Question, answers: Answers): boolean {
    return this.#sources.stored === undefined ? unasked?.(answers) === true : unasked !== undefined || optional === true;
  }

  /** False where a person has to be asked instead: what another answer implied turned out to be wrong. */
  async #take(question: Question, { text, source, from }: Given): Promise<boolean> {
    const { ask, live } = this.#options;
    let problem = problemWith(question, text);
    if (problem === undefined && from === 'now') problem = await this.#imply(question, text);
    if (problem === undefined && from === 'implied' && ask) {
      this.#objection = await live?.problem(question.key, { ...this.answers, [question.key]: text });
      if (this.#objection !== undefined) return false;
    }
    const unsaid = question.secret === true || question.pasted?.(text) === true;
    if (problem === undefined) {
      if (question.secret || !unsaid) this.#answers.set(question.key, text);
    } else if (unsaid) this.#problems.push(say('answers.wrongSecret', { source, problem }));
    else this.#problems.push(say('answers.wrong', { source, text: JSON.stringify(inShort(text)), problem }));
    return true;
  }

  #given(question: Question, withStored: boolean): Given | undefined {
    const { flags, environment, stored } = this.#sources;
    const flag = flags[question.key];
    if (flag !== undefined) return { text: flag, from: 'now', source: question.flag.split(' ')[0] ?? question.key };
    const variable = environment[question.variable];
    // A variable of another program's may be there for other work.
    if (variable && (withStored || question.variable.startsWith('KOPROGO_'))) return { text: variable, from: 'now', source: question.variable };
    const line = this.#file[question.key];
    if (line !== undefined) return { text: line, from: 'now', source: placeInFile(question.key) };
    for (const { origin, answers } of withStored ? this.#implied.values() : []) {
      const text = answers[question.key];
      if (text !== undefined) return { text, from: 'implied', source: say('answers.implied', { key: question.key, origin }) };
    }
    const before = withStored ? stored?.[question.key] : undefined;
    return before === undefined ? undefined : { text: before, from: 'stored', source: say('answers.stored', { key: question.key }) };
  }
}

interface Given {
  text: string;
  source: string;
  /** Given to this run, said by another answer of it, or kept from an earlier run. */
  from: 'now' | 'implied' | 'stored';
}
