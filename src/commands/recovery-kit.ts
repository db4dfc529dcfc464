import { EXIT, type ExitCode } from '../errors.js';
import { exportRecoveryKey } from '../keys/recovery/recovery-key.js';
import { readRecord } from '../luks/record.js';
import { VOLUME_LIST } from '../luks/volumes.js';
import { storageAccess, backupPrefix } from '../setup/backups.js';
import type { Context } from '../setup/context.js';
import { ADMIN_EMAIL } from '../stack/admin.js';
import { STACK_DOCUMENT, stackStateSchema } from '../stack/secrets.js';
import { type Invocation, textOption } from './invocation.js';
import { writeNewDirectory } from './new-directory.js';
import { withInstallation } from './open.js';
import { print } from './print.js';
import { say } from './words.js';

/** Everything that somebody needs who has lost this computer: written once, in clear, for a safe place elsewhere. */
export async function recoveryKit(invocation: Invocation): Promise<ExitCode> {
  const directory = textOption(invocation, 'to') ?? '';
  const files = await withInstallation(invocation, {}, async (context) => writeKit(context, directory));
  print(invocation, { directory, files }, () => say('kit.written', { directory, files: files.map((file) => `  ${file}`).join('\n') }));
  return EXIT.ok;
}

async function writeKit(context: Context, directory: string): Promise<string[]> {
  const files = await kitFiles(context);
  await writeNewDirectory(directory, files);
  return files.map(([name]) => name);
}

async function kitFiles(context: Context): Promise<[name: string, content: string][]> {
  const key = await exportRecoveryKey(context.state);
  const { bucket, accessKeyId, secretAccessKey } = await storageAccess(context);
  const volumes = await readRecord(context.state);
  const stack = await context.state.get(STACK_DOCUMENT, stackStateSchema);
  const where = `${bucket.endpointFromHere ?? bucket.endpoint} ${bucket.bucket} ${backupPrefix(context)}`;
  return [
    ['README.txt', say('kit.guide', { installation: context.name })],
    ['recovery-key.asc', key.privateKey.reveal()],
    ['recovery-key-passphrase.txt', `${key.passphrase.reveal()}\n`],
    ['bucket.txt', `${where}\n${say('kit.accessKey', { key: accessKeyId })}\n${say('kit.secretKey', { key: secretAccessKey.reveal() })}\n`],
    ...(volumes ? [['luks-passphrases.txt', luksLines(volumes)] as [string, string]] : []),
    ...(stack ? [['stack-keys.txt', `TOTP_ENCRYPTION_KEY ${stack.totpEncryptionKey.reveal()}\nENERGY_ENCRYPTION_MASTER_KEY ${stack.energyEncryptionMasterKey.reveal()}\n`] as [string, string]] : []),
    ...(stack?.adminPassword ? [['admin-password.txt', `${ADMIN_EMAIL} ${stack.adminPassword.reveal()}\n`] as [string, string]] : []),
  ];
}

function luksLines({ volumes }: NonNullable<Awaited<ReturnType<typeof readRecord>>>): string {
  return VOLUME_LIST.map(({ key, name }) => `${name} ${volumes[key].uuid} ${volumes[key].passphrase.reveal()}\n`).join('');
}
