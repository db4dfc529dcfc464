import { type Command, CommandFailed, type Host, script } from '../edges/command.js';
import { EXIT, InfraError, InputError, RefusedError } from '../errors.js';
import type { Progress } from '../progress.js';
import type { StateStore } from '../state/store.js';
import { inspect, type ServerFacts } from './inspect.js';
import { conflicts, isOurMapping, judgeDisks } from './judge.js';
import { mountCommand, startDockerCommand } from './mount.js';
import { type LuksDocument, readRecord, type VolumeRecord } from './record.js';
import { ANSWER, HOLD_DISK } from './shell.js';
import { mappingId, type Volume, VOLUME_LIST } from './volumes.js';
import { say } from './words.js';

/** Keyslot 0 is named, so that a wrong passphrase is not also tried on the other keyslots, and the journal says the truth. */
const OPEN = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2 name=$3 id=$4
key=$(cat)
hold "$disk"
expect "$uuid"
if [ -e "/dev/mapper/$name" ]; then
  mapping=$(basename "$(readlink -f "/dev/mapper/$name")")
  if [ "$(cat "/sys/class/block/$mapping/dm/uuid")" != "$id" ]; then echo "/dev/mapper/$name is another volume" >&2; exit 1; fi
  echo already
  exit 0
fi
code=0
printf %s "$key" | cryptsetup open --type luks2 --key-slot 0 --key-file - "$dev" "$name" || code=$?
case $code in
  0) ;;
  2)
    audit "refused to open $name (UUID $uuid): wrong recovery passphrase"
    exit ${ANSWER.wrongKey} ;;
  *) exit "$code" ;;
esac
audit "opened $name (UUID $uuid) with the recovery passphrase, keyslot 0"
echo opened
`;

export function openCommand(volume: Volume, { disk, uuid, passphrase }: VolumeRecord): Command {
  return {
    ...script(OPEN, disk, uuid, volume.name, mappingId(volume, uuid)),
    input: passphrase,
    root: true,
    timeout: 300,
    accept: [0, ANSWER.wrongKey],
    purpose: say('open.purpose', { name: volume.name }),
  };
}

/** Opens one volume with its recovery passphrase; nothing happens when it is open. Throws InfraError when the passphrase is wrong. */
export async function openVolume(server: Host, volume: Volume, record: VolumeRecord): Promise<void> {
  const { exitCode } = await server.run(openCommand(volume, record));
  if (exitCode === ANSWER.wrongKey) throw wrongPassphrase(volume, record);
}

export function wrongPassphrase(volume: Volume, { disk, uuid }: VolumeRecord): InfraError {
  return new InfraError(say('wrongPassphrase', { name: volume.name, uuid, disk }), {
    exitCode: EXIT.locked,
    hints: [
      'koprogo-infra luks status',
      say('wrongPassphrase.written', { disk, name: volume.name }),
      say('wrongPassphrase.damaged'),
    ],
  });
}

export interface UnlockResult {
  volumes: { name: string; was: 'locked' | 'open' }[];
  /** Docker was started, or was running; false where it is not installed or not enabled. */
  docker: boolean;
}

/**
 * The manual unlock from the operator's computer: opens what is locked with the recovery passphrases of the state
 * (by standard input), mounts both volumes and starts Docker, which brings its containers back.
 * Converges from any mix of open and locked. Throws InputError without a prepared installation, RefusedError when
 * a disk or mount point carries something else, InfraError when a passphrase is wrong.
 */
export async function unlockVolumes(deps: { server: Host; state: StateStore; progress: Progress }): Promise<UnlockResult> {
  const { server, state, progress } = deps;
  const document = await readRecord(state);
  if (!document) throw new InputError(say('noVolumes'), { hints: ['koprogo-infra setup'] });
  const disks = { postgres: document.volumes.postgres.disk, documents: document.volumes.documents.disk };

  const before = await inspect(server, { disks, document });
  refuseUnlessOurs(document, disks, before);
  const volumes: UnlockResult['volumes'] = [];
  for (const volume of VOLUME_LIST) {
    const record = document.volumes[volume.key];
    const open = isOurMapping(volume, record.uuid, before.volumes[volume.key]);
    if (!open) {
      progress.update(say('unlock.opening', { name: volume.name }));
      await openVolume(server, volume, record);
    }
    volumes.push({ name: volume.name, was: open ? 'open' : 'locked' });
  }
  progress.update(say('mounting'));
  await mountVolumes(server);
  const after = await inspect(server, { disks, document });
  for (const volume of VOLUME_LIST) {
    const found = after.volumes[volume.key];
    if (!isOurMapping(volume, document.volumes[volume.key].uuid, found) || found.mounts.length !== 1) {
      throw new InfraError(say('unlock.notMounted', { name: volume.name, mountPoint: volume.mountPoint }), { exitCode: EXIT.locked, hints: ['koprogo-infra setup'] });
    }
  }
  progress.update(say('unlock.startingDocker'));
  const { stdout } = await server.run(startDockerCommand());
  return { volumes, docker: stdout.trim() === 'started' };
}

/** Mounts both opened volumes by their lines in fstab. */
export async function mountVolumes(server: Host): Promise<void> {
  try {
    await server.run(mountCommand());
  } catch (cause) {
    if (!(cause instanceof CommandFailed)) throw cause;
    throw new InfraError(cause.message, {
      hints: [say('mount.setup'), say('mount.status')],
      cause,
    });
  }
}

function refuseUnlessOurs(document: LuksDocument, disks: Parameters<typeof judgeDisks>[0], facts: ServerFacts): void {
  const findings = judgeDisks(disks, facts, document);
  for (const volume of VOLUME_LIST) {
    const finding = findings[volume.key];
    if (finding.kind === 'blocked') throw new RefusedError(finding.reason, { hints: finding.hints });
    if (finding.kind === 'format' || document.volumes[volume.key].stage !== 'completed') {
      throw new InputError(say('unfinished', { name: volume.name }), { hints: ['koprogo-infra setup'] });
    }
  }
  const [conflict] = conflicts(document, facts);
  if (conflict) throw new RefusedError(conflict.reason, { hints: conflict.hints });
}
