import type { Text } from '../words.js';
import type { QuestionKey } from './schemas.js';

/** Answers so far, by question key: texts, as they were given. */
export type Answers = Readonly<Record<string, string>>;

/** One of several answers: what is stored, and how it is shown. */
export interface Choice {
  value: string;
  name: Text;
}

/**
 * One question: its key in the answers file, its flag, its variable and its words in every language. Plain data, because
 * the command line is built from it; what an answer may be is in schemas.ts.
 */
export interface Question {
  /** Path in the answers file and in SetupConfig: "host.address". */
  key: QuestionKey;
  flag: string;
  variable: string;
  ask: Text;
  /** Said on the lines before the question. */
  explain?: Text | ((answers: Answers) => Text);
  choices?: readonly Choice[];
  /** Proposed at the prompt, taken with --yes. */
  fallback?: (answers: Answers) => string | undefined;
  optional?: boolean;
  /** Typed unseen; never in the answers file; its flag names a file that holds it. */
  secret?: boolean;
  /** Its text may be pasted instead: whether this is one, or how one begins. It gives later answers and is itself not kept, as a password may be in it. */
  pasted?: (text: string) => boolean;
  /** Asked only when earlier answers say so. */
  when?: (answers: Answers) => boolean;
  /**
   * Applies, but is not asked, when earlier answers say so; nor of an installation that was set up before there was this
   * question. What no answer means is in config.ts.
   */
  unasked?: (answers: Answers) => boolean;
}

/** What is said before the question, after these answers. */
export function explanationOf({ explain }: Question, answers: Answers): Text | undefined {
  return typeof explain === 'function' ? explain(answers) : explain;
}
