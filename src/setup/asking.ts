import type { Question } from './question.js';
import { SCHEMAS } from './schemas.js';
import { say } from './words.js';

/** Said instead of an answer: to the question before. */
export const BACK = Symbol('back');

/** Asks one question at the terminal; `problem` is what was wrong with the last try, `canGoBack` whether BACK may be said. */
export type Ask = (question: Question, fallback: string | undefined, problem?: string, canGoBack?: boolean) => Promise<string | undefined | typeof BACK>;

/** What is wrong with the form of an answer; undefined when it is right. */
export function problemWith(question: Question, text: string): string | undefined {
  const result = SCHEMAS[question.key].safeParse(text);
  return result.success ? undefined : (result.error.issues[0]?.message ?? say('answers.invalid'));
}

export interface Asking {
  canGoBack?: boolean;
  /** What is wrong with an answer that is known already. */
  objection?: string | undefined;
  /** What is wrong with an answer whose form is right. */
  further?: (answer: string) => Promise<string | undefined>;
}

/** Asks one question again and again, until the answer is right or BACK; undefined when an optional one is left empty. */
export async function askUntilRight(question: Question, fallback: string | undefined, ask: Ask, { canGoBack = false, objection, further }: Asking = {}): Promise<string | undefined | typeof BACK> {
  let problem = objection;
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
    problem = problemWith(question, answer) ?? (await further?.(answer));
    if (problem === undefined) return answer;
  }
}
