import { EXIT, type ExitCode } from '../errors.js';
import { exportRecoveryKey } from '../keys/recovery/recovery-key.js';
import { readRecord } from '../luks/record.js';
import { VOLUME_LIST } from '../luks/volumes.js';
import { storageAccess, backupPrefix } from '../setup/backups.js';
import type { Context } from '../setup/context.js';
import { STACK_DOCUMENT, stackStateSchema } from '../stack/secrets.js';
import { type Invocation, textOption } from './invocation.js';
import { writeNewDirectory } from './new-directory.js';
import { withInstallation } from './open.js';
import { print } from './print.js';

/** Everything that somebody needs who has lost this computer: written once, in clear, for a safe place elsewhere. */
export async function recoveryKit(invocation: Invocation): Promise<ExitCode> {
  const directory = textOption(invocation, 'to') ?? '';
  const files = await withInstallation(invocation, {}, async (context) => writeKit(context, directory));
  print(invocation, { directory, files }, () => `Written to ${directory}, in clear:\n${files.map((file) => `  ${file}`).join('\n')}\nTake it off this computer, to a safe place.`);
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
    ['README.txt', guide(context.name)],
    ['recovery-key.asc', key.privateKey.reveal()],
    ['recovery-key-passphrase.txt', `${key.passphrase.reveal()}\n`],
    ['bucket.txt', `${where}\naccess key ${accessKeyId}\nsecret key ${secretAccessKey.reveal()}\n`],
    ...(volumes ? [['luks-passphrases.txt', luksLines(volumes)] as [string, string]] : []),
    ...(stack ? [['stack-keys.txt', `TOTP_ENCRYPTION_KEY ${stack.totpEncryptionKey.reveal()}\nENERGY_ENCRYPTION_MASTER_KEY ${stack.energyEncryptionMasterKey.reveal()}\n`] as [string, string]] : []),
  ];
}

function luksLines({ volumes }: NonNullable<Awaited<ReturnType<typeof readRecord>>>): string {
  return VOLUME_LIST.map(({ key, name }) => `${name} ${volumes[key].uuid} ${volumes[key].passphrase.reveal()}\n`).join('');
}

function guide(installation: string): string {
  return `Recovery kit of the KoproGo installation "${installation}". Everything here is in clear: keep it where a
house key would be kept, away from the server and from the operator's computer.

recovery-key.asc, recovery-key-passphrase.txt   open every backup
bucket.txt                                      where the backups are: endpoint, bucket, folder, keys
luks-passphrases.txt                            open the server's encrypted disks (name, UUID, passphrase)
stack-keys.txt                                  without these, second factors and energy data in the database are lost

Without koprogo-infra, with gpg, gunzip and psql alone:
  gpg --import recovery-key.asc
  gpg --decrypt database.sql.gz.gpg | gunzip | psql -X -v ON_ERROR_STOP=1 -d NEW_DATABASE
A disk, on any Linux computer:
  cryptsetup open /dev/disk/by-uuid/UUID NAME
`;
}
