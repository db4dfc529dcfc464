import { InputError } from './errors.js';

export const LANGUAGES = ['en', 'fr'] as const;
export type Language = (typeof LANGUAGES)[number];

/**
 * One sentence in every language. {names} are filled in; all languages must have the same. {count|table|tables} is a
 * number and the noun that goes with it: "1 table", "2 tables".
 */
export type Text = Readonly<Record<Language, string>>;
export type Vocabulary = Readonly<Record<string, Text>>;

/** What a {name} stands for. Numbers are written in the manner of the language, with one decimal at most. */
export type Filling = string | number;
export type Names<Sentence extends string> = Sentence extends `${string}{${infer Name}}${infer Rest}` ? Bare<Name> | Names<Rest> : never;
type Bare<Name extends string> = Name extends `${infer Before}|${string}` ? Before : Name;

let spoken: Language = 'en';

/** The language of everything that this process says to people; English until `speak` was called, as on the server always. */
export function language(): Language {
  return spoken;
}

export function speak(chosen: Language): void {
  spoken = chosen;
}

/** --lang, KOPROGO_LANG, then the locale as every program finds it. Throws InputError for a language that is not spoken. */
export function chooseLanguage(argv: readonly string[], environment: NodeJS.ProcessEnv): Language {
  const asked = flagIn(argv) ?? environment['KOPROGO_LANG'];
  if (asked !== undefined && asked !== '') {
    const known = LANGUAGES.find((one) => one === asked);
    if (known) return known;
    throw new InputError(`the language is en or fr, not ${JSON.stringify(asked.slice(0, 20))}`, { hints: ['--lang en, --lang fr, or KOPROGO_LANG'] });
  }
  const locale = environment['LC_ALL'] || environment['LC_MESSAGES'] || environment['LANG'] || '';
  return /^fr(?![a-z])/i.test(locale) ? 'fr' : 'en';
}

function flagIn(argv: readonly string[]): string | undefined {
  const end = argv.indexOf('--');
  const flags = end === -1 ? argv : argv.slice(0, end);
  const joined = flags.findLast((flag) => flag.startsWith('--lang='));
  const apart = flags.lastIndexOf('--lang');
  return joined?.slice('--lang='.length) ?? (apart === -1 ? undefined : (flags[apart + 1] ?? ''));
}

/**
 * How a room speaks: `const say = speaker(WORDS)`, then `say('bucket.missing', { bucket })` is the sentence in the
 * language of this process. The compiler asks for exactly the names that the English text has.
 */
export function speaker<const Words extends Vocabulary>(words: Words) {
  return <Id extends keyof Words>(id: Id, ...[filling]: Names<Words[Id]['en']> extends never ? [] : [Readonly<Record<Names<Words[Id]['en']>, Filling>>]): string =>
    fillIn(words[id] as Text, filling ?? {});
}

/** The sentence with its {names} filled in. Control characters in what is filled in become blanks, so that nothing from outside steers a terminal. */
export function fillIn(text: Text, filling: Readonly<Record<string, Filling>> = {}, into: Language = spoken): string {
  return text[into].replace(/\{(\w+)(?:\|([^|{}]+)\|([^|{}]+))?\}/g, (name, key: string, one?: string, several?: string) => {
    const found = filling[key];
    if (found === undefined) return name;
    if (typeof found === 'string') return found.replace(/[^\P{C}\n\t]+/gu, ' ');
    const number = new Intl.NumberFormat(into, { maximumFractionDigits: 1, useGrouping: false }).format(found);
    if (one === undefined || several === undefined) return number;
    return `${number} ${new Intl.PluralRules(into).select(found) === 'one' ? one : several}`;
  });
}

/** Does work in a language, as for programs that read a result: what they get must not follow the reader's. */
export async function spokenIn<T>(chosen: Language, work: () => Promise<T>): Promise<T> {
  const before = spoken;
  spoken = chosen;
  try {
    return await work();
  } finally {
    spoken = before;
  }
}
