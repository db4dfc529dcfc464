import { speaker, type Vocabulary } from '../words.js';

export const WORDS = {
  'fleet.none': { en: 'There is no installation yet: koprogo-infra setup', fr: 'Il n’y a pas encore d’installation : koprogo-infra setup' },
  'fleet.name': { en: 'Name', fr: 'Nom' },
  'fleet.target': { en: 'Target', fr: 'Cible' },
  'fleet.site': { en: 'Site', fr: 'Site' },
  'fleet.restored': { en: 'Restore tested', fr: 'Restauration testée' },
  'fleet.begun': { en: 'questions not finished', fr: 'questions inachevées' },
  'fleet.never': { en: 'never', fr: 'jamais' },
  'fleet.services': { en: 'Services', fr: 'Services' },
  'fleet.volumes': { en: 'Volumes', fr: 'Volumes' },
  'fleet.newest': { en: 'Newest backup', fr: 'Dernière sauvegarde' },
  'fleet.answers': { en: 'answers', fr: 'répond' },
  'fleet.fails': { en: 'DOES NOT ANSWER', fr: 'NE RÉPOND PAS' },
  'fleet.unknown': { en: 'NOT KNOWN, see below', fr: 'INCONNU, voir ci-dessous' },
  'fleet.running': { en: '{running} of {all} run', fr: '{running} sur {all} tournent' },
  'fleet.healthy': { en: 'open', fr: 'ouverts' },
  'fleet.locked': { en: 'LOCKED', fr: 'VERROUILLÉS' },
  'fleet.degraded': { en: 'not as they should be', fr: 'pas comme il faut' },
  'fleet.age': { en: '{age} ago', fr: 'il y a {age}' },
  'fleet.days': { en: '{days} days ago', fr: 'il y a {days} jours' },
  'fleet.looking': { en: 'asking the servers', fr: 'interrogation des serveurs' },
  'fleet.oneAtATime': { en: '--all looks at every installation; it does not go together with the name of one', fr: '--all regarde toutes les installations ; il ne va pas avec le nom d’une seule' },
} as const satisfies Vocabulary;

export const say = speaker(WORDS);
