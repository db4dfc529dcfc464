import { refusal } from './disk.js';
import type { ServerFacts, VolumeFacts } from './inspect.js';
import type { LuksDocument, UnlockChoice, UnlockMethod, VolumeRecord } from './record.js';
import { type DiskId, mappingId, type Volume, VOLUME_LIST, type VolumeKey, VOLUMES } from './volumes.js';

/** What one disk is to us. */
export type Finding =
  /** It carries our volume. */
  | { kind: 'ours' }
  /** Blank, or blank but for what an interrupted format left in the header's area (`resume`). */
  | { kind: 'format'; resume: boolean }
  /** Anything else: never touched. */
  | { kind: 'blocked'; reason: string; hints: readonly string[] };

type Disks = Readonly<Record<VolumeKey, DiskId>>;

/** Judges both disks; a disk is formatted only when neither is blocked. */
export function judgeDisks(disks: Disks, facts: ServerFacts, document: LuksDocument | undefined): Record<VolumeKey, Finding> {
  const same = facts.volumes.postgres.device;
  if (same !== undefined && same === facts.volumes.documents.device) {
    const finding: Finding = {
      kind: 'blocked',
      reason: `both disks are the same one: ${disks.postgres} and ${disks.documents} are ${same}`,
      hints: ['give two different disks: ls -l /dev/disk/by-id on the server'],
    };
    return { postgres: finding, documents: finding };
  }
  return {
    postgres: judgeDisk(VOLUMES.postgres, disks, facts.volumes.postgres, document),
    documents: judgeDisk(VOLUMES.documents, disks, facts.volumes.documents, document),
  };
}

function judgeDisk(volume: Volume, disks: Disks, found: VolumeFacts, document: LuksDocument | undefined): Finding {
  const disk = disks[volume.key];
  const record = document?.volumes[volume.key];
  if (found.device === undefined) {
    return blocked(`the server has no disk ${disk} for ${volume.name}`, 'on the server: ls -l /dev/disk/by-id', 'attach the disk, then: koprogo-infra setup');
  }
  if (record && found.uuid === record.uuid) return judgeOurs(volume, disk, found, record);

  const other = VOLUME_LIST.find(({ key }) => key !== volume.key && found.uuid !== undefined && document?.volumes[key].uuid === found.uuid);
  if (other) {
    return blocked(
      `the disks are swapped: ${disk} is given for ${volume.name} but carries ${other.name} (UUID ${found.uuid ?? ''})`,
      `give ${disk} for the ${other.key} volume and the other disk for the ${volume.key} volume, then: koprogo-infra setup`,
    );
  }
  if (found.obstacles.length === 0) return judgeBlank(volume, disk, record);
  if (record && mayResume(record, disk, found)) return { kind: 'format', resume: true };
  const { reason, hints } = refusal(disk, found.obstacles);
  return blocked(reason, ...hints);
}

/** The header is ours. Whether the recovery passphrase opens it is seen later, on the machine. */
function judgeOurs(volume: Volume, disk: DiskId, found: VolumeFacts, record: VolumeRecord): Finding {
  if (found.header && Object.keys(found.header.keyslots).length > 0) return { kind: 'ours' };
  // A format killed during key derivation leaves a header without any keyslot.
  if (record.stage !== 'completed') return { kind: 'format', resume: true };
  return blocked(
    `the LUKS header of ${volume.name} on ${disk} is damaged: ${found.header ? 'it has no keyslot' : 'it cannot be read'}; the volume held data, so it is not formatted again`,
    `on the server, for what is left: cryptsetup luksDump ${disk}`,
    'restore the data from the backup onto a blank disk: koprogo-infra destroy, koprogo-infra setup, koprogo-infra backup restore',
  );
}

function judgeBlank(volume: Volume, disk: DiskId, record: VolumeRecord | undefined): Finding {
  if (record?.stage !== 'completed') return { kind: 'format', resume: false };
  return blocked(
    `the disk ${disk} is blank, but ${volume.name} was already made${record.disk === disk ? ' on it' : ` on ${record.disk}`}`,
    record.disk === disk ? 'attach the disk that holds the volume, then: koprogo-infra setup' : `give ${record.disk} again, then: koprogo-infra setup`,
    'if that disk is lost: koprogo-infra destroy, koprogo-infra setup, koprogo-infra backup restore',
  );
}

/**
 * `luksFormat` first fills the header's area with zeros and random bytes, then writes the header: killed in between it
 * leaves random bytes without a signature. They are ours when the format of this very disk had begun, after it
 * was found blank, and when everything behind the header's area is still zero: no data was ever there.
 */
function mayResume(record: VolumeRecord, disk: DiskId, found: VolumeFacts): boolean {
  return record.stage === 'formatting' && record.disk === disk && found.obstacles.every(({ code }) => code === 'data');
}

/** The method that a choice comes to on this server; undefined when a TPM was demanded and there is none. */
export function resolveMethod(choice: UnlockChoice, tpm: boolean): UnlockMethod | undefined {
  if (choice === 'manual') return 'manual';
  if (tpm) return 'tpm';
  return choice === 'tpm' ? undefined : 'manual';
}

/** Something else than our volume is where our volume belongs: nothing may be mounted, opened or written there. */
export function conflicts(document: LuksDocument, facts: ServerFacts): { reason: string; hints: readonly string[] }[] {
  return VOLUME_LIST.flatMap((volume) => {
    const found = facts.volumes[volume.key];
    const { uuid, stage } = document.volumes[volume.key];
    const said: { reason: string; hints: readonly string[] }[] = [];
    if (found.mapping && !isOurMapping(volume, uuid, found)) {
      said.push({
        reason: `/dev/mapper/${volume.name} is open, but it is another volume (${found.mapping.id} on ${found.mapping.device || 'several disks'})`,
        hints: [`on the server, when nothing uses it: cryptsetup close ${volume.name}`, 'then: koprogo-infra setup'],
      });
    }
    if (stage === 'completed' && found.mapping && isOurMapping(volume, uuid, found) && found.mapping.filesystem !== 'ext4') {
      said.push({
        reason: `${volume.name} opens, but there is ${found.mapping.filesystem || 'no file system'} on it instead of ext4; it held data, so no new file system is made`,
        hints: [`on the server: e2fsck -n /dev/mapper/${volume.name}`, 'restore from the backup: koprogo-infra destroy, koprogo-infra setup, koprogo-infra backup restore'],
      });
    }
    const foreign = found.mounts.filter(({ source }) => source !== `/dev/mapper/${volume.name}`);
    if (foreign.length > 0 || found.mounts.length > 1) {
      said.push({
        reason: `something else is mounted on ${volume.mountPoint}: ${found.mounts.map(({ source }) => source).join(', ')}`,
        hints: [`on the server: umount ${volume.mountPoint}`, 'then: koprogo-infra setup'],
      });
    }
    if (found.below && found.below.entries > 0) {
      said.push({
        reason: `the directory ${volume.mountPoint} on the root disk holds ${found.below.entries} entries, which the volume mounted there would hide`,
        hints: [`on the server, move them away: mount --bind ${volume.mountPoint.replace(/\/[^/]+$/, '')} /mnt; ls -la /mnt/${volume.key}`, 'then: koprogo-infra setup'],
      });
    }
    return said;
  });
}

export function isOurMapping(volume: Volume, uuid: string, found: VolumeFacts): boolean {
  return found.mapping?.id === mappingId(volume, uuid) && found.mapping.device === found.device;
}

function blocked(reason: string, ...hints: readonly string[]): Finding {
  return { kind: 'blocked', reason, hints };
}
