import { speaker, type Vocabulary } from '../words.js';

/** What is said of options before any command is loaded: kept small, because every start loads it. */
export const WORDS = {
  'option.noPassword': { en: '--{option} must not hold a password: the command line is seen by everybody on this computer', fr: '--{option} ne doit pas contenir de mot de passe : la ligne de commande est visible de tous sur cet ordinateur' },
  'option.stateFile': {
    en: 'write the URL into a file that only you can read, and set KOPROGO_STATE_FILE (state migrate: a line KOPROGO_STATE_FILE=… in the file of --settings)',
    fr: 'écrivez l’URL dans un fichier que vous seul pouvez lire, et définissez KOPROGO_STATE_FILE (state migrate : une ligne KOPROGO_STATE_FILE=… dans le fichier de --settings)',
  },
} as const satisfies Vocabulary;
export const say = speaker(WORDS);
