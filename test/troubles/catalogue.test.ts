import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { CATALOGUE } from '../../src/troubles/catalogue.js';
import { flatten, recognise } from '../../src/troubles/recognise.js';
import { speak } from '../../src/words.js';

const MESSAGES = new URL('./messages/', import.meta.url);
const files = readdirSync(MESSAGES).sort();
const namesIn = (sentence: string) => Array.from(sentence.matchAll(/\{(\w+)\}/g), (match) => match[1]).sort();

/** The words of a program, without the line that says where they were seen, or after which source they were written down without having been seen. */
function message(id: string): string {
  const [seen = '', ...words] = readFileSync(new URL(`${id}.txt`, MESSAGES), 'utf8').split('\n');
  expect(seen).toMatch(/^(seen|unproven, after): .{5,}/);
  return words.join('\n');
}

afterEach(() => {
  speak('en');
});

describe('the catalogue', () => {
  it('has a real message for every entry, and an entry for every message', () => {
    expect(files).toEqual(CATALOGUE.map(({ id }) => `${id}.txt`).sort());
    expect(CATALOGUE.length).toBeGreaterThanOrEqual(45);
  });

  it.each(CATALOGUE.map((entry) => [entry.id, entry] as const))('%s: recognised first by its own entry, and said whole in both languages', (id, entry) => {
    expect(id.startsWith(`${entry.area}.`)).toBe(true);
    for (const language of ['en', 'fr'] as const) {
      speak(language);
      const [first] = recognise(message(id));
      expect(first).toMatchObject({ id, area: entry.area });
      expect(`${first?.cause} ${first?.fix}`).not.toMatch(/[{}]/);
    }
  });

  it.each(CATALOGUE.map((entry) => [entry.id, entry] as const))('%s: the same names in both languages, each from the pattern; French that is French', (_, { pattern, cause, fix }) => {
    const groups = Array.from(pattern.source.matchAll(/\(\?<(\w+)>/g), (match) => match[1]);
    for (const text of [cause, fix]) {
      expect(namesIn(text.fr)).toEqual(namesIn(text.en));
      expect(text.fr, 'French sets a blank before : ; ? !').not.toMatch(/[\p{L})][;?!](\s|$)|[\p{L})]:\s/u);
      expect(text.fr, 'French has the apostrophe ’').not.toMatch(/\b[cdjlmnstCDJLMNST]'\p{L}/u);
    }
    expect(new Set(namesIn(`${cause.en} ${fix.en}`))).toEqual(new Set(groups));
  });

  it.each(CATALOGUE.map(({ id, pattern }) => [id, pattern] as const))('%s: every quantifier has a bound, and the pattern no memory', (_, pattern) => {
    // What is in a class or escaped is a letter, not a quantifier.
    expect(pattern.source.replace(/\\./g, '').replace(/\[[^\]]*\]/g, '')).not.toMatch(/[*+]|\{\d+,\}/);
    expect(pattern.flags).toMatch(/^i?$/);
  });
});

describe('flatten', () => {
  it('joins what Terraform broke, and takes colours, frames and a log’s quoting away', () => {
    expect(flatten('\u001b[31m╷\u001b[0m\n│ Error: no\n│   way\t\\"x\\"\n╵')).toBe(' Error: no way "x" ');
  });
});
