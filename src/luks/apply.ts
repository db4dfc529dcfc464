import type { Host } from '../edges/command.js';
import { InfraError, RefusedError } from '../errors.js';
import type { Progress } from '../progress.js';
import { filesThatDiffer, writeFile } from '../server/files.js';
import type { StateStore } from '../state/store.js';
import { isProven, serverDeviations, volumeDeviations } from './deviations.js';
import { filesystemCommand, format } from './format.js';
import { gateFiles } from './gate.js';
import { growCommand, spareBytes } from './grow.js';
import { slotsWithoutToken, tpmSlots } from './header.js';
import { inspect, type ServerFacts, type VolumeFacts } from './inspect.js';
import { type Finding, isOurMapping, judgeDisks, resolveMethod } from './judge.js';
import { enrollTpmCommand, prove, wipeTpmCommand } from './keyslots.js';
import { directoriesCommand, mountPointsCommand, startDockerCommand, stopDocker } from './mount.js';
import { type LuksDocument, newRecord, readRecord, saveRecord, type UnlockChoice, type VolumeRecord } from './record.js';
import { wantedDocument, whatForbids } from './situation.js';
import { crypttab, fstab, withBlock } from './tables.js';
import { mountVolumes, openVolume, wrongPassphrase } from './unlock.js';
import { type DiskId, mappingId, type Volume, VOLUME_LIST, type VolumeKey } from './volumes.js';
import { say } from './words.js';

export interface LuksDeps {
  server: () => Promise<Host>;
  disks: () => Promise<{ postgres: DiskId; documents: DiskId }>;
  state: StateStore;
  progress: Progress;
  unlock: UnlockChoice;
  /** Called just before the first format with the disks to be formatted; throws when the operator does not agree. */
  confirmFormat: (disks: string[]) => Promise<void>;
}

/**
 * Brings both volumes from whatever they are to finished, in an order that can be interrupted anywhere: what is going
 * to be done is remembered first, then done, then seen. Throws RefusedError, with nothing changed, when anything
 * forbids it; then not even the disk that is fine is formatted.
 */
export async function applyVolumes(deps: LuksDeps): Promise<void> {
  const work = await Work.begin(deps);
  await work.confirm();
  await work.stopDockerUnlessMounted();
  await work.installGate();
  for (const volume of VOLUME_LIST) await work.finishVolume(volume);
  await work.mount();
  await work.grow();
  await work.show();
}

class Work {
  private constructor(
    private readonly server: Host,
    private readonly state: StateStore,
    private readonly progress: Progress,
    private readonly confirmFormat: LuksDeps['confirmFormat'],
    private document: LuksDocument,
    private facts: ServerFacts,
    private readonly findings: Readonly<Record<VolumeKey, Finding>>,
  ) {}

  static async begin({ server: connect, disks: choose, state, progress, unlock, confirmFormat }: LuksDeps): Promise<Work> {
    const server = await connect();
    const disks = await choose();
    progress.update(say('apply.looking'));
    const stored = await readRecord(state);
    const facts = await inspect(server, { disks, document: stored });
    const forbidden = whatForbids({ disks, document: stored, facts, unlock });
    if (forbidden.length > 0) {
      throw new RefusedError(forbidden.map(({ reason }) => reason).join(say('join')), { hints: [...new Set(forbidden.flatMap(({ hints }) => hints))] });
    }
    const method = resolveMethod(unlock, facts.tpm) ?? 'manual';
    if (method === 'manual' && unlock === 'auto') {
      progress.warn(say('apply.noTpm'));
    }
    const findings = judgeDisks(disks, facts, stored);
    const document = wantedDocument({ disks, document: stored, facts, unlock }) ?? newRecord(disks, unlock, method);
    for (const { key } of VOLUME_LIST) {
      const finding = findings[key];
      // A disk that is blank now may be another one than before: what was begun there is forgotten.
      if (finding.kind === 'format' && !finding.resume) document.volumes[key] = { ...document.volumes[key], stage: 'planned', proof: undefined };
    }
    await saveRecord(state, document);
    return new Work(server, state, progress, confirmFormat, document, facts, findings);
  }

  async confirm(): Promise<void> {
    const disks = VOLUME_LIST.filter(({ key }) => this.findings[key].kind === 'format').map(({ key }) => this.record(key).disk);
    if (disks.length > 0) await this.confirmFormat(disks);
  }

  /** Docker has no business before the volumes are there, and may have been started when it was installed. */
  async stopDockerUnlessMounted(): Promise<void> {
    const mounted = VOLUME_LIST.every((volume) => this.facts.volumes[volume.key].mounts.length > 0);
    if (!mounted) await this.server.run(stopDocker());
  }

  /** Before the volumes: from here on Docker cannot start without them. */
  async installGate(): Promise<void> {
    for (const file of filesThatDiffer(gateFiles(this.document), this.facts.files)) await this.server.run(writeFile(file));
  }

  async finishVolume(volume: Volume): Promise<void> {
    const { key, name } = volume;
    const finding = this.findings[key];
    if (finding.kind === 'format') await this.format(volume, finding.resume);
    if (finding.kind === 'format' || !isProven(this.record(key), this.facts.volumes[key])) {
      await this.prove(volume);
      await this.look();
    }
    await this.keys(volume);
    if (!isOurMapping(volume, this.record(key).uuid, this.facts.volumes[key])) {
      this.progress.update(say('apply.opening', { name }));
      await openVolume(this.server, volume, this.record(key));
    }
    if (this.record(key).stage === 'completed') return;
    this.progress.update(say('apply.filesystem', { name }));
    const { disk, uuid } = this.record(key);
    await this.server.run(filesystemCommand(volume, disk, uuid, mappingId(volume, uuid)));
    await this.remember(key, { stage: 'completed' });
  }

  private async format(volume: Volume, resume: boolean): Promise<void> {
    await this.remember(volume.key, { stage: 'formatting', proof: undefined });
    this.progress.update(say('apply.formatting', { name: volume.name }));
    await format(this.server, { volume, resume, ...this.record(volume.key) });
  }

  private async prove(volume: Volume): Promise<void> {
    this.progress.update(say('apply.trying', { name: volume.name }));
    let proof = await prove(this.server, volume, this.record(volume.key));
    if (!proof && this.record(volume.key).stage !== 'completed') {
      // An interrupted format left keyslots that nothing opens. There was never any data; the format script sees to that again.
      await this.confirmFormat([this.record(volume.key).disk]);
      await this.format(volume, true);
      proof = await prove(this.server, volume, this.record(volume.key));
    }
    if (!proof) throw wrongPassphrase(volume, this.record(volume.key));
    await this.remember(volume.key, { proof });
  }

  private async keys(volume: Volume): Promise<void> {
    const { key, name } = volume;
    const found = this.facts.volumes[key];
    const record = this.record(key);
    if (record.method === 'tpm') {
      const leftovers = record.enrolling ? leftoversOf(found) : [];
      if (found.tpmOpens !== true || leftovers.length > 0) {
        this.progress.update(say('apply.addingTpm', { name }));
        await this.remember(key, { enrolling: true });
        await this.server.run(enrollTpmCommand(volume, record, leftovers));
      }
      if (this.record(key).enrolling) await this.remember(key, { enrolling: false });
    } else if (this.document.unlock === 'manual' && found.header && tpmSlots(found.header).length > 0) {
      this.progress.update(say('apply.removingTpm', { name }));
      await this.server.run(wipeTpmCommand(volume, record));
    }
  }

  async mount(): Promise<void> {
    this.progress.update(say('mounting'));
    await this.server.run(mountPointsCommand());
    for (const [table, text] of [[crypttab(this.document), this.facts.crypttab], [fstab(), this.facts.fstab]] as const) {
      const content = withBlock(table, text);
      if (content !== text) await this.server.run(writeFile({ path: table.path, content, mode: '0644' }));
    }
    await mountVolumes(this.server);
    await this.server.run(directoriesCommand());
    await this.server.run(startDockerCommand());
  }

  /** Not in `luks unlock`: that is for the moment when a server must come back. */
  async grow(): Promise<void> {
    // What was locked did not tell its size.
    if (VOLUME_LIST.some(({ key }) => this.findings[key].kind === 'ours' && !this.facts.volumes[key].extent)) await this.look();
    for (const volume of VOLUME_LIST.filter(({ key }) => spareBytes(this.facts.volumes[key]) > 0)) {
      this.progress.update(say('grow.purpose', { name: volume.name }));
      await this.server.run(growCommand(volume, this.record(volume.key)));
    }
  }

  /** Only now: both volumes exist and were seen to open with what is shown. */
  async show(): Promise<void> {
    if (this.document.shown) return;
    await this.look();
    const left = [...VOLUME_LIST.flatMap((volume) => volumeDeviations(volume, this.document, this.facts.volumes[volume.key])), ...serverDeviations(this.document, this.facts)];
    if (left.length > 0) {
      throw new InfraError(say('apply.notRight', { problems: left.map(({ is }) => is).join(say('join')) }), { hints: ['koprogo-infra setup'] });
    }
    this.progress.showOnce(say('apply.passphrases'), [
      ...VOLUME_LIST.flatMap((volume) => {
        const { disk, uuid, passphrase } = this.record(volume.key);
        return [`${volume.name}  ${passphrase.reveal()}`, say('apply.passphraseOf', { uuid, disk })];
      }),
      say('apply.keepSafe'),
    ]);
    this.document = { ...this.document, shown: true };
    await saveRecord(this.state, this.document);
  }

  private record(key: VolumeKey): VolumeRecord {
    return this.document.volumes[key];
  }

  private async remember(key: VolumeKey, change: Partial<VolumeRecord>): Promise<void> {
    this.document = { ...this.document, volumes: { ...this.document.volumes, [key]: { ...this.record(key), ...change } } };
    await saveRecord(this.state, this.document);
  }

  private async look(): Promise<void> {
    const disks = { postgres: this.record('postgres').disk, documents: this.record('documents').disk };
    this.facts = await inspect(this.server, { disks, document: this.document });
  }
}

function leftoversOf({ header }: VolumeFacts): string[] {
  return header ? slotsWithoutToken(header) : [];
}
