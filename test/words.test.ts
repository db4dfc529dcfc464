import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { InputError } from '../src/errors.js';
import { chooseLanguage, fillIn, language, speak, speaker, type Vocabulary } from '../src/words.js';

const SOURCE = fileURLToPath(new URL('../src/', import.meta.url));
const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
/** Some have another shape, as the words of a plan's digest; the OVH target's table has a test of its own. */
const rooms = await Promise.all(
  files
    .filter((name) => name.endsWith('words.ts') && name !== 'words.ts')
    .map(async (name) => ({ name, words: ((await import(pathToFileURL(join(SOURCE, name)).href)) as { WORDS?: Vocabulary }).WORDS })),
);
/** At the top: only what lies beside it. */
const isBelow = (folder: string, file: string) => (folder === '.' ? dirname(file) === '.' : file.startsWith(join(folder, '/')));
const namesIn = (sentence: string) => [...new Set(Array.from(sentence.matchAll(/\{(\w+)(?:\|[^|{}]+\|[^|{}]+)?\}/g), (match) => match[1]))].sort();

afterEach(() => {
  speak('en');
});

describe.each(rooms.flatMap(({ name, words }) => (words ? [{ name, words }] : [])))('the words of $name', ({ name, words }) => {
  const sources = files.filter((file) => file !== name && isBelow(dirname(name), file)).map((file) => readFileSync(join(SOURCE, file), 'utf8')).join('\n');

  it.each(Object.entries(words))('%s: the same names in both languages, used, and French that is French', (id, { en, fr }) => {
    expect(namesIn(fr)).toEqual(namesIn(en));
    expect(fr.trim()).not.toBe('');
    expect(sources).toContain(`'${id}'`);
    expect(fr, 'French sets a blank before : ; ? !').not.toMatch(/[\p{L})][;?!](\s|$)|[\p{L})]:\s/u);
    expect(fr, "French has the apostrophe ’").not.toMatch(/\b[cdjlmnstCDJLMNST]'\p{L}/u);
  });
});

describe('the language', () => {
  it.each([
    [['setup', '--lang', 'fr'], {}, 'fr'],
    [['setup', '--lang=fr'], { LANG: 'en_GB.UTF-8' }, 'fr'],
    [['setup', '--lang', 'en'], { KOPROGO_LANG: 'fr', LANG: 'fr_BE.UTF-8' }, 'en'],
    [['ssh', '--', 'x', '--lang', 'fr'], {}, 'en'],
    [[], { KOPROGO_LANG: 'fr', LC_ALL: 'en_GB' }, 'fr'],
    [[], { LANG: 'fr_BE.UTF-8' }, 'fr'],
    [[], { LANG: 'fr' }, 'fr'],
    [[], { LC_ALL: 'C.UTF-8', LANG: 'fr_FR.UTF-8' }, 'en'],
    [[], { LANG: 'fry_NL' }, 'en'],
    [[], { LC_ALL: '', LC_MESSAGES: 'fr_FR' }, 'fr'],
    [[], {}, 'en'],
  ] as const)('of %j in %j is %s', (argv, environment, expected) => {
    expect(chooseLanguage(argv, environment)).toBe(expected);
  });

  it('is refused where it is not spoken', () => {
    expect(() => chooseLanguage(['--lang', 'nl'], {})).toThrow(InputError);
    expect(() => chooseLanguage(['--lang'], {})).not.toThrow();
    expect(() => chooseLanguage([], { KOPROGO_LANG: 'de' })).toThrow('"de"');
  });
});

describe('a sentence', () => {
  const say = speaker({ plain: { en: 'yes', fr: 'oui' }, filled: { en: '{count} of {name}', fr: '{count} de {name}' } });

  it('is said in the language of the process', () => {
    expect([language(), say('plain')]).toEqual(['en', 'yes']);
    speak('fr');
    expect(say('plain')).toBe('oui');
    expect(say('filled', { count: 3.25, name: 'x' })).toBe('3,3 de x');
  });

  it('counts with the noun that goes with the number', () => {
    const count = speaker({ found: { en: '{tables|table|tables}, all equal', fr: '{tables|table|tables}, tout est égal' } });
    expect([0, 1, 2].map((tables) => count('found', { tables }))).toEqual(['0 tables, all equal', '1 table, all equal', '2 tables, all equal']);
    speak('fr');
    expect([0, 1, 2].map((tables) => count('found', { tables }))).toEqual(['0 table, tout est égal', '1 table, tout est égal', '2 tables, tout est égal']);
  });

  it('lets nothing through that steers a terminal, and does not fill in twice', () => {
    expect(say('filled', { count: 1, name: '\u001b[31m{count}\nb' })).toBe('1 of  [31m{count}\nb');
    expect(fillIn({ en: '{other}', fr: '{other}' })).toBe('{other}');
  });
});
