import { speaker, type Vocabulary } from '../../words.js';

/** Why something that is encrypted does not open. */
export const WORDS = {
  'begin': { en: 'it does not begin as an encrypted object does: damaged, or something else', fr: 'il ne commence pas comme un objet chiffré : abîmé, ou tout autre chose' },
  'head.keyId': { en: 'its head is damaged: the key id is not printable', fr: 'son en-tête est abîmé : l’identifiant de la clé n’est pas imprimable' },
  'newer': { en: 'its {what} is {is} and this program reads {known}: written by a newer version, or damaged', fr: '{what} est {is} et ce programme lit {known} : écrit par une version plus récente, ou abîmé' },
  'newer.version': { en: 'format version', fr: 'sa version de format' },
  'newer.suite': { en: 'cipher suite', fr: 'sa suite de chiffrement' },
  'head': { en: 'its head is damaged', fr: 'son en-tête est abîmé' },
  'head.chunks': { en: 'its head is damaged: the size of its chunks is out of range', fr: 'son en-tête est abîmé : la taille de ses morceaux est hors limites' },
  'head.length': { en: 'its head is damaged: a length is out of range', fr: 'son en-tête est abîmé : une longueur est hors limites' },
  'short': { en: 'it is cut short', fr: 'il est tronqué' },
  'newest': { en: 'install the newest koprogo-infra', fr: 'installez la version la plus récente de koprogo-infra' },
  'putBack': { en: 'put back a copy from a backup of the state', fr: 'remettez une copie prise dans une sauvegarde de l’état' },
  'object': { en: '{kind} "{name}" of installation {installation}', fr: '{kind} « {name} » de l’installation {installation}' },
  'unopened': { en: 'the stored {object} cannot be opened: {why}', fr: 'impossible d’ouvrir l’objet enregistré, {object} : {why}' },
  'notADataKey': { en: 'what its key unwraps to is not a data key', fr: 'ce que sa clé déballe n’est pas une clé de données' },
  'exchanged': { en: 'it is not what was stored under this name: damaged, exchanged with another object, or an older copy of it', fr: 'ce n’est pas ce qui a été enregistré sous ce nom : abîmé, échangé avec un autre objet, ou une ancienne copie' },
  'chunk': { en: 'chunk {count} does not match its tag: damaged, cut, or out of its place', fr: 'le morceau {count} ne correspond pas à son étiquette : abîmé, coupé ou déplacé' },
  'tooMany': { en: 'it has too many chunks', fr: 'il a trop de morceaux' },
  'wrapped.length': { en: 'its wrapped data key has {length} bytes and not {wrappedBytes}: damaged, or wrapped by another kind of key', fr: 'sa clé de données emballée a {length} octets et non {wrappedBytes} : abîmée, ou emballée par un autre genre de clé' },
  'wrapped.other': { en: 'the key "{keyId}" does not open its data key: this is another key than the one that wrapped it, or the object was damaged or exchanged', fr: 'la clé « {keyId} » n’ouvre pas sa clé de données : ce n’est pas la clé qui l’a emballée, ou l’objet a été abîmé ou échangé' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
