import { LOOK_AT_DISK } from './disk.js';

/** Exit statuses of this room's scripts that are answers. */
export const ANSWER = {
  /** The disk is not what it must be; standard output says why. */
  refused: 20,
  /** The passphrase does not open the volume. */
  wrongKey: 22,
} as const;

/**
 * The beginning of every script that changes a volume.
 *
 * `hold DISK` finds the device and keeps it open and locked on descriptor 9 until the script and all its children
 * have ended, so that a script left over by an interrupted run and a new one never work on one disk together. The
 * kernel does not give the number of an open device to another one, and udev leaves a locked device alone.
 * `expect UUID` ends the script unless the LUKS header on the held device is that one.
 */
export const HOLD_DISK = String.raw`
PATH=/usr/sbin:/usr/bin:/sbin:/bin
${LOOK_AT_DISK}
hold() {
  if [ ! -b "$1" ]; then echo "the disk $1 is not there" >&2; exit 1; fi
  dev=$(readlink -f "$1")
  exec 9<"$dev"
  flock -x -w 240 9 || { echo "another program holds $1" >&2; exit 1; }
  if [ "$(stat -Lc %t:%T /proc/self/fd/9)" != "$(stat -Lc %t:%T "$1")" ]; then echo "the disk $1 changed in between" >&2; exit 1; fi
}
expect() {
  local found
  found=$(luks_uuid "$dev")
  if [ "$found" != "$1" ]; then echo "$dev carries the LUKS UUID '$found' instead of $1" >&2; exit 1; fi
}
audit() { logger -t koprogo-luks -- "$*"; }
`;
