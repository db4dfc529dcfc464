import { askChoice } from '../edges/prompts.js';
import { LANGUAGES, language, speak } from '../words.js';
import type { Answers } from './question.js';

/** In the draft only: the language that a conversation was begun in. It is no answer about the installation. */
const IN_DRAFT = 'language';
const NAMES = { en: 'English', fr: 'Français' } as const;

/** True when a flag, a variable or a locale said English or French; false for the locales C, POSIX, none, or another language. */
export function languageIsSaid(flag: string | undefined, environment: NodeJS.ProcessEnv): boolean {
  const locale = environment['LC_ALL'] || environment['LC_MESSAGES'] || environment['LANG'] || '';
  return Boolean(flag ?? environment['KOPROGO_LANG']) || /^(en|fr)(?![a-z])/i.test(locale);
}

/** Asks in both languages, because none is known, and speaks the chosen one from then on. */
export async function askLanguage(): Promise<void> {
  const choices = LANGUAGES.map((value) => ({ value, name: NAMES[value] }));
  const said = await askChoice('Language / Langue', choices, language());
  speak(LANGUAGES.find((one) => one === said) ?? 'en');
}

export function spokenInDraft(): Answers {
  return { [IN_DRAFT]: language() };
}

export function speakAsInDraft(draft: Answers | undefined): void {
  const said = LANGUAGES.find((one) => one === draft?.[IN_DRAFT]);
  if (said) speak(said);
}
