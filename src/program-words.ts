import { speaker, type Vocabulary } from './words.js';

/** What the program says around all rooms: when it is interrupted, when it fails, and what a machine or a bucket may be. */
export const WORDS = {
  'program.interrupted': { en: 'interrupted; nothing that was finished is lost', fr: 'interrompu ; rien de ce qui était terminé n’est perdu' },
  'program.again': { en: 'type the same command again: it goes on where it stopped', fr: 'tapez à nouveau la même commande : elle reprend où elle s’est arrêtée' },
  'program.bug': {
    en: 'This is a bug in koprogo-infra, not a mistake of yours. Please report it with the lines below.\n',
    fr: 'C’est un défaut de koprogo-infra, pas une erreur de votre part. Signalez-le, s’il vous plaît, avec les lignes ci-dessous.\n',
  },
  'machine.disk': { en: 'must be a path below /dev/disk/by-id, such as /dev/disk/by-id/virtio-0a1b2c3d', fr: 'doit être un chemin sous /dev/disk/by-id, comme /dev/disk/by-id/virtio-0a1b2c3d' },
  'machine.user': { en: 'must be a user name', fr: 'doit être un nom d’utilisateur' },
  'machine.hostKey': { en: 'must be a line like "ssh-ed25519 AAAA…"', fr: 'doit être une ligne comme « ssh-ed25519 AAAA… »' },
  'bucket.endpoint': { en: 'must be an http or https address', fr: 'doit être une adresse http ou https' },
  'bucket.region': { en: 'must be a region name, such as eu-west-1', fr: 'doit être un nom de région, comme eu-west-1' },
  'bucket.name': {
    en: 'must be an S3 bucket name: 3 to 63 lower-case letters, digits, dots, hyphens',
    fr: 'doit être un nom de bucket S3 : de 3 à 63 lettres minuscules, chiffres, points, traits d’union',
  },
} as const satisfies Vocabulary;
export const say = speaker(WORDS);
