import { type Command, type Host, script } from '../edges/command.js';
import { InfraError, RefusedError } from '../errors.js';
import type { Secret } from '../secret.js';
import { HEADER_BYTES, parseObstacles, refusal } from './disk.js';
import { ANSWER, HOLD_DISK } from './shell.js';
import type { DiskId, Volume } from './volumes.js';
import { say } from './words.js';

const SECTOR = 512;

/**
 * Over SSH `cryptsetup luksFormat` destroys an ext4 without a word, so the same script looks at the disk once more
 * while it holds it. Mode "resume" allows what an interrupted format leaves in the header's area; a header of ours
 * that the passphrase already opens is left as it is (the interrupted run got that far after all).
 * The volume counts as formatted only when the passphrase opens keyslot 0.
 *
 * Argon2's memory is capped: the default can be out of reach on a smaller rescue machine.
 */
const FORMAT = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2 name=$3 mode=$4
key=$(cat)
hold "$disk"
opens() { printf %s "$key" | cryptsetup open --test-passphrase --type luks2 --key-slot 0 --key-file - "$dev"; }
if [ "$(luks_uuid "$dev")" = "$uuid" ] && opens 2>/dev/null; then echo already; exit 0; fi
found=$(obstacles "$dev" "$uuid")
if [ "$mode" = resume ]; then found=$(grep -v '^data ' <<<"$found" || true); fi
if [ -n "$found" ]; then printf '%s\n' "$found"; exit ${ANSWER.refused}; fi
audit "formatting $disk as $name (UUID $uuid)"
printf %s "$key" | cryptsetup luksFormat -q --type luks2 -c aes-xts-plain64 -s 512 --sector-size 4096 --offset ${HEADER_BYTES / SECTOR} \
  --pbkdf argon2id --pbkdf-memory 262144 --pbkdf-parallel 1 --uuid "$uuid" --label "$name" --key-slot 0 --key-file - "$dev"
opens
sync
audit "formatted $disk as $name (UUID $uuid); the recovery passphrase opens keyslot 0"
echo formatted
`;

export interface FormatRequest {
  volume: Volume;
  disk: DiskId;
  uuid: string;
  passphrase: Secret;
  /** Finish what an interrupted format left, instead of demanding a disk without a single byte. */
  resume: boolean;
}

export function formatCommand({ volume, disk, uuid, passphrase, resume }: FormatRequest): Command {
  return {
    ...script(FORMAT, disk, uuid, volume.name, resume ? 'resume' : 'fresh'),
    input: passphrase,
    root: true,
    timeout: 900,
    accept: [0, ANSWER.refused],
    purpose: say('format.purpose', { name: volume.name, disk }),
  };
}

/**
 * Makes the LUKS volume on a disk that must be blank, with the passphrase in keyslot 0.
 * Throws RefusedError, with the disk untouched, when anything at all is found on it.
 */
export async function format(server: Host, request: FormatRequest): Promise<void> {
  const { exitCode, stdout } = await server.run(formatCommand(request));
  if (exitCode === ANSWER.refused) {
    const { reason, hints } = refusal(request.disk, parseObstacles(stdout));
    throw new RefusedError(reason, { hints });
  }
  const last = stdout.trim().split('\n').at(-1);
  if (last !== 'formatted' && last !== 'already') {
    throw new InfraError(say('format.silent', { name: request.volume.name, disk: request.disk }), { hints: ['koprogo-infra setup'] });
  }
}

/**
 * Makes the file system of an opened volume that never held data. A complete ext4 is kept (the interrupted run got that
 * far); one that e2fsck finds broken and that was never mounted is what an interrupted mkfs left.
 */
const MAKE_FILESYSTEM = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2 name=$3 id=$4
hold "$disk"
expect "$uuid"
map=/dev/mapper/$name
mapping=$(basename "$(readlink -f "$map")")
if [ "$(cat "/sys/class/block/$mapping/dm/uuid")" != "$id" ]; then echo "$map is another volume" >&2; exit 1; fi
code=0
type=$(blkid -p -o value -s TYPE "$map") || code=$?
if [ "$code" != 0 ] && [ "$code" != 2 ]; then echo "$map has several signatures" >&2; exit 1; fi
if [ "$type" = ext4 ]; then
  if e2fsck -f -n "$map" >/dev/null 2>&1; then echo kept; exit 0; fi
  if ! dumpe2fs -h "$map" 2>/dev/null | grep -q '^Last mount time: *n/a'; then echo "the ext4 on $map is broken and was mounted before" >&2; exit 1; fi
elif [ -n "$type" ] || [ "$code" != 2 ]; then
  echo "$map holds $type" >&2; exit 1
fi
mkfs.ext4 -q -F -m 1 "$map"
sync
audit "made the file system of $name (UUID $uuid)"
echo made
`;

export function filesystemCommand(volume: Volume, disk: DiskId, uuid: string, id: string): Command {
  return {
    ...script(MAKE_FILESYSTEM, disk, uuid, volume.name, id),
    root: true,
    timeout: 900,
    purpose: say('filesystem.purpose', { name: volume.name }),
  };
}
