import type { Language } from '../words.js';
import type { DigestAction, DigestEntry, Outage, PlanDigest, ResourceKind } from './plan-digest.js';

/** The words of a digest in one language. */
export interface DigestWords {
  action: Readonly<Record<DigestAction, string>>;
  kind: Readonly<Record<ResourceKind, string>>;
  /** Fields of Terraform's that have a word of their own. */
  field: Readonly<Record<string, string>>;
  nothing: string;
  forcesReplacement: string;
  because: Readonly<Record<NonNullable<DigestEntry['because']>, string>>;
  outage: Readonly<Record<Outage, string>>;
}

export const ENGLISH: DigestWords = {
  action: { create: 'create', change: 'change', replace: 'destroy and make anew', destroy: 'destroy', forget: 'leave alone from now on' },
  kind: {
    server: 'server', volume: 'data disk', attachment: 'connection of a disk to the server', 'ssh-key': 'SSH key', firewall: 'firewall group', 'firewall-rule': 'firewall rule',
    bucket: 'bucket', 'bucket-rules': 'clean-up rules of the bucket', 'bucket-user': 'user of the bucket', 'bucket-key': 'key of the bucket', 'bucket-policy': 'rights on the bucket',
    'sandbox-disks': 'disks of the sandbox', 'sandbox-server': 'server of the sandbox', 'sandbox-store': 'object store of the sandbox', other: 'resource',
  },
  field: {
    name: 'name', size: 'size in GB', flavor_name: 'size of the server', image_name: 'image', volume_type: 'type', availability_zone: 'availability zone', region: 'region', region_name: 'region',
    security_groups: 'firewall groups', public_key: 'public key', port_range_min: 'first port', port_range_max: 'last port', remote_ip_prefix: 'from', ethertype: 'protocol',
    versioning: 'versions', encryption: 'encryption', rules: 'rules', role_names: 'roles', policy: 'rights', user_data: 'first-boot data',
  },
  nothing: 'none',
  forcesReplacement: 'so it must be replaced',
  because: { 'half-made': 'its making broke off', asked: 'as was asked for' },
  outage: {
    'server-replaced': 'the server is REPLACED: its own disk is lost, with the logs and certificates on it, and its address may change; the two data disks stay; the site is down until set-up has ended',
    'disks-detached': 'data disks are taken from the server for a moment: it is switched off before and on again after, and the site is down meanwhile',
    'server-resized': 'the server gets another size: it is restarted for that, and the site is down for some minutes',
    'doors-closed': 'firewall rules go: what comes in by them does not get through, until others are there',
  },
};

export const FRENCH: DigestWords = {
  action: { create: 'créer', change: 'modifier', replace: 'détruire et recréer', destroy: 'détruire', forget: 'laisser désormais tel quel' },
  kind: {
    server: 'serveur', volume: 'disque de données', attachment: 'rattachement d’un disque au serveur', 'ssh-key': 'clé SSH', firewall: 'groupe du pare-feu', 'firewall-rule': 'règle du pare-feu',
    bucket: 'bucket', 'bucket-rules': 'règles de nettoyage du bucket', 'bucket-user': 'utilisateur du bucket', 'bucket-key': 'clé du bucket', 'bucket-policy': 'droits sur le bucket',
    'sandbox-disks': 'disques du bac à sable', 'sandbox-server': 'serveur du bac à sable', 'sandbox-store': 'dépôt d’objets du bac à sable', other: 'ressource',
  },
  field: {
    name: 'nom', size: 'taille en Go', flavor_name: 'taille du serveur', image_name: 'image', volume_type: 'type', availability_zone: 'zone de disponibilité', region: 'région', region_name: 'région',
    security_groups: 'groupes du pare-feu', public_key: 'clé publique', port_range_min: 'premier port', port_range_max: 'dernier port', remote_ip_prefix: 'depuis', ethertype: 'protocole',
    versioning: 'versions', encryption: 'chiffrement', rules: 'règles', role_names: 'rôles', policy: 'droits', user_data: 'données du premier démarrage',
  },
  nothing: 'rien',
  forcesReplacement: 'il faut donc recréer',
  because: { 'half-made': 'sa création a été interrompue', asked: 'comme demandé' },
  outage: {
    'server-replaced': 'le serveur est REMPLACÉ : son propre disque est perdu, avec les journaux et les certificats qui s’y trouvent, et son adresse peut changer ; les deux disques de données restent ; le site est arrêté jusqu’à la fin de l’installation',
    'disks-detached': 'des disques de données sont retirés du serveur un moment : il est éteint avant et rallumé après, et le site est arrêté entre-temps',
    'server-resized': 'le serveur change de taille : il redémarre pour cela, et le site est arrêté quelques minutes',
    'doors-closed': 'des règles du pare-feu disparaissent : ce qui entre par elles ne passe plus, tant qu’il n’y en a pas d’autres',
  },
};

export function wordsOfDigest(language: Language): DigestWords {
  return language === 'fr' ? FRENCH : ENGLISH;
}

/** "change: data disk koprogo-tilleuls-postgres (size in GB: 20 → 40)". */
export function describeEntry({ action, kind, name, fields, because }: DigestEntry, words: DigestWords = ENGLISH): string {
  const said = fields.map(({ field, from, to, forcesReplacement }) => {
    const values = from === undefined && to === undefined ? '' : `${words === FRENCH ? ' :' : ':'} ${from ?? words.nothing} → ${to ?? words.nothing}`;
    return `${words.field[field] ?? field}${values}${forcesReplacement ? `, ${words.forcesReplacement}` : ''}`;
  });
  if (because !== undefined) said.push(words.because[because]);
  return `${words.action[action]}${words === FRENCH ? ' :' : ':'} ${words.kind[kind]} ${name}${said.length === 0 ? '' : ` (${said.join('; ')})`}`;
}

/** A whole plan in words: what it does, then what that means for a site that is there. */
export function describeDigest({ entries, outages }: PlanDigest, words: DigestWords = ENGLISH): string[] {
  return [...entries.map((entry) => describeEntry(entry, words)), ...outages.map((outage) => words.outage[outage])];
}
