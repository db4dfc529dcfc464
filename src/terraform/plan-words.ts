import type { Language } from '../words.js';
import type { DigestAction, DigestEntry, ResourceKind } from './plan-digest.js';

/** The words of a digest in one language. */
export interface DigestWords {
  action: Readonly<Record<DigestAction, string>>;
  kind: Readonly<Record<ResourceKind, string>>;
  /** Fields of Terraform's that have a word of their own. */
  field: Readonly<Record<string, string>>;
  nothing: string;
  forcesReplacement: string;
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
};

export function wordsOfDigest(language: Language): DigestWords {
  return language === 'fr' ? FRENCH : ENGLISH;
}

/** "change: data disk koprogo-tilleuls-postgres (size in GB: 20 → 40)". */
export function describeEntry({ action, kind, name, fields }: DigestEntry, words: DigestWords = ENGLISH): string {
  const said = fields.map(({ field, from, to, forcesReplacement }) => {
    const values = from === undefined && to === undefined ? '' : `${words === FRENCH ? ' :' : ':'} ${from ?? words.nothing} → ${to ?? words.nothing}`;
    return `${words.field[field] ?? field}${values}${forcesReplacement ? `, ${words.forcesReplacement}` : ''}`;
  });
  return `${words.action[action]}${words === FRENCH ? ' :' : ':'} ${words.kind[kind]} ${name}${said.length === 0 ? '' : ` (${said.join('; ')})`}`;
}
