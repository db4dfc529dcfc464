import type { diskId } from '../machine.js';
import type { z } from 'zod';

export type VolumeKey = 'postgres' | 'documents';

export type DiskId = z.infer<typeof diskId>;

/** One of the two encrypted volumes. `name` is both its name below /dev/mapper and its LUKS label. */
export interface Volume {
  readonly key: VolumeKey;
  readonly name: string;
  readonly mountPoint: string;
  /** The systemd unit that mounts it: the mount point as `systemd-escape -p --suffix=mount` writes it. */
  readonly mountUnit: string;
}

/** Everything that is the product's own lives below this folder of the root disk, on volumes mounted there. */
export const VOLUMES_ROOT = '/srv/koprogo';

export const VOLUMES: Readonly<Record<VolumeKey, Volume>> = {
  postgres: volume('postgres'),
  documents: volume('documents'),
};

export const VOLUME_LIST: readonly Volume[] = [VOLUMES.postgres, VOLUMES.documents];

function volume(key: VolumeKey): Volume {
  return { key, name: `koprogo-${key}`, mountPoint: `${VOLUMES_ROOT}/${key}`, mountUnit: `srv-koprogo-${key}.mount` };
}

/** The name of the kernel's mapping of an open volume, as cryptsetup writes it to /sys/block/dm-N/dm/uuid. */
export function mappingId(volume: Volume, uuid: string): string {
  return `CRYPT-LUKS2-${uuid.replaceAll('-', '')}-${volume.name}`;
}

/** A directory on one of the volumes. The data is never in a volume's own root: initdb refuses `lost+found`. */
export interface VolumeDirectory {
  readonly volume: VolumeKey;
  readonly path: string;
  /** Numbers, because the users exist only inside the containers. */
  readonly owner: `${number}:${number}`;
  /** The widest mode that is accepted; PostgreSQL and Docker set their own, narrower or equal. */
  readonly mode: string;
}

/**
 * The directories that must be there before anything is installed on the volumes; each other room makes its own.
 * User ids are those of the images: postgres in its Debian-based image, and the backend.
 */
export const DIRECTORIES: readonly VolumeDirectory[] = [
  { volume: 'postgres', path: `${VOLUMES.postgres.mountPoint}/data`, owner: '999:999', mode: '0700' },
  { volume: 'documents', path: `${VOLUMES.documents.mountPoint}/uploads`, owner: '1000:1000', mode: '0700' },
  // dockerd itself sets 0710 on its data-root.
  { volume: 'documents', path: `${VOLUMES.documents.mountPoint}/docker`, owner: '0:0', mode: '0710' },
];
