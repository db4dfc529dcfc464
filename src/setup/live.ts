import type { Text } from '../words.js';
import type { Answers, Choice } from './question.js';
import type { QuestionKey } from './schemas.js';

/** What files and services say while questions are asked. Nothing here changes anything. */
export interface Live {
  /** Answers to later questions that this one gives. Throws InfraError for an answer that gives none. */
  implied(key: QuestionKey, text: string): Promise<Answers>;
  /** What is wrong with the answer to `key`, which is among `answers`; undefined when it is right, or nobody could say. */
  problem(key: QuestionKey, answers: Answers): Promise<string | undefined>;
  /** What there is to choose from; undefined where anything may be typed. */
  choices(key: QuestionKey, answers: Answers): Promise<readonly Choice[] | undefined>;
  /** What is said before the question besides its own words. */
  explain(key: QuestionKey, answers: Answers): Text | undefined;
}
