import { Secret } from '../../secret.js';
import { userData } from '../../server/cloud-init.js';
import type { OvhDocument } from './document.js';

/** The user of OVH's Debian images, whom cloud-init makes anew with our key. */
export const LOGIN = 'debian';

/**
 * A disk on virtio-blk is called /dev/disk/by-id/virtio-(the first 20 characters of the volume's id) by udev itself. Some of OVH's
 * images ask for virtio-scsi, where it is called scsi-0QEMU_QEMU_HARDDISK_(id): this rule gives it the first name as well, so that
 * one name holds for both, and the order of attachment for nothing. It is in place before the data disks are looked for.
 */
const UDEV_RULE = [
  '# Volumes have one name, whatever bus they are on.',
  String.raw`SUBSYSTEM=="block", ENV{DEVTYPE}=="disk", KERNEL=="sd*", ENV{ID_SERIAL}=="0QEMU_QEMU_HARDDISK_?*", PROGRAM="/bin/sh -c 'expr substr $env{ID_SERIAL} 21 20'", SYMLINK+="disk/by-id/virtio-%c"`,
];
const RULE_FILE = '/etc/udev/rules.d/61-koprogo-volumes.rules';

/** cloud-init's user-data with the pinned host key, and one name for each volume. Secret. */
export function firstBoot({ name, hostKey }: OvhDocument, publicKey: string): Secret {
  const text = userData({ hostname: name, user: LOGIN, publicKey, hostKey }).reveal();
  const rule = [
    'write_files:',
    `  - path: ${RULE_FILE}`,
    `    content: ${JSON.stringify(`${UDEV_RULE.join('\n')}\n`)}`,
    'runcmd:',
    '  - [udevadm, control, --reload]',
    '  - [udevadm, trigger, --subsystem-match=block]',
  ];
  return new Secret(`${text.trimEnd()}\n${rule.join('\n')}\n`);
}

/** How a volume is called on the server, whatever bus it is on and whatever was attached first. */
export function diskPath(volume: string): string {
  return `/dev/disk/by-id/virtio-${volume.slice(0, 20)}`;
}
