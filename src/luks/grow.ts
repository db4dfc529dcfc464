import { type Command, script } from '../edges/command.js';
import type { VolumeFacts } from './inspect.js';
import type { VolumeRecord } from './record.js';
import { HOLD_DISK } from './shell.js';
import { mappingId, type Volume } from './volumes.js';
import { say } from './words.js';

/** mkfs and resize2fs leave a little at the end of a disk, too. */
const LEAST_BYTES = 16 * 1024 * 1024;

/** How many bytes of its disk the volume does not use; 0 where it is too little to matter, or not known because it is locked. */
export function spareBytes({ extent, header }: VolumeFacts): number {
  const [segment] = Object.values(header?.segments ?? {});
  if (!extent || !segment) return 0;
  const spare = extent.disk - segment.offset - extent.filesystem;
  return spare < LEAST_BYTES ? 0 : spare;
}

/** Both steps do nothing where nothing is to do, so that an interrupted one is made good. ext4 grows while it is mounted. */
const GROW = String.raw`
${HOLD_DISK}
disk=$1 uuid=$2 name=$3 id=$4
key=$(cat)
hold "$disk"
expect "$uuid"
map=/dev/mapper/$name
mapping=$(basename "$(readlink -f "$map")")
if [ "$(cat "/sys/class/block/$mapping/dm/uuid")" != "$id" ]; then echo "$map is another volume" >&2; exit 1; fi
printf %s "$key" | cryptsetup resize --key-file - "$name"
resize2fs "$map" >&2
audit "grew $name (UUID $uuid) to the whole of $disk"
`;

/** Lets an open and mounted volume use all of its disk. */
export function growCommand(volume: Volume, { disk, uuid, passphrase }: VolumeRecord): Command {
  return {
    ...script(GROW, disk, uuid, volume.name, mappingId(volume, uuid)),
    input: passphrase,
    root: true,
    timeout: 1800,
    purpose: say('grow.purpose', { name: volume.name }),
  };
}
