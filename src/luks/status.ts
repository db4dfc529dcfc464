import type { Host } from '../edges/command.js';
import { EXIT, type ExitCode, InputError } from '../errors.js';
import type { StateStore } from '../state/store.js';
import { serverDeviations, volumeDeviations } from './deviations.js';
import { cipherOf, describeKeyslots, type KeyslotReport, tpmSlots } from './header.js';
import { inspect, type ServerFacts } from './inspect.js';
import { conflicts, isOurMapping, judgeDisks } from './judge.js';
import { type LuksDocument, readRecord, type UnlockMethod } from './record.js';
import { type Volume, VOLUME_LIST } from './volumes.js';

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
  if (!document) throw new InputError('this installation has no encrypted volumes yet', { hints: ['koprogo-infra setup'] });
  const disks = { postgres: document.volumes.postgres.disk, documents: document.volumes.documents.disk };
  return report(document, await inspect(server, { disks, document }));
}

/** The report on what was seen; pure. */
export function report(document: LuksDocument, facts: ServerFacts): LuksReport {
  const volumes = VOLUME_LIST.map((volume) => volumeReport(volume, document, facts));
  const around = serverDeviations(document, facts).map(({ is }) => is);
  const gate = !around.some((problem) => problem.startsWith("Docker's gate"));
  const problems = [...around, ...conflicts(document, facts).map(({ reason }) => reason)];
  if (document.unlock === 'auto' && volumes.some(({ unlock }) => unlock === 'manual')) {
    problems.push('the server has no TPM 2.0: after each reboot somebody must type "koprogo-infra luks unlock"');
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
  if (finding.kind === 'format') problems.push(`${volume.name} does not exist yet, or was never finished`);
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
    'Protects: a leaked snapshot, a lost, resold or discarded data disk shows nothing.',
    byTpm
      ? "Protects, as long as the TPM's own state does not leak: copies of the root disk and the data disks together show nothing."
      : 'Protects: copies of the root disk and the data disks together show nothing; no key is stored on the server.',
    byTpm
      ? 'Does not protect: who changes the root disk while the server is off can have the TPM open the volumes at the next start.'
      : 'Does not protect: who changes the root disk while the server is off can catch the passphrase at the next unlock.',
    'Does not protect: who has root on the running server, or reads its memory, reads everything.',
    'No header backup yet: if the first 16 MiB of a disk are overwritten, only the backups in S3 are left.',
  ];
}

/** Lines for a person. */
export function luksText(report: LuksReport): string {
  const lines = report.volumes.flatMap((volume) => [
    `${volume.name}: ${volume.verdict}`,
    `  disk          ${volume.disk}`,
    `  LUKS UUID     ${volume.uuid}`,
    `  encryption    ${volume.encryption ? `${volume.encryption.cipher}, key of ${volume.encryption.keyBits} bits, sectors of ${volume.encryption.sectorSize} bytes` : 'unknown: the header cannot be read'}`,
    ...volume.keyslots.map(({ slot, purpose, kdf }) => `  keyslot ${slot}     ${purpose} (${kdf})`),
    `  unlocked by   ${volume.tpm ? tpmText(volume.tpm) : 'the operator: koprogo-infra luks unlock'}`,
    `  mounted on    ${volume.mountedOn ?? 'nothing'}${volume.mountPointImmutable ? ' (the directory below is immutable)' : ''}`,
    `  header backup ${volume.headerBackup}`,
    ...volume.problems.map((problem) => `  problem: ${problem}`),
  ]);
  const gate = report.dockerGate.inPlace ? "Docker's gate is in place" : "Docker's gate is NOT in place";
  lines.push(`${gate}; Docker ${report.dockerGate.dockerRunning ? 'runs' : 'does not run'}`, ...report.problems.map((problem) => `problem: ${problem}`), '', ...report.protection);
  return lines.join('\n');
}

function tpmText({ present, enrolled, opens }: NonNullable<VolumeReport['tpm']>): string {
  if (!present) return 'the TPM 2.0, which is gone';
  if (!enrolled) return 'the TPM 2.0, but no key was made for it';
  return opens ? 'the TPM 2.0 (it opened the volume just now)' : 'the TPM 2.0, which does not open it any more';
}

