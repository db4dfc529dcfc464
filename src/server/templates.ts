import { readFileSync } from 'node:fs';
import { InfraError } from '../errors.js';
import { say } from './words.js';

const FOLDER = new URL('../../templates/', import.meta.url);

/** The text of a file below templates/, by its path there: "server/firewall.nft". */
export function readTemplate(path: string): string {
  return readFileSync(new URL(path, FOLDER), 'utf8');
}

/**
 * Puts values in the place of {{name}}. A name without a value, a value without a place, and a value with a line
 * break or a brace pair are errors: a template never silently says something else than what was meant.
 * What a value may hold beyond that is the caller's to validate.
 */
export function fillTemplate(text: string, values: Readonly<Record<string, string>>): string {
  const unused = new Set(Object.keys(values));
  const filled = text.replace(/\{\{\s*([^{}]*?)\s*\}\}/g, (_, name: string) => {
    const value = Object.hasOwn(values, name) ? values[name] : undefined;
    if (value === undefined) throw new InfraError(say('template.noValue', { name }));
    if (/\p{Cc}|\{\{|\}\}/u.test(value)) throw new InfraError(say('template.badValue', { name }));
    unused.delete(name);
    return value;
  });
  if (unused.size > 0) throw new InfraError(say('template.noPlace', { names: [...unused].join(', ') }));
  return filled;
}
