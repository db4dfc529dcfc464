import { speaker, type Vocabulary } from '../words.js';

export const WORDS = {
  'explain.cause': { en: 'Cause: {cause}', fr: 'Cause : {cause}' },
  'explain.more': { en: 'the same command with --verbose shows all that was printed', fr: 'la même commande avec --verbose montre tout ce qui a été affiché' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
