import { readFile } from 'node:fs/promises';
import { InputError, messageOf } from '../errors.js';
import { type Answers, type Question, QUESTIONS } from './questions.js';
import { type SetupConfig, toConfig } from './config.js';
import { SCHEMAS } from './schemas.js';

/** Where answers come from, the strongest first. `flags` and `stored` are by question key. */
export interface AnswerSources {
  flags: Answers;
  environment: NodeJS.ProcessEnv;
  /** Content of the answers file, parsed; undefined without one. */
  file?: unknown;
  /** What an earlier run was told. */
  stored?: Answers;
  /** What was typed in a conversation that was broken off: proposed at the prompt, never taken unasked. */
  draft?: Answers;
}

/** Asks one question at the terminal; `problem` is what was wrong with the last try. */
export type Ask = (question: Question, fallback: string | undefined, problem?: string) => Promise<string | undefined>;

interface Given {
  text: string;
  source: string;
}

/**
 * Collects an answer to every question that applies. Without `ask` (no terminal, --non-interactive) fallbacks are
 * taken where `acceptFallbacks`, and everything that is wrong or missing is one InputError, each line with its path.
 * `keep` is called after each typed answer, with all typed so far but secrets.
 * Returns the texts (to be kept for the next run) and the validated configuration.
 */
export async function collectAnswers(
  sources: AnswerSources,
  options: { ask?: Ask; acceptFallbacks: boolean; keep?: (typed: Answers) => Promise<void> },
): Promise<{ answers: Answers; config: SetupConfig }> {
  const { texts: file, problems } = readAnswersFile(sources.file);
  const answers: Record<string, string> = {};
  const typed: Record<string, string> = { ...sources.draft };
  for (const question of QUESTIONS) {
    if (question.when && !question.when(answers)) {
      const stray = given(question, sources, file, false);
      if (stray) problems.push(`${stray.source}: does not apply to the target ${answers['target'] ?? ''}`);
      continue;
    }
    const found = given(question, sources, file, true);
    if (found) {
      const problem = check(question, found.text);
      if (problem === undefined) answers[question.key] = found.text;
      else problems.push(`${found.source}: ${question.secret ? '' : `${JSON.stringify(found.text)} `}${problem}`);
      continue;
    }
    const fallback = question.fallback?.(answers);
    if (options.ask && problems.length === 0) {
      const proposed = question.optional ? undefined : typed[question.key];
      const answer = await askUntilRight(question, proposed ?? fallback, options.ask);
      if (answer === undefined) continue;
      answers[question.key] = answer;
      if (question.secret) continue;
      typed[question.key] = answer;
      await options.keep?.(typed);
    } else if (options.acceptFallbacks && fallback !== undefined) {
      answers[question.key] = fallback;
    } else if (!question.optional) {
      problems.push(`${question.key}: no answer; give ${question.flag}, ${question.variable} or a line in the answers file`);
    }
  }
  if (problems.length > 0) {
    throw new InputError(`the answers are not complete or not right:\n${problems.map((line) => `  ${line}`).join('\n')}`, {
      hints: ['nothing was changed; correct them and type the command again'],
    });
  }
  return { answers, config: toConfig(answers) };
}

/** Reads and parses an answers file (YAML or JSON). Throws InputError naming the file. */
export async function loadAnswersFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(`the answers file ${path} cannot be read: ${messageOf(cause)}`, { cause });
  }
  const { parse } = await import('yaml');
  try {
    return parse(text) as unknown;
  } catch (cause) {
    throw new InputError(`the answers file ${path} is not valid YAML or JSON: ${messageOf(cause)}`, { cause });
  }
}

function given(question: Question, sources: AnswerSources, file: Answers, withStored: boolean): Given | undefined {
  const flag = sources.flags[question.key];
  if (flag !== undefined) return { text: flag, source: question.flag.split(' ')[0] ?? question.key };
  const variable = sources.environment[question.variable];
  if (variable) return { text: variable, source: question.variable };
  const line = file[question.key];
  if (line !== undefined) return { text: line, source: `answers file, ${question.key}` };
  const stored = withStored ? sources.stored?.[question.key] : undefined;
  return stored === undefined ? undefined : { text: stored, source: `stored answer, ${question.key}` };
}

function check(question: Question, text: string): string | undefined {
  const result = SCHEMAS[question.key].safeParse(text);
  return result.success ? undefined : (result.error.issues[0]?.message ?? 'is not valid');
}

/** Asks one question again and again, until the answer is right; undefined when an optional one is left empty. */
export async function askUntilRight(question: Question, fallback: string | undefined, ask: Ask): Promise<string | undefined> {
  let problem: string | undefined;
  for (;;) {
    const answer = (await ask(question, fallback, problem))?.trim();
    if (!answer) {
      if (question.optional) return undefined;
      problem = 'an answer is needed';
      continue;
    }
    problem = check(question, answer);
    if (problem === undefined) return answer;
  }
}

/** Flattens the file to question keys; unknown keys, secrets and values that are no plain values are problems. */
function readAnswersFile(content: unknown): { texts: Answers; problems: string[] } {
  const texts: Record<string, string> = {};
  const problems: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (value === null || value === undefined) return;
    if (typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key);
      return;
    }
    const question = QUESTIONS.find(({ key }) => key === path);
    if (!question) problems.push(`answers file, ${path || 'top level'}: unknown; known are ${QUESTIONS.map(({ key }) => key).join(', ')}`);
    else if (question.secret) problems.push(`answers file, ${path}: a secret does not belong there; use ${question.variable} or ${question.flag}`);
    else if (typeof value === 'string' || typeof value === 'number') texts[path] = String(value);
    else problems.push(`answers file, ${path}: must be a text or a number`);
  };
  walk(content, '');
  return { texts, problems };
}
