import { speaker, type Vocabulary } from '../words.js';

/** What is said while the steps run, and of an installation that is opened. */
export const WORDS = {
  'run.stillNeeded': { en: '{title}: the work ended without an error, but its check still finds: {changes}', fr: '{title} : le travail s’est terminé sans erreur, mais la vérification trouve encore : {changes}' },
  'run.blocked': { en: '{title}: {reason}', fr: '{title} : {reason}' },
  'kit.instead': { en: '{what}: not shown here, because the recovery kit will hold it', fr: '{what} : non affiché ici, puisque la trousse de secours le contiendra' },
  'open.noServer': { en: 'there is no running server for "{name}" yet', fr: 'aucun serveur ne tourne encore pour « {name} »' },
  'open.noObjectStore': { en: 'the object store of "{name}" does not run', fr: 'le dépôt d’objets de « {name} » ne tourne pas' },
  'open.noBucket': { en: 'the answers name no bucket for the backups', fr: 'les réponses ne nomment pas de bucket pour les sauvegardes' },
  'open.ownKey': { en: "this installation's own SSH key", fr: 'la clé SSH propre à cette installation' },
  'open.keyOfFile': { en: 'the SSH key {file}', fr: 'la clé SSH {file}' },
  'open.keyNotReadable': { en: 'the SSH private key {file} cannot be read: {why}', fr: 'la clé privée SSH {file} ne peut pas être lue : {why}' },
  'open.leaveKeyOut': { en: 'leave --ssh-key out: a key of its own is made', fr: 'omettez --ssh-key : une clé propre est créée' },
} as const satisfies Vocabulary;
export const say = speaker(WORDS);
