import { blocked, type Check, done, needed } from '../step.js';
import { serverDeviations, volumeDeviations } from './deviations.js';
import type { ServerFacts } from './inspect.js';
import { conflicts, type Finding, judgeDisks, resolveMethod } from './judge.js';
import type { LuksDocument, UnlockChoice } from './record.js';
import { crypttab, fstab, strayLines } from './tables.js';
import { type DiskId, type VolumeKey, VOLUME_LIST } from './volumes.js';

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
  if (obstacles.length > 0) return blocked(obstacles.map(({ reason }) => reason).join('; '), ...new Set(obstacles.flatMap(({ hints }) => hints)));

  const findings = judgeDisks(disks, facts, document);
  const target = wantedDocument(situation);
  if (!document || !target) {
    return needed(
      ...VOLUME_LIST.map(({ key, name }) => formatting(findings[key], disks[key], name)),
      `open them at boot by ${resolveMethod(unlock, facts.tpm) === 'tpm' ? 'the TPM 2.0 of the server' : 'the operator (koprogo-infra luks unlock)'}`,
      ...VOLUME_LIST.map(({ name, mountPoint }) => `mount ${name} on ${mountPoint}`),
      'let Docker start only when both are mounted',
    );
  }
  const changes = VOLUME_LIST.flatMap((volume) => {
    const finding = findings[volume.key];
    if (finding.kind === 'format') return [formatting(finding, disks[volume.key], volume.name)];
    return volumeDeviations(volume, target, facts.volumes[volume.key]).map(({ change }) => change);
  });
  changes.push(...serverDeviations(target, facts).map(({ change }) => change));
  if (JSON.stringify(outline(target)) !== JSON.stringify(outline(document))) changes.push('remember how the volumes are unlocked and on which disks they are');
  if (!document.shown) changes.push('show the recovery passphrases');
  if (changes.length > 0) return needed(...changes);
  const byItself = target.volumes.postgres.method === 'tpm' && target.volumes.documents.method === 'tpm';
  return done(`both open and mounted; after a reboot ${byItself ? 'the TPM opens them' : 'they wait for: koprogo-infra luks unlock'}`);
}

/** Everything that forbids going on; nothing is changed while there is any. */
export function whatForbids({ disks, document, facts, unlock }: Situation): { reason: string; hints: readonly string[] }[] {
  const findings = Object.values(judgeDisks(disks, facts, document)).filter((finding) => finding.kind === 'blocked');
  const said = [...new Map(findings.map((finding) => [finding.reason, finding])).values()].map(({ reason, hints }) => ({ reason, hints }));
  if (resolveMethod(unlock, facts.tpm) === undefined) {
    said.push({
      reason: 'unlocking by TPM was asked for, but the server has no TPM 2.0 (/dev/tpmrm0 is missing)',
      hints: ['give the server a virtual TPM 2.0, or choose: koprogo-infra setup --unlock manual'],
    });
  }
  if (document) said.push(...conflicts(document, facts));
  for (const table of [...(document ? [crypttab(document)] : []), fstab()]) {
    const text = table.path === '/etc/fstab' ? facts.fstab : facts.crypttab;
    for (const line of strayLines(table, text)) {
      said.push({ reason: `${table.path} on the server has a line of its own for a volume: "${line}"`, hints: [`remove that line from ${table.path}, then: koprogo-infra setup`] });
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

function outline({ unlock, volumes }: LuksDocument): unknown {
  return [unlock, volumes.postgres.disk, volumes.postgres.method, volumes.documents.disk, volumes.documents.method];
}

function formatting(finding: Finding, disk: DiskId, name: string): string {
  const resume = finding.kind === 'format' && finding.resume;
  return `${resume ? 'finish the interrupted format of' : 'format'} ${disk} as ${name} (LUKS2, AES-256-XTS, Argon2id)`;
}
