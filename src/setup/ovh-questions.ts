import { isOpenRcText } from '../targets/ovh/openrc/openrc-source.js';
import type { Answers, Question } from './question.js';

const onOvh = (answers: Answers) => answers['target'] === 'ovh';
const bucketAtOvh = (answers: Answers) => onOvh(answers) && answers['ovh.backups'] === 'ovh';
const needsToken = (answers: Answers) => onOvh(answers) && (answers['ovh.backups'] === 'ovh' || answers['ovh.dns'] === 'ovh');

/** The server at OVH, before the site is spoken of. */
export const OVH_SERVER_QUESTIONS: readonly Question[] = [
  {
    key: 'ovh.openrc',
    flag: '--openrc <file>',
    variable: 'KOPROGO_OPENRC',
    ask: { en: 'OpenRC file of the OpenStack user: its path, or its text (empty: no file)', fr: 'Fichier OpenRC de l’utilisateur : chemin, ou texte (vide : sans fichier)' },
    explain: {
      en: 'In the OVHcloud manager: Public Cloud, your project, Users & Roles. Create a user with all twelve roles (Administrator above all), then "…" beside it, Download the OpenRC file, and choose the region where the server shall stand. The file is read, never executed; where pasting its text does not work, type `paste` first. All of it step by step: docs/ovh.md',
      fr: 'Dans l’espace client OVHcloud : Public Cloud, votre projet, Users & Roles. Créez un utilisateur avec les douze rôles (Administrator avant tout), puis « … » à côté de lui, Télécharger le fichier OpenRC, en choisissant la région où le serveur doit se trouver. Le fichier est lu, jamais exécuté ; si coller son texte ne marche pas, tapez d’abord `coller`. Pas à pas : docs/fr/ovh.md',
    },
    optional: true,
    pasted: isOpenRcText,
    when: onOvh,
  },
  {
    key: 'ovh.authUrl',
    flag: '--openstack-url <url>',
    variable: 'KOPROGO_OPENSTACK_URL',
    ask: { en: 'Address of the login service (OS_AUTH_URL)', fr: 'Adresse du service de connexion (OS_AUTH_URL)' },
    fallback: () => 'https://auth.cloud.ovh.net/v3',
    when: onOvh,
  },
  {
    key: 'ovh.project',
    flag: '--project <id>',
    variable: 'KOPROGO_PROJECT',
    ask: { en: 'Id of the Public Cloud project (OS_PROJECT_ID: 32 digits and letters)', fr: 'Identifiant du projet Public Cloud (OS_PROJECT_ID : 32 chiffres et lettres)' },
    when: onOvh,
  },
  {
    key: 'ovh.username',
    flag: '--openstack-user <name>',
    variable: 'KOPROGO_OPENSTACK_USER',
    ask: { en: 'OpenStack user (user- and twelve characters, not your OVH account)', fr: 'Utilisateur OpenStack (user- et douze caractères, pas votre compte OVH)' },
    when: onOvh,
  },
  {
    key: 'ovh.userDomain',
    flag: '--openstack-domain <name>',
    variable: 'KOPROGO_OPENSTACK_DOMAIN',
    ask: { en: 'Domain of that user in OpenStack', fr: 'Domaine de cet utilisateur dans OpenStack' },
    fallback: () => 'Default',
    when: onOvh,
  },
  {
    key: 'ovh.password',
    flag: '--openstack-password-file <file>',
    variable: 'OS_PASSWORD',
    ask: { en: 'Password of the OpenStack user', fr: 'Mot de passe de l’utilisateur OpenStack' },
    explain: {
      en: 'It is tried at once, and kept in the encrypted state. Lost: "…" beside the user in the manager, Regenerate password.',
      fr: 'Il est essayé aussitôt, et gardé dans l’état chiffré. Perdu : « … » à côté de l’utilisateur dans l’espace client, Régénérer un mot de passe.',
    },
    secret: true,
    when: onOvh,
  },
  {
    key: 'ovh.region',
    flag: '--region <name>',
    variable: 'KOPROGO_REGION',
    ask: { en: 'Region of the server, exactly as OVH writes it', fr: 'Région du serveur, exactement comme OVH l’écrit' },
    when: onOvh,
  },
  {
    key: 'ovh.flavor',
    flag: '--flavor <name>',
    variable: 'KOPROGO_FLAVOR',
    ask: { en: 'Size of the server', fr: 'Gabarit du serveur' },
    explain: {
      en: '4 GB of memory leave room for restore tests beside the site; 2 GB are enough to begin with. Prices are in the manager: this program does not know them.',
      fr: '4 Go de mémoire laissent de la place aux tests de restauration à côté du site ; 2 Go suffisent pour commencer. Les prix sont dans l’espace client : ce programme ne les connaît pas.',
    },
    fallback: () => 'd2-4',
    when: onOvh,
  },
  {
    key: 'ovh.volumeType',
    flag: '--volume-type <name>',
    variable: 'KOPROGO_VOLUME_TYPE',
    ask: { en: 'Kind of the data disks', fr: 'Type des disques de données' },
    fallback: () => 'high-speed',
    when: onOvh,
  },
  {
    key: 'ovh.postgresSize',
    flag: '--postgres-size <gb>',
    variable: 'KOPROGO_POSTGRES_SIZE',
    ask: { en: 'Size of the disk for the database, in GB', fr: 'Taille du disque de la base de données, en Go' },
    explain: { en: 'A disk never shrinks. It can grow at any time, while the site runs: the same `setup` with a larger size.', fr: 'Un disque ne rétrécit jamais. Il peut grandir à tout moment, sans arrêt du site : le même `setup`, avec une taille plus grande.' },
    fallback: () => '20',
    when: onOvh,
  },
  {
    key: 'ovh.documentsSize',
    flag: '--documents-size <gb>',
    variable: 'KOPROGO_DOCUMENTS_SIZE',
    ask: { en: 'Size of the disk for documents, containers and secrets, in GB', fr: 'Taille du disque des documents, des conteneurs et des secrets, en Go' },
    fallback: () => '20',
    when: onOvh,
  },
];

/** DNS, backups and the token that they need, after the site's name is known. */
export const OVH_SITE_QUESTIONS: readonly Question[] = [
  {
    key: 'ovh.dns',
    flag: '--dns <place>',
    variable: 'KOPROGO_DNS',
    ask: { en: 'Where are the DNS records of this domain kept?', fr: 'Où sont tenus les enregistrements DNS de ce domaine ?' },
    choices: [
      { value: 'ovh', name: { en: 'ovh: in an OVH account; set-up writes them', fr: 'ovh : dans un compte OVH ; l’installation les écrit' } },
      { value: 'elsewhere', name: { en: 'elsewhere: set-up says exactly what to enter, and waits', fr: 'elsewhere (ailleurs) : l’installation dit exactement quoi saisir, et attend' } },
    ],
    fallback: () => 'elsewhere',
    when: onOvh,
  },
  {
    key: 'ovh.backups',
    flag: '--backups <place>',
    variable: 'KOPROGO_BACKUPS',
    ask: { en: 'Where shall the backups lie?', fr: 'Où doivent se trouver les sauvegardes ?' },
    explain: {
      en: 'Backups are encrypted before they leave the server. A bucket of another provider also survives the loss of the OVH account.',
      fr: 'Les sauvegardes sont chiffrées avant de quitter le serveur. Un bucket d’un autre hébergeur survit aussi à la perte du compte OVH.',
    },
    choices: [
      { value: 'ovh', name: { en: 'ovh: in a bucket that is made in this project', fr: 'ovh : dans un bucket créé dans ce projet' } },
      { value: 'elsewhere', name: { en: 'elsewhere: in an S3 bucket that you have the keys of', fr: 'elsewhere (ailleurs) : dans un bucket S3 dont vous avez les clés' } },
    ],
    fallback: () => 'ovh',
    when: onOvh,
  },
  {
    key: 'ovhBucket.name',
    flag: '--bucket <name>',
    variable: 'KOPROGO_BUCKET',
    ask: { en: 'Name of the bucket to be made (no other customer may have it)', fr: 'Nom du bucket à créer (aucun autre client ne doit l’avoir)' },
    when: bucketAtOvh,
  },
  {
    key: 'ovhBucket.region',
    flag: '--bucket-region <name>',
    variable: 'KOPROGO_BUCKET_REGION',
    ask: { en: 'Region of the bucket, as OVH writes it for object storage (GRA, SBG, …)', fr: 'Région du bucket, comme OVH l’écrit pour le stockage d’objets (GRA, SBG, …)' },
    fallback: (answers) => (answers['ovh.region'] ?? '').replace(/\d+$/, '').toUpperCase() || undefined,
    when: bucketAtOvh,
  },
  {
    key: 'ovhApi.endpoint',
    flag: '--ovh-endpoint <name>',
    variable: 'OVH_ENDPOINT',
    ask: { en: 'Which OVH is the account with?', fr: 'Chez quel OVH est le compte ?' },
    choices: [
      { value: 'ovh-eu', name: { en: 'ovh-eu: Europe', fr: 'ovh-eu : Europe' } },
      { value: 'ovh-ca', name: { en: 'ovh-ca: Canada', fr: 'ovh-ca : Canada' } },
    ],
    fallback: () => 'ovh-eu',
    when: needsToken,
  },
  {
    key: 'ovhApi.applicationKey',
    flag: '--ovh-application-key <key>',
    variable: 'OVH_APPLICATION_KEY',
    ask: { en: 'Application key of the token', fr: 'Application key du jeton' },
    when: needsToken,
  },
  {
    key: 'ovhApi.applicationSecret',
    flag: '--ovh-application-secret-file <file>',
    variable: 'OVH_APPLICATION_SECRET',
    ask: { en: 'Application secret of the token', fr: 'Application secret du jeton' },
    secret: true,
    when: needsToken,
  },
  {
    key: 'ovhApi.consumerKey',
    flag: '--ovh-consumer-key-file <file>',
    variable: 'OVH_CONSUMER_KEY',
    ask: { en: 'Consumer key of the token', fr: 'Consumer key du jeton' },
    secret: true,
    when: needsToken,
  },
];
