import { blocked, type Check, done, needed } from '../step.js';
import { serverDeviations, volumeDeviations } from './deviations.js';
import { spareBytes } from './grow.js';
import type { ServerFacts } from './inspect.js';
import { conflicts, type Finding, judgeDisks, resolveMethod } from './judge.js';
import type { LuksDocument, UnlockChoice } from './record.js';
import { crypttab, fstab, strayLines } from './tables.js';
import { type DiskId, type VolumeKey, VOLUME_LIST } from './volumes.js';
import { say } from './words.js';

/** What is asked for, what is remembered, and what was seen on the server. */
export interface Situation {
  disks: Readonly<Record<VolumeKey, DiskId>>;
  document: LuksDocument | undefined;
  facts: ServerFacts;
  unlock: UnlockChoice;
}

/** What the step says of a server; pure. */
export function judge(situation: Situation): Check {
  const { disks, document, facts, unlock } = situation;
  const obstacles = whatForbids(situation);
  if (obstacles.length > 0) return blocked(obstacles.map(({ reason }) => reason).join(say('join')), ...new Set(obstacles.flatMap(({ hints }) => hints)));

  const findings = judgeDisks(disks, facts, document);
  const target = wantedDocument(situation);
  if (!document || !target) {
    return needed(
      ...VOLUME_LIST.map(({ key, name }) => formatting(findings[key], disks[key], name)),
      say('plan.open', { opener: resolveMethod(unlock, facts.tpm) === 'tpm' ? say('opener.tpm') : say('opener.operator') }),
      ...VOLUME_LIST.map(({ name, mountPoint }) => say('mount', { name, mountPoint })),
      say('plan.gate'),
    );
  }
  const changes = VOLUME_LIST.flatMap((volume) => {
    const finding = findings[volume.key];
    if (finding.kind === 'format') return [formatting(finding, disks[volume.key], volume.name)];
    const found = facts.volumes[volume.key];
    const spare = spareBytes(found);
    return [...volumeDeviations(volume, target, found).map(({ change }) => change), ...(spare > 0 ? [say('grow', { name: volume.name, size: gibibytes(spare) })] : [])];
  });
  changes.push(...serverDeviations(target, facts).map(({ change }) => change));
  if (JSON.stringify(outline(target)) !== JSON.stringify(outline(document))) changes.push(say('plan.remember'));
  if (!document.shown) changes.push(say('plan.show'));
  if (changes.length > 0) return needed(...changes);
  const byItself = target.volumes.postgres.method === 'tpm' && target.volumes.documents.method === 'tpm';
  return done(byItself ? say('done.tpm') : say('done.manual'));
}

/** Everything that forbids going on; nothing is changed while there is any. */
export function whatForbids({ disks, document, facts, unlock }: Situation): { reason: string; hints: readonly string[] }[] {
  const findings = Object.values(judgeDisks(disks, facts, document)).filter((finding) => finding.kind === 'blocked');
  const said = [...new Map(findings.map((finding) => [finding.reason, finding])).values()].map(({ reason, hints }) => ({ reason, hints }));
  if (resolveMethod(unlock, facts.tpm) === undefined) {
    said.push({
      reason: say('noTpm'),
      hints: [say('noTpm.hint')],
    });
  }
  if (document) said.push(...conflicts(document, facts));
  for (const table of [...(document ? [crypttab(document)] : []), fstab()]) {
    const text = table.path === '/etc/fstab' ? facts.fstab : facts.crypttab;
    for (const line of strayLines(table, text)) {
      said.push({ reason: say('stray', { path: table.path, line }), hints: [say('stray.hint', { path: table.path })] });
    }
  }
  return said;
}

/** The document with the disks and the unlock method that are asked for now. Undefined without a document, or when the method is impossible. */
export function wantedDocument({ disks, document, facts, unlock }: Situation): LuksDocument | undefined {
  const method = resolveMethod(unlock, facts.tpm);
  if (!document || !method) return undefined;
  const { postgres, documents } = document.volumes;
  return {
    ...document,
    unlock,
    volumes: { postgres: { ...postgres, disk: disks.postgres, method }, documents: { ...documents, disk: disks.documents, method } },
  };
}

function gibibytes(bytes: number): string {
  return (bytes / 2 ** 30).toFixed(1);
}

function outline({ unlock, volumes }: LuksDocument): unknown {
  return [unlock, volumes.postgres.disk, volumes.postgres.method, volumes.documents.disk, volumes.documents.method];
}

function formatting(finding: Finding, disk: DiskId, name: string): string {
  const resume = finding.kind === 'format' && finding.resume;
  return resume ? say('plan.resume', { disk, name }) : say('plan.format', { disk, name });
}
