import { refusal } from './disk.js';
import type { ServerFacts, VolumeFacts } from './inspect.js';
import type { LuksDocument, UnlockChoice, UnlockMethod, VolumeRecord } from './record.js';
import { type DiskId, mappingId, type Volume, VOLUME_LIST, type VolumeKey, VOLUMES } from './volumes.js';
import { say } from './words.js';

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
      reason: say('judge.same', { postgres: disks.postgres, documents: disks.documents, same }),
      hints: [say('judge.same.hint')],
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
    return blocked(say('judge.noDisk', { disk, name: volume.name }), say('judge.noDisk.list'), say('judge.noDisk.attach'));
  }
  if (record && found.uuid === record.uuid) return judgeOurs(volume, disk, found, record);

  const other = VOLUME_LIST.find(({ key }) => key !== volume.key && found.uuid !== undefined && document?.volumes[key].uuid === found.uuid);
  if (other) {
    return blocked(
      say('judge.swapped', { disk, name: volume.name, other: other.name, uuid: found.uuid ?? '' }),
      say('judge.swapped.hint', { disk, other: other.key, key: volume.key }),
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
    say('judge.damaged', { name: volume.name, disk, why: found.header ? say('judge.noKeyslot') : say('judge.unreadable') }),
    say('judge.damaged.dump', { disk }),
    say('judge.damaged.restore'),
  );
}

function judgeBlank(volume: Volume, disk: DiskId, record: VolumeRecord | undefined): Finding {
  if (record?.stage !== 'completed') return { kind: 'format', resume: false };
  return blocked(
    record.disk === disk ? say('judge.blank.here', { disk, name: volume.name }) : say('judge.blank.elsewhere', { disk, name: volume.name, other: record.disk }),
    record.disk === disk ? say('judge.blank.attach') : say('judge.blank.again', { disk: record.disk }),
    say('judge.blank.lost'),
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
        reason: say('conflict.mapping', { name: volume.name, id: found.mapping.id, device: found.mapping.device || say('conflict.severalDisks') }),
        hints: [say('conflict.close', { name: volume.name }), say('thenSetup')],
      });
    }
    if (stage === 'completed' && found.mapping && isOurMapping(volume, uuid, found) && found.mapping.filesystem !== 'ext4') {
      said.push({
        reason: say('conflict.filesystem', { name: volume.name, found: found.mapping.filesystem || say('conflict.noFilesystem') }),
        hints: [say('conflict.check', { name: volume.name }), say('conflict.restore')],
      });
    }
    const foreign = found.mounts.filter(({ source }) => source !== `/dev/mapper/${volume.name}`);
    if (foreign.length > 0 || found.mounts.length > 1) {
      said.push({
        reason: say('conflict.mounted', { mountPoint: volume.mountPoint, sources: found.mounts.map(({ source }) => source).join(', ') }),
        hints: [say('conflict.unmount', { mountPoint: volume.mountPoint }), say('thenSetup')],
      });
    }
    if (found.below && found.below.entries > 0) {
      said.push({
        reason: say('conflict.entries', { mountPoint: volume.mountPoint, entries: found.below.entries }),
        hints: [say('conflict.move', { parent: volume.mountPoint.replace(/\/[^/]+$/, ''), key: volume.key }), say('thenSetup')],
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
