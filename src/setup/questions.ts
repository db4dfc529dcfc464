import { OVH_SERVER_QUESTIONS, OVH_SITE_QUESTIONS } from './ovh-questions.js';
import { RECOVERY_QUESTIONS } from './recovery-questions.js';
import type { Answers, Question } from './question.js';
import { UNLOCK_QUESTION } from './unlock-question.js';

const onHost = (answers: Answers) => answers['target'] === 'host';
const onInternet = (answers: Answers) => answers['target'] !== 'sandbox';
const inSandbox = (answers: Answers) => answers['target'] === 'sandbox';
const ownBucket = (answers: Answers) => onHost(answers) || (answers['target'] === 'ovh' && answers['ovh.backups'] === 'elsewhere');

export const QUESTIONS: readonly Question[] = [
  {
    key: 'target',
    flag: '--target <target>',
    variable: 'KOPROGO_TARGET',
    ask: { en: 'Where shall the server be?', fr: 'Où doit se trouver le serveur ?' },
    choices: [
      { value: 'sandbox', name: { en: 'sandbox: a virtual machine on this computer, to try everything', fr: 'sandbox : une machine virtuelle sur cet ordinateur, pour tout essayer' } },
      { value: 'host', name: { en: 'host: a Debian 13 server that you reach by SSH', fr: 'host : un serveur Debian 13 que vous atteignez par SSH' } },
      { value: 'ovh', name: { en: 'ovh: a server that is built in a Public Cloud project at OVH', fr: 'ovh : un serveur construit dans un projet Public Cloud chez OVH' } },
    ],
    fallback: () => 'sandbox',
  },
  ...OVH_SERVER_QUESTIONS,
  {
    key: 'domain',
    flag: '--domain <name>',
    variable: 'KOPROGO_DOMAIN',
    ask: { en: 'Domain name of the site (the API answers at api. below it)', fr: 'Nom de domaine du site (l’API répond à api. suivi de ce nom)' },
    fallback: (answers) => (answers['target'] === 'sandbox' ? 'koprogo.test' : undefined),
  },
  {
    key: 'www',
    flag: '--www <answer>',
    variable: 'KOPROGO_WWW',
    ask: { en: 'Shall www. in front of the domain lead to the site, too?', fr: 'www. devant le domaine doit-il mener au site, lui aussi ?' },
    choices: [
      { value: 'no', name: { en: 'no: only the domain itself and api.', fr: 'no : seulement le domaine lui-même et api.' } },
      { value: 'yes', name: { en: 'yes: visitors of www. are sent on to the domain', fr: 'yes : les visiteurs de www. sont renvoyés vers le domaine' } },
    ],
    fallback: () => 'no',
    optional: true,
    unasked: inSandbox,
  },
  {
    key: 'email',
    flag: '--email <address>',
    variable: 'KOPROGO_EMAIL',
    ask: { en: "E-mail address for Let's Encrypt certificates (empty: plain HTTP)", fr: 'Adresse e-mail pour les certificats Let’s Encrypt (vide : HTTP en clair)' },
    optional: true,
    when: onInternet,
  },
  ...OVH_SITE_QUESTIONS,
  UNLOCK_QUESTION,
  {
    key: 'sshKey',
    flag: '--ssh-key <file>',
    variable: 'KOPROGO_SSH_KEY',
    ask: { en: 'Private SSH key to reach the server with (empty: a key of its own is made)', fr: 'Clé SSH privée pour atteindre le serveur (vide : une clé propre est créée)' },
    optional: true,
  },
  {
    key: 'host.address',
    flag: '--host <address>',
    variable: 'KOPROGO_HOST',
    ask: { en: 'Address of the server', fr: 'Adresse du serveur' },
    when: onHost,
  },
  {
    key: 'host.port',
    flag: '--port <number>',
    variable: 'KOPROGO_PORT',
    ask: { en: 'SSH port', fr: 'Port SSH' },
    fallback: () => '22',
    when: onHost,
  },
  {
    key: 'host.user',
    flag: '--user <name>',
    variable: 'KOPROGO_USER',
    ask: { en: 'User to log in as (root, or one with sudo without a password)', fr: 'Utilisateur de connexion (root, ou un autre avec sudo sans mot de passe)' },
    fallback: () => 'debian',
    when: onHost,
  },
  {
    key: 'host.hostKey',
    flag: '--host-key <key>',
    variable: 'KOPROGO_HOST_KEY',
    ask: { en: "The server's public host key", fr: 'Clé publique du serveur (clé d’hôte SSH)' },
    explain: { en: "Print it on the server's own console, not over this network: cat /etc/ssh/ssh_host_ed25519_key.pub", fr: 'Affichez-la sur la console même du serveur, et non par ce réseau : cat /etc/ssh/ssh_host_ed25519_key.pub' },
    when: onHost,
  },
  {
    key: 'disks.postgres',
    flag: '--postgres-disk <id>',
    variable: 'KOPROGO_POSTGRES_DISK',
    ask: { en: 'Blank disk for the database, below /dev/disk/by-id', fr: 'Disque vierge pour la base de données, sous /dev/disk/by-id' },
    explain: { en: 'The disk is encrypted and everything on it is lost. Only a blank disk is accepted. On the server: ls /dev/disk/by-id', fr: 'Le disque est chiffré et tout ce qu’il contient est perdu. Seul un disque vierge est accepté. Sur le serveur : ls /dev/disk/by-id' },
    when: onHost,
  },
  {
    key: 'disks.documents',
    flag: '--documents-disk <id>',
    variable: 'KOPROGO_DOCUMENTS_DISK',
    ask: { en: 'Blank disk for documents, containers and secrets, below /dev/disk/by-id', fr: 'Disque vierge pour documents, conteneurs et secrets, sous /dev/disk/by-id' },
    when: onHost,
  },
  {
    key: 'bucket.endpoint',
    flag: '--s3-endpoint <url>',
    variable: 'KOPROGO_S3_ENDPOINT',
    ask: { en: 'S3 endpoint for backups', fr: 'Point d’accès S3 des sauvegardes' },
    when: ownBucket,
  },
  {
    key: 'bucket.region',
    flag: '--s3-region <region>',
    variable: 'KOPROGO_S3_REGION',
    ask: { en: 'S3 region', fr: 'Région S3' },
    fallback: () => 'us-east-1',
    when: ownBucket,
  },
  {
    key: 'bucket.bucket',
    flag: '--s3-bucket <name>',
    variable: 'KOPROGO_S3_BUCKET',
    ask: { en: 'S3 bucket (made when it does not exist)', fr: 'Bucket S3 (créé s’il n’existe pas)' },
    when: ownBucket,
  },
  {
    key: 'bucket.encryption',
    flag: '--s3-encryption <mode>',
    variable: 'KOPROGO_S3_ENCRYPTION',
    ask: { en: 'Server-side encryption to ask for: AES256, aws:kms:KEY-ID or none', fr: 'Chiffrement demandé au serveur S3 : AES256, aws:kms:KEY-ID ou none' },
    explain: { en: 'Backups are encrypted before they leave the server in any case; this is the provider’s second layer, and it is read back after each upload.', fr: 'Les sauvegardes sont de toute façon chiffrées avant de quitter le serveur ; ceci est la seconde couche, celle du fournisseur, et elle est relue après chaque envoi.' },
    fallback: () => 'AES256',
    when: ownBucket,
  },
  {
    key: 'bucket.accessKeyId',
    flag: '--s3-access-key <id>',
    variable: 'KOPROGO_S3_ACCESS_KEY_ID',
    ask: { en: 'S3 access key id', fr: 'Identifiant de la clé d’accès S3' },
    when: ownBucket,
  },
  {
    key: 'bucket.secretAccessKey',
    flag: '--s3-secret-key-file <file>',
    variable: 'KOPROGO_S3_SECRET_ACCESS_KEY',
    ask: { en: 'S3 secret access key', fr: 'Clé d’accès secrète S3' },
    secret: true,
    when: ownBucket,
  },
  ...RECOVERY_QUESTIONS,
];

/** Whether the question may come up for a target, whatever else is answered. */
export function mayApply({ when }: Question, target: string): boolean {
  const places = ['ovh', 'elsewhere'];
  return !when || places.some((backups) => places.some((dns) => when({ target, 'ovh.backups': backups, 'ovh.dns': dns, 'recovery.copies': 'kit' })));
}
