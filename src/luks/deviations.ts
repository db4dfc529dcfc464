import { filesThatDiffer } from '../server/files.js';
import { DOCKER_DROP_IN, gateFiles } from './gate.js';
import { recoverySlot, slotsWithoutToken, tpmSlots } from './header.js';
import type { ServerFacts, VolumeFacts } from './inspect.js';
import { isOurMapping } from './judge.js';
import type { LuksDocument, VolumeRecord } from './record.js';
import { crypttab, fstab, withBlock } from './tables.js';
import { DIRECTORIES, type Volume, VOLUME_LIST } from './volumes.js';
import { say } from './words.js';

/** One way in which the server is not as it must be: what it is, for a status, and what setup would change. */
export interface Deviation {
  is: string;
  change: string;
  /** It is about what keeps Docker from starting without the volumes. */
  gate?: true;
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
  if (record.stage !== 'completed') add(say('unfinished', { name }), say('unfinished.change', { name }));
  if (!isProven(record, found)) {
    add(say('unproven', { name }), say('unproven.change', { name }));
  }
  deviations.push(...keyDeviations(volume, document, found));
  if (!isOurMapping(volume, record.uuid, found)) add(say('locked', { name }), say('locked.change', { name }));
  if (found.mounts.length === 0) add(say('unmounted', { name, mountPoint }), say('mount', { name, mountPoint }));
  for (const { options } of found.mounts) {
    const given = new Set(options.split(','));
    const missing = ['rw', 'nodev', 'nosuid'].filter((option) => !given.has(option));
    if (missing.length > 0) add(say('options', { mountPoint, missing: missing.join(', ') }), say('options.change', { mountPoint, missing: missing.join(', ') }));
  }
  if (found.below?.immutable !== true) {
    add(say('below', { mountPoint }), say('below.change', { mountPoint }));
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
    return unwanted ? [{ is: say('tpm.unwanted', { name }), change: say('tpm.unwanted.change', { name }) }] : [];
  }
  if (record.enrolling && slotsWithoutToken(found.header).length > 0) {
    return [{ is: say('tpm.halfMade', { name }), change: say('tpm.add', { name }) }];
  }
  if (slots.length === 0) return [{ is: say('tpm.none', { name }), change: say('tpm.add', { name }) }];
  if (found.tpmOpens === true) return [];
  return [{ is: say('tpm.refuses', { name }), change: say('tpm.refuses.change', { name }) }];
}

/** How the tables, the gate and the directories differ from what they must be. */
export function serverDeviations(document: LuksDocument, facts: ServerFacts): Deviation[] {
  const deviations: Deviation[] = [];
  for (const [table, text] of [[crypttab(document), facts.crypttab], [fstab(), facts.fstab]] as const) {
    if (withBlock(table, text) !== text) deviations.push({ is: say('table', { path: table.path }), change: say('table.change', { path: table.path }) });
  }
  const files = filesThatDiffer(gateFiles(document), facts.files);
  if (files.length > 0) {
    deviations.push({ gate: true, is: say('gate.missing', { paths: files.map(({ path }) => path).join(', ') }), change: say('gate.missing.change', { paths: files.map(({ path }) => path).join(', ') }) });
  } else if (facts.docker.installed && (facts.docker.needsReload || !facts.docker.dropIns.includes(DOCKER_DROP_IN))) {
    deviations.push({ gate: true, is: say('gate.idle'), change: say('gate.idle.change') });
  }
  const mounted = VOLUME_LIST.filter(({ key }) => facts.volumes[key].mounts.length === 1).map(({ key }) => key);
  for (const { volume, path, owner, mode } of DIRECTORIES) {
    if (!mounted.includes(volume)) continue;
    const found = facts.directories.get(path);
    const wider = found !== undefined && (parseInt(found.mode, 8) & ~parseInt(mode, 8)) !== 0;
    if (!found) deviations.push({ is: say('directory.missing', { path }), change: say('directory.missing.change', { path }) });
    else if (found.owner !== owner || wider) {
      deviations.push({ is: say('directory.wrong', { path, foundOwner: found.owner, foundMode: found.mode, owner, mode }), change: say('directory.wrong.change', { path }) });
    }
  }
  return deviations;
}
