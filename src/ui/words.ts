import { speaker, type Vocabulary } from '../words.js';

/** What stands around the work's own words. */
export const WORDS = {
  'amount.plain': { en: '{done} of {total} ({percent} %)', fr: '{done} sur {total} ({percent} %)' },
  'amount.left': { en: '{done} of {total} ({percent} %, {left} left)', fr: '{done} sur {total} ({percent} %, encore {left})' },
  'step.looking': { en: '{title}: looking', fr: '{title} : vérification' },
  'once.hidden': {
    en: '{title}: not shown, because this is not a terminal. To have it: koprogo-infra recovery-kit --to DIRECTORY',
    fr: '{title} : non affiché, car ceci n’est pas un terminal. Pour l’avoir : koprogo-infra recovery-kit --to DOSSIER',
  },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
