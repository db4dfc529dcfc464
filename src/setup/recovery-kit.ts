import { writeNewDirectory } from '../keys/recovery/new-directory.js';
import { exportRecoveryKey } from '../keys/recovery/recovery-key.js';
import { readRecord } from '../luks/record.js';
import { VOLUME_LIST } from '../luks/volumes.js';
import { ADMIN_EMAIL } from '../stack/admin.js';
import { STACK_DOCUMENT, stackStateSchema } from '../stack/secrets.js';
import { backupPrefix, storageAccess } from './backups.js';
import type { Context } from './context.js';
import { say } from './recovery-words.js';

/** Everything that somebody needs who has lost this computer, in clear, into a new directory. */
export async function writeKit(context: Context, directory: string): Promise<{ files: string[]; fingerprint: string }> {
  const { files, fingerprint } = await kitFiles(context);
  await writeNewDirectory(directory, files);
  return { files: files.map(([name]) => name), fingerprint };
}

async function kitFiles(context: Context): Promise<{ files: [name: string, content: string][]; fingerprint: string }> {
  const key = await exportRecoveryKey(context.state);
  const { bucket, accessKeyId, secretAccessKey } = await storageAccess(context);
  const volumes = await readRecord(context.state);
  const stack = await context.state.get(STACK_DOCUMENT, stackStateSchema);
  const where = `${bucket.endpointFromHere ?? bucket.endpoint} ${bucket.bucket} ${backupPrefix(context)}`;
  const files: [name: string, content: string][] = [
    ['README.txt', say('kit.guide', { installation: context.name })],
    ['recovery-key.asc', key.privateKey.reveal()],
    ['recovery-key-passphrase.txt', `${key.passphrase.reveal()}\n`],
    ['bucket.txt', `${where}\n${say('kit.accessKey', { key: accessKeyId })}\n${say('kit.secretKey', { key: secretAccessKey.reveal() })}\n`],
    ...(volumes ? [['luks-passphrases.txt', luksLines(volumes)] as [string, string]] : []),
    ...(stack ? [['stack-keys.txt', `TOTP_ENCRYPTION_KEY ${stack.totpEncryptionKey.reveal()}\nENERGY_ENCRYPTION_MASTER_KEY ${stack.energyEncryptionMasterKey.reveal()}\n`] as [string, string]] : []),
    ...(stack?.adminPassword ? [['admin-password.txt', `${ADMIN_EMAIL} ${stack.adminPassword.reveal()}\n`] as [string, string]] : []),
  ];
  return { files, fingerprint: key.fingerprint };
}

function luksLines({ volumes }: NonNullable<Awaited<ReturnType<typeof readRecord>>>): string {
  return VOLUME_LIST.map(({ key, name }) => `${name} ${volumes[key].uuid} ${volumes[key].passphrase.reveal()}\n`).join('');
}
