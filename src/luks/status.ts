import type { Host } from '../edges/command.js';
import { EXIT, type ExitCode, InputError } from '../errors.js';
import type { StateStore } from '../state/store.js';
import { serverDeviations, volumeDeviations } from './deviations.js';
import { cipherOf, describeKeyslots, type KeyslotReport, tpmSlots } from './header.js';
import { inspect, type ServerFacts } from './inspect.js';
import { conflicts, isOurMapping, judgeDisks } from './judge.js';
import { type LuksDocument, readRecord, type UnlockMethod } from './record.js';
import { type Volume, VOLUME_LIST } from './volumes.js';
import { say } from './words.js';

export type Verdict = 'healthy' | 'degraded' | 'locked' | 'absent';

export interface VolumeReport {
  name: string;
  disk: string;
  uuid: string;
  /** Undefined where the header cannot be read. */
  encryption?: { cipher: string; keyBits: number; sectorSize: number };
  keyslots: KeyslotReport[];
  unlock: UnlockMethod;
  /** Only where a TPM is to open the volume: whether there is one, whether a key was made for it, and whether it opened the volume just now. */
  tpm?: { present: boolean; enrolled: boolean; opens: boolean };
  mountedOn?: string;
  mountPointImmutable: boolean;
  headerBackup: 'none yet';
  verdict: Verdict;
  problems: string[];
}

export interface LuksReport {
  overall: Verdict;
  volumes: VolumeReport[];
  dockerGate: { inPlace: boolean; dockerRunning: boolean };
  /** What is wrong with the server around the volumes. */
  problems: string[];
  /** What this protects against, and what not. */
  protection: string[];
}

/** healthy 0, degraded or absent 4, locked 5. */
export function exitCodeOf(report: Pick<LuksReport, 'overall'>): ExitCode {
  if (report.overall === 'healthy') return EXIT.ok;
  return report.overall === 'locked' ? EXIT.locked : EXIT.degraded;
}

/**
 * What both volumes are, in one command that only reads. Throws InputError when none was ever prepared,
 * and as Host.run when the server cannot be asked.
 */
export async function luksStatus(server: Host, state: StateStore): Promise<LuksReport> {
  const document = await readRecord(state);
  if (!document) throw new InputError(say('noVolumes'), { hints: ['koprogo-infra setup'] });
  const disks = { postgres: document.volumes.postgres.disk, documents: document.volumes.documents.disk };
  return report(document, await inspect(server, { disks, document }));
}

/** The report on what was seen; pure. */
export function report(document: LuksDocument, facts: ServerFacts): LuksReport {
  const volumes = VOLUME_LIST.map((volume) => volumeReport(volume, document, facts));
  const around = serverDeviations(document, facts);
  const gate = !around.some(({ gate: about }) => about === true);
  const problems = [...around.map(({ is }) => is), ...conflicts(document, facts).map(({ reason }) => reason)];
  if (document.unlock === 'auto' && volumes.some(({ unlock }) => unlock === 'manual')) {
    problems.push(say('status.noTpm'));
  }
  const verdicts = volumes.map(({ verdict }) => verdict);
  const worst = (['absent', 'locked', 'degraded'] as const).find((verdict) => verdicts.includes(verdict));
  return {
    overall: worst ?? (problems.length > 0 ? 'degraded' : 'healthy'),
    volumes,
    dockerGate: { inPlace: gate, dockerRunning: facts.docker.active },
    problems,
    protection: protectionOf(volumes),
  };
}

function volumeReport(volume: Volume, document: LuksDocument, facts: ServerFacts): VolumeReport {
  const record = document.volumes[volume.key];
  const found = facts.volumes[volume.key];
  const disks = { postgres: document.volumes.postgres.disk, documents: document.volumes.documents.disk };
  const finding = judgeDisks(disks, facts, document)[volume.key];
  const { header } = found;
  const open = isOurMapping(volume, record.uuid, found);
  const problems = finding.kind === 'ours' ? volumeDeviations(volume, document, found).map(({ is }) => is) : [];
  if (finding.kind === 'blocked') problems.push(finding.reason);
  if (finding.kind === 'format') problems.push(say('status.absent', { name: volume.name }));
  const mount = found.mounts.find(({ source }) => source === `/dev/mapper/${volume.name}`);
  return {
    name: volume.name,
    disk: record.disk,
    uuid: record.uuid,
    ...(header ? { encryption: cipherOf(header) } : {}),
    keyslots: header ? describeKeyslots(header) : [],
    unlock: record.method,
    ...(record.method === 'tpm'
      ? { tpm: { present: facts.tpm, enrolled: header !== undefined && tpmSlots(header).length > 0, opens: found.tpmOpens === true } }
      : {}),
    ...(mount ? { mountedOn: volume.mountPoint } : {}),
    mountPointImmutable: found.below?.immutable === true,
    headerBackup: 'none yet',
    verdict: verdictOf(finding.kind === 'ours', open, problems),
    problems,
  };
}

function verdictOf(ours: boolean, open: boolean, problems: readonly string[]): Verdict {
  if (!ours) return 'absent';
  if (!open) return 'locked';
  return problems.length > 0 ? 'degraded' : 'healthy';
}

/** The root disk is not encrypted; docs/luks.md has the whole table. */
function protectionOf(volumes: readonly VolumeReport[]): string[] {
  const byTpm = volumes.some(({ unlock }) => unlock === 'tpm');
  return [
    say('protects.disk'),
    byTpm
      ? say('protects.copiesTpm')
      : say('protects.copies'),
    byTpm
      ? say('exposes.tpm')
      : say('exposes.manual'),
    say('exposes.root'),
    say('exposes.header'),
  ];
}

function verdictText(verdict: Verdict): string {
  const text = { healthy: () => say('verdict.healthy'), degraded: () => say('verdict.degraded'), locked: () => say('verdict.locked'), absent: () => say('verdict.absent') };
  return text[verdict]();
}

/** Lines for a person. */
export function luksText(report: LuksReport): string {
  const lines = report.volumes.flatMap((volume) => [
    say('text.volume', { name: volume.name, verdict: verdictText(volume.verdict) }),
    say('text.disk', { disk: volume.disk }),
    say('text.uuid', { uuid: volume.uuid }),
    say('text.encryption', { encryption: volume.encryption ? say('text.cipher', { cipher: volume.encryption.cipher, keyBits: volume.encryption.keyBits, sectorSize: volume.encryption.sectorSize }) : say('text.unknownCipher') }),
    ...volume.keyslots.map(({ slot, purpose, kdf }) => say('text.keyslot', { slot, purpose, kdf })),
    say('text.unlockedBy', { opener: volume.tpm ? tpmText(volume.tpm) : say('text.operator') }),
    say('text.mountedOn', { where: `${volume.mountedOn ?? say('text.nowhere')}${volume.mountPointImmutable ? say('text.immutable') : ''}` }),
    say('text.headerBackup'),
    ...volume.problems.map((problem) => say('text.problemOf', { problem })),
  ]);
  const gate = report.dockerGate.inPlace ? say('text.gate') : say('text.noGate');
  lines.push(say('text.docker', { gate, runs: report.dockerGate.dockerRunning ? say('text.dockerRuns') : say('text.dockerStopped') }), ...report.problems.map((problem) => say('text.problem', { problem })), '', ...report.protection);
  return lines.join('\n');
}

function tpmText({ present, enrolled, opens }: NonNullable<VolumeReport['tpm']>): string {
  if (!present) return say('text.tpmGone');
  if (!enrolled) return say('text.tpmNoKey');
  return opens ? say('text.tpmOpens') : say('text.tpmRefuses');
}

