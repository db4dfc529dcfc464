import { readFile } from 'node:fs/promises';
import { Option } from 'commander';
import { InputError, messageOf } from '../errors.js';
import type { Answers } from './question.js';
import { QUESTIONS } from './questions.js';
import { say } from './words.js';

/** The same answers that a prompt would ask for, from flags by their camel-cased name; a secret's flag names a file. */
export async function answerFlags(option: (name: string) => string | undefined): Promise<Answers> {
  const flags: Record<string, string> = {};
  for (const { key, flag, secret } of QUESTIONS) {
    const value = option(new Option(flag).attributeName());
    if (value === undefined) continue;
    flags[key] = secret ? await secretFromFile(value) : value;
  }
  return flags;
}

async function secretFromFile(path: string): Promise<string> {
  try {
    return (await readFile(path, 'utf8')).trim();
  } catch (cause) {
    throw new InputError(say('flags.unreadable', { path, cause: messageOf(cause) }), { cause });
  }
}
