import { speaker, type Vocabulary } from '../../words.js';

/** What prompts say themselves, besides the questions: their library would say it in English. */
export const WORDS = {
  'prompt.noTerminal': { en: 'there is no terminal to ask at', fr: 'il n’y a pas de terminal où poser la question' },
  'prompt.noTerminalFix': {
    en: 'give the answers as flags, variables or --answers FILE, and agree with --yes',
    fr: 'donnez les réponses par des options, des variables ou --answers FICHIER, et acceptez avec --yes',
  },
  'prompt.read': { en: '(read)', fr: '(lu)' },
  'prompt.paste': {
    en: 'Paste the text now; it is not shown. Then a line with nothing but a dot, or Ctrl-D.',
    fr: 'Collez maintenant le texte ; il ne s’affiche pas. Puis une ligne avec seulement un point, ou Ctrl-D.',
  },
  'prompt.manyLines': {
    en: 'Several lines were pasted where one is asked for: none of them was taken.',
    fr: 'Plusieurs lignes ont été collées là où une seule est demandée : aucune n’a été prise.',
  },
  'prompt.yes': { en: 'Yes', fr: 'Oui' },
  'prompt.no': { en: 'No', fr: 'Non' },
  'prompt.yesOrNo': { en: 'You must answer with "{yes}" or "{no}"', fr: 'Répondez par « {yes} » ou « {no} »' },
  'prompt.navigate': { en: 'navigate', fr: 'se déplacer' },
  'prompt.select': { en: 'select', fr: 'choisir' },
  'prompt.toggle': { en: 'toggle visibility', fr: 'afficher ou masquer' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
