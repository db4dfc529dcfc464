import { filesThatDiffer } from '../server/files.js';
import { DOCKER_DROP_IN, gateFiles } from './gate.js';
import { recoverySlot, slotsWithoutToken, tpmSlots } from './header.js';
import type { ServerFacts, VolumeFacts } from './inspect.js';
import { isOurMapping } from './judge.js';
import type { LuksDocument, VolumeRecord } from './record.js';
import { crypttab, fstab, withBlock } from './tables.js';
import { DIRECTORIES, type Volume, VOLUME_LIST } from './volumes.js';

/** One way in which the server is not as it must be: what it is, for a status, and what setup would change. */
export interface Deviation {
  is: string;
  change: string;
}

/** The recovery passphrase was seen to open keyslot 0, and the header and the key material are still what they were then. */
export function isProven(record: VolumeRecord, found: VolumeFacts): boolean {
  const slot = found.header && recoverySlot(found.header);
  const { proof } = record;
  return slot !== undefined && proof?.slot === slot.slot && proof.offset === slot.offset && proof.size === slot.size && proof.material === found.material;
}

/** How a volume whose disk carries our header differs from the finished one that the document describes. */
export function volumeDeviations(volume: Volume, document: LuksDocument, found: VolumeFacts): Deviation[] {
  const record = document.volumes[volume.key];
  const deviations: Deviation[] = [];
  const add = (is: string, change: string) => deviations.push({ is, change });
  const { name, mountPoint } = volume;
  if (record.stage !== 'completed') add(`${name} was never finished`, `finish ${name}`);
  if (!isProven(record, found)) {
    add(`keyslot 0 of ${name} is not the one that was seen to open with the recovery passphrase`, `verify that the recovery passphrase opens ${name}`);
  }
  deviations.push(...keyDeviations(volume, document, found));
  if (!isOurMapping(volume, record.uuid, found)) add(`${name} is locked`, `open ${name}`);
  if (found.mounts.length === 0) add(`${name} is not mounted on ${mountPoint}`, `mount ${name} on ${mountPoint}`);
  for (const { options } of found.mounts) {
    const given = new Set(options.split(','));
    const missing = ['rw', 'nodev', 'nosuid'].filter((option) => !given.has(option));
    if (missing.length > 0) add(`${mountPoint} is mounted without ${missing.join(', ')}`, `mount ${mountPoint} again with ${missing.join(', ')}`);
  }
  if (found.below?.immutable !== true) {
    add(`the directory below the mount on ${mountPoint} can be written to when the volume is locked`, `make the empty mount point ${mountPoint} immutable`);
  }
  return deviations;
}

function keyDeviations(volume: Volume, document: LuksDocument, found: VolumeFacts): Deviation[] {
  if (!found.header) return [];
  const record = document.volumes[volume.key];
  const { name } = volume;
  const slots = tpmSlots(found.header);
  if (record.method === 'manual') {
    // Where `auto` came to manual for want of a TPM, the key stays: the TPM may come back.
    const unwanted = slots.length > 0 && document.unlock === 'manual';
    return unwanted ? [{ is: `${name} still has a key for the TPM, and manual unlock was chosen`, change: `remove the TPM's key from ${name}` }] : [];
  }
  if (record.enrolling && slotsWithoutToken(found.header).length > 0) {
    return [{ is: `${name} has a half-made TPM key`, change: `add a TPM 2.0 key to ${name}` }];
  }
  if (slots.length === 0) return [{ is: `${name} has no key for the TPM and does not open by itself`, change: `add a TPM 2.0 key to ${name}` }];
  if (found.tpmOpens === true) return [];
  return [{ is: `the TPM does not open ${name}: it will stay locked after a reboot`, change: `replace the TPM 2.0 key of ${name}` }];
}

/** How the tables, the gate and the directories differ from what they must be. */
export function serverDeviations(document: LuksDocument, facts: ServerFacts): Deviation[] {
  const deviations: Deviation[] = [];
  for (const [table, text] of [[crypttab(document), facts.crypttab], [fstab(), facts.fstab]] as const) {
    if (withBlock(table, text) !== text) deviations.push({ is: `${table.path} does not have the volumes as it must`, change: `write the volumes' lines in ${table.path}` });
  }
  const files = filesThatDiffer(gateFiles(document), facts.files);
  if (files.length > 0) {
    deviations.push({ is: `Docker's gate is not in place (${files.map(({ path }) => path).join(', ')})`, change: `write Docker's gate: ${files.map(({ path }) => path).join(', ')}` });
  } else if (facts.docker.installed && (facts.docker.needsReload || !facts.docker.dropIns.includes(DOCKER_DROP_IN))) {
    deviations.push({ is: "Docker's gate is written but not in force", change: 'reload systemd' });
  }
  const mounted = VOLUME_LIST.filter(({ key }) => facts.volumes[key].mounts.length === 1).map(({ key }) => key);
  for (const { volume, path, owner, mode } of DIRECTORIES) {
    if (!mounted.includes(volume)) continue;
    const found = facts.directories.get(path);
    const wider = found !== undefined && (parseInt(found.mode, 8) & ~parseInt(mode, 8)) !== 0;
    if (!found) deviations.push({ is: `the directory ${path} is missing`, change: `make the directory ${path}` });
    else if (found.owner !== owner || wider) {
      deviations.push({ is: `the directory ${path} is ${found.owner} ${found.mode} instead of ${owner} ${mode}`, change: `set owner and mode of ${path}` });
    }
  }
  return deviations;
}
