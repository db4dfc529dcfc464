import { askChoice, askLines, askSecret, askText } from '../edges/prompts.js';
import { folded, printable } from '../ui/format.js';
import { fillIn } from '../words.js';
import { INSTALLATION_NAME } from '../state/installations.js';
import { type Ask, BACK } from './asking.js';
import type { AskName } from './installation.js';
import { type Answers, explanationOf, type Question } from './question.js';
import { QUESTIONS } from './questions.js';
import { say } from './words.js';

/** What is typed, or chosen, to go to the question before. */
const GO_BACK = '<';
/** What is typed to paste a text afterwards. */
const PASTE = /^\s*(paste|coller)\s*$/i;

export const askAtTerminal: Ask = async (question, fallback, problem, canGoBack = false) => {
  const explanation = explanationOf(question, {});
  if (problem !== undefined) tell(`! ${problem}`);
  else if (explanation !== undefined) tell(fillIn(explanation));
  const said = await answerTo(question, messageFor(question, fallback), fallback, canGoBack);
  return canGoBack && said.trim() === GO_BACK ? BACK : said;
};

/** Of an installation that exists, to go on with it, or of a new one. */
export const askNameAtTerminal: AskName = async (proposed, names) => {
  tell([say('ask.nameWhy'), ...(names.length > 0 ? [say('ask.nameKnown', { names: names.join(', ') })] : [])].join(' '));
  for (;;) {
    const said = (await askText(say('ask.name'), proposed)).trim();
    if (INSTALLATION_NAME.test(said)) return said;
    tell(`! ${say('ask.nameForm')}`);
  }
};

/** Said once, before the first question. */
export function tellHowToGoBack(): void {
  tell(say('ask.start'));
}

/** Said when a conversation goes on that was broken off: what was answered then. */
export function tellResumed(answers: Answers): void {
  tell(say('ask.resumed'));
  for (const line of describeAnswers(answers)) tell(`  ${line}`);
}

/** A line for each answer, in the order of the questions; what was typed unseen stays so. */
export function describeAnswers(answers: Answers): string[] {
  return QUESTIONS.flatMap(({ key, secret }) => {
    const text = answers[key];
    return secret || text === undefined ? [] : [say('ask.answered', { key, text })];
  });
}

/** Yes, no, or back to the last question. */
export async function askToGoOn(canGoBack: boolean): Promise<boolean | typeof BACK> {
  const answers = [{ value: 'yes', name: say('consent.yes') }, { value: 'no', name: say('consent.no') }];
  const said = await askChoice(say('consent.goOn'), canGoBack ? [...answers, backEntry()] : answers, 'yes');
  return said === GO_BACK ? BACK : said === 'yes';
}

async function answerTo(question: Question, message: string, fallback: string | undefined, canGoBack: boolean): Promise<string> {
  if (question.choices) {
    const choices = question.choices.map(({ value, name }) => ({ value, name: fillIn(name) }));
    return askChoice(message, canGoBack ? [...choices, backEntry()] : choices, fallback);
  }
  if (question.pasted) return askForFile(question.pasted, message, fallback);
  if (!question.secret) return askText(message, fallback);
  const typed = (await askSecret(message)).reveal();
  return typed === '' ? (fallback ?? '') : typed;
}

/** A path, or the text itself: all at once, or line by line where the terminal hands it over so slowly that its first line came alone. */
async function askForFile(isText: (typed: string) => boolean, message: string, fallback: string | undefined): Promise<string> {
  const typed = await askText(message, fallback, { takeLines: true });
  if (typed.includes('\n')) return typed;
  if (PASTE.test(typed)) return askLines();
  return isText(typed.trim()) ? askLines(typed) : typed;
}

/** Typing `<` finds this entry, as it goes back where a text is asked for. */
function backEntry(): { value: string; name: string } {
  return { value: GO_BACK, name: say('ask.back') };
}

function messageFor(question: Question, fallback: string | undefined): string {
  const ask = fillIn(question.ask);
  if (fallback === undefined) return ask;
  if (question.secret) return say('ask.sameSecret', { ask });
  return question.optional && !question.choices ? say('ask.removable', { ask }) : ask;
}

function tell(text: string): void {
  const columns = Math.min(process.stderr.columns || 80, 100) - 1;
  process.stderr.write(`${folded(printable(text), columns)}\n`);
}
