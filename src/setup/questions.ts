import type { QuestionKey } from './schemas.js';

/** Answers so far, by question key: texts, as they were given. */
export type Answers = Readonly<Record<string, string>>;

/**
 * One question: its key in the answers file, its flag, its variable and its words. Plain data, because the command
 * line is built from it; what an answer may be is in schemas.ts.
 */
export interface Question {
  /** Path in the answers file and in SetupConfig: "host.address". */
  key: QuestionKey;
  flag: string;
  variable: string;
  ask: string;
  /** Said on the line before the question. */
  explain?: string;
  choices?: readonly { value: string; name: string }[];
  /** Proposed at the prompt, taken with --yes. */
  fallback?: (answers: Answers) => string | undefined;
  optional?: boolean;
  /** Typed unseen; never in the answers file; its flag names a file that holds it. */
  secret?: boolean;
  /** Asked only when earlier answers say so. */
  when?: (answers: Answers) => boolean;
}

const onHost = (answers: Answers) => answers['target'] === 'host';

export const QUESTIONS: readonly Question[] = [
  {
    key: 'target',
    flag: '--target <target>',
    variable: 'KOPROGO_TARGET',
    ask: 'Where shall the server be?',
    choices: [
      { value: 'sandbox', name: 'sandbox: a virtual machine on this computer, to try everything without an account' },
      { value: 'host', name: 'host: a Debian 13 server that you reach by SSH' },
    ],
    fallback: () => 'sandbox',
  },
  {
    key: 'domain',
    flag: '--domain <name>',
    variable: 'KOPROGO_DOMAIN',
    ask: 'Domain name of the site (the API answers at api. below it)',
    fallback: (answers) => (answers['target'] === 'sandbox' ? 'koprogo.test' : undefined),
  },
  {
    key: 'email',
    flag: '--email <address>',
    variable: 'KOPROGO_EMAIL',
    ask: "E-mail address for Let's Encrypt certificates (empty: plain HTTP)",
    optional: true,
    when: onHost,
  },
  {
    key: 'unlock',
    flag: '--unlock <method>',
    variable: 'KOPROGO_UNLOCK',
    ask: 'How shall the encrypted volumes open after a reboot?',
    explain:
      'With a TPM they open by themselves, on this machine only. Manually means: nothing runs after a reboot until you type `koprogo-infra luks unlock`.',
    choices: [
      { value: 'auto', name: 'auto: by the TPM where there is one, manually otherwise' },
      { value: 'tpm', name: 'tpm: by the TPM, or stop when there is none' },
      { value: 'manual', name: 'manual: only by you' },
    ],
    fallback: () => 'auto',
  },
  {
    key: 'sshKey',
    flag: '--ssh-key <file>',
    variable: 'KOPROGO_SSH_KEY',
    ask: 'Private SSH key to reach the server with (empty: a key of its own is made)',
    optional: true,
  },
  {
    key: 'host.address',
    flag: '--host <address>',
    variable: 'KOPROGO_HOST',
    ask: 'Address of the server',
    when: onHost,
  },
  {
    key: 'host.port',
    flag: '--port <number>',
    variable: 'KOPROGO_PORT',
    ask: 'SSH port',
    fallback: () => '22',
    when: onHost,
  },
  {
    key: 'host.user',
    flag: '--user <name>',
    variable: 'KOPROGO_USER',
    ask: 'User to log in as (root, or one with sudo without a password)',
    fallback: () => 'debian',
    when: onHost,
  },
  {
    key: 'host.hostKey',
    flag: '--host-key <key>',
    variable: 'KOPROGO_HOST_KEY',
    ask: "The server's public host key",
    explain: "Print it on the server's own console, not over this network: cat /etc/ssh/ssh_host_ed25519_key.pub",
    when: onHost,
  },
  {
    key: 'disks.postgres',
    flag: '--postgres-disk <id>',
    variable: 'KOPROGO_POSTGRES_DISK',
    ask: 'Blank disk for the database, below /dev/disk/by-id',
    explain: 'The disk is encrypted and everything on it is lost. Only a blank disk is accepted. On the server: ls /dev/disk/by-id',
    when: onHost,
  },
  {
    key: 'disks.documents',
    flag: '--documents-disk <id>',
    variable: 'KOPROGO_DOCUMENTS_DISK',
    ask: 'Blank disk for documents, containers and secrets, below /dev/disk/by-id',
    when: onHost,
  },
  {
    key: 'bucket.endpoint',
    flag: '--s3-endpoint <url>',
    variable: 'KOPROGO_S3_ENDPOINT',
    ask: 'S3 endpoint for backups',
    when: onHost,
  },
  {
    key: 'bucket.region',
    flag: '--s3-region <region>',
    variable: 'KOPROGO_S3_REGION',
    ask: 'S3 region',
    fallback: () => 'us-east-1',
    when: onHost,
  },
  {
    key: 'bucket.bucket',
    flag: '--s3-bucket <name>',
    variable: 'KOPROGO_S3_BUCKET',
    ask: 'S3 bucket (made when it does not exist)',
    when: onHost,
  },
  {
    key: 'bucket.encryption',
    flag: '--s3-encryption <mode>',
    variable: 'KOPROGO_S3_ENCRYPTION',
    ask: 'Server-side encryption to ask for: AES256, aws:kms:KEY-ID or none',
    explain: 'Backups are encrypted before they leave the server in any case; this is the provider’s second layer, and it is read back after each upload.',
    fallback: () => 'AES256',
    when: onHost,
  },
  {
    key: 'bucket.accessKeyId',
    flag: '--s3-access-key <id>',
    variable: 'KOPROGO_S3_ACCESS_KEY_ID',
    ask: 'S3 access key id',
    when: onHost,
  },
  {
    key: 'bucket.secretAccessKey',
    flag: '--s3-secret-key-file <file>',
    variable: 'KOPROGO_S3_SECRET_ACCESS_KEY',
    ask: 'S3 secret access key',
    secret: true,
    when: onHost,
  },
];
