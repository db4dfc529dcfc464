import { readFile } from 'node:fs/promises';
import { InputError, messageOf } from '../errors.js';
import type { Answers } from './question.js';
import { QUESTIONS } from './questions.js';
import { say } from './words.js';

/** Reads and parses an answers file (YAML or JSON). Throws InputError naming the file. */
export async function loadAnswersFile(path: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new InputError(say('answers.unreadable', { path, cause: messageOf(cause) }), { cause });
  }
  const { parse } = await import('yaml');
  try {
    return parse(text) as unknown;
  } catch (cause) {
    throw new InputError(say('answers.notYaml', { path, cause: messageOf(cause) }), { cause });
  }
}

/** Flattens the file to question keys; unknown keys, secrets and values that are no plain values are problems. */
export function readAnswersFile(content: unknown): { texts: Answers; problems: string[] } {
  const texts: Record<string, string> = {};
  const problems: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (value === null || value === undefined) return;
    if (typeof value === 'object' && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) walk(inner, path ? `${path}.${key}` : key);
      return;
    }
    const question = QUESTIONS.find(({ key }) => key === path);
    const source = placeInFile(path);
    if (!question) problems.push(say('answers.unknown', { source, keys: QUESTIONS.map(({ key }) => key).join(', ') }));
    else if (question.secret) problems.push(say('answers.secretInFile', { source, variable: question.variable, flag: question.flag }));
    else if (typeof value === 'string' || typeof value === 'number') texts[path] = String(value);
    else problems.push(say('answers.notPlain', { source }));
  };
  walk(content, '');
  return { texts, problems };
}

/** "answers file, host.address": how a line of the file is called in messages. */
export function placeInFile(path: string): string {
  return say('answers.file', { path: path || say('answers.topLevel') });
}
