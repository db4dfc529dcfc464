import { speaker, type Vocabulary } from '../../words.js';

/** What people read of the file of the metrics; what is in it stays as it is. */
export const WORDS = {
  'name': { en: 'KOPROGO_METRICS_FILE is neither an absolute path nor a bare name, ending in ".prom"', fr: 'KOPROGO_METRICS_FILE n’est ni un chemin absolu ni un simple nom, finissant par ".prom"' },
  'unwritable': { en: 'the metrics file {path} cannot be written: {reason}', fr: 'impossible d’écrire le fichier de métriques {path} : {reason}' },
  'held': { en: 'the metrics file is held by another process', fr: 'le fichier de métriques est tenu par un autre processus' },
  'held.remove': { en: 'when no koprogo-infra is running: rm {lock}', fr: 'quand aucun koprogo-infra ne tourne : rm {lock}' },
  'link': { en: 'it is a symbolic link', fr: 'c’est un lien symbolique' },
  'irregular': { en: 'it is not a regular file', fr: 'ce n’est pas un fichier ordinaire' },
  'large': { en: 'it is too large', fr: 'il est trop grand' },
  'foreign': { en: 'another program or version wrote it, or it is damaged', fr: 'un autre programme ou une autre version l’a écrit, ou il est abîmé' },
  'left': { en: 'the metrics file {path} is left as it is, and what this command did is not counted: {why}', fr: 'le fichier de métriques {path} est laissé tel quel, et ce que cette commande a fait n’est pas compté : {why}' },
  'begin': { en: 'to begin a new one: mv {path} {path}.old', fr: 'pour en commencer un nouveau : mv {path} {path}.old' },
  'another': { en: 'or name another: KOPROGO_METRICS_FILE=FILE.prom', fr: 'ou indiquez-en un autre : KOPROGO_METRICS_FILE=FILE.prom' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
