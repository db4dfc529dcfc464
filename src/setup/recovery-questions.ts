import { ON_SCREEN } from '../keys/recovery/copies.js';
import type { Answers, Question } from './question.js';

const wanted = (answers: Answers) => answers['recovery.copies'] === 'kit' || answers['recovery.copies'] === 'sheets';

/** What is left when this computer is lost. */
export const RECOVERY_QUESTIONS: readonly Question[] = [
  {
    key: 'recovery.copies',
    flag: '--recovery-copies <kind>',
    variable: 'KOPROGO_RECOVERY_COPIES',
    ask: { en: 'What shall open the backups when this computer is lost?', fr: 'Qu’est-ce qui ouvrira les sauvegardes si cet ordinateur est perdu ?' },
    explain: {
      en: 'The recovery key that opens the backups is on this computer only, encrypted. Without a copy elsewhere, losing this computer is losing every backup. One copy is made at the end of set-up; the other kind can be made at any time.',
      fr: 'La clé de récupération, qui ouvre les sauvegardes, n’est que sur cet ordinateur, chiffrée. Sans copie ailleurs, perdre cet ordinateur, c’est perdre toutes les sauvegardes. Une copie est faite à la fin de l’installation ; l’autre sorte peut être faite à tout moment.',
    },
    choices: [
      { value: 'kit', name: { en: 'kit: a folder that opens backups and disks; for a USB stick in a safe', fr: 'kit : un dossier qui ouvre sauvegardes et disques ; sur une clé USB au coffre' } },
      { value: 'sheets', name: { en: 'sheets: three sheets of paper, any two of which open the backups', fr: 'sheets : trois feuilles de papier ; il en faut deux pour les sauvegardes' } },
      { value: 'later', name: { en: 'later: none for now', fr: 'later : aucune pour l’instant' } },
    ],
    fallback: () => 'later',
  },
  {
    key: 'recovery.directory',
    flag: '--recovery-directory <directory>',
    variable: 'KOPROGO_RECOVERY_DIRECTORY',
    ask: { en: 'Directory to write the copy to: a new or an empty one', fr: 'Dossier où écrire la copie : nouveau, ou vide' },
    explain: ({ 'recovery.copies': kind }) =>
      kind === 'sheets'
        ? { en: 'Sheets need no directory: with a dash (-) they are shown here one after the other, to be printed or copied by hand. They do not hold the keys of the bucket where the backups are, nor open the disks: the kit does.', fr: 'Les feuilles n’ont pas besoin de dossier : avec un tiret (-), elles sont montrées ici l’une après l’autre, pour être imprimées ou recopiées. Elles ne contiennent pas les clés du bucket où sont les sauvegardes, et n’ouvrent pas les disques : le kit, oui.' }
        : { en: 'Best on a USB stick, which then leaves this computer: whoever has this folder can read everything.', fr: 'De préférence sur une clé USB, qui quitte ensuite cet ordinateur : qui a ce dossier peut tout lire.' },
    fallback: ({ 'recovery.copies': kind }) => (kind === 'sheets' ? ON_SCREEN : undefined),
    when: wanted,
  },
];
