import type { ExitCode } from '../errors.js';
import { verifyAuditLog } from '../keys/audit/audit-verify.js';
import { auditSettings } from '../keys/audit/audit.js';
import { coreDumps } from '../keys/hardening/core-dumps.js';
import { fipsStatus } from '../keys/hardening/fips.js';
import { exitCodeOf, type PostureFacts, securityPosture } from '../keys/hardening/posture.js';
import { LocalKeys } from '../keys/providers/local.js';
import { readKeySettings } from '../keys/providers/settings.js';
import type { Invocation } from './invocation.js';
import { theStore } from './open.js';
import { print } from './print.js';
import { reportText } from './security-text.js';

/** What was asked for beside what was found. Exit code "degraded" when something is weaker than was asked for. */
export async function securityReport(invocation: Invocation): Promise<ExitCode> {
  return reportOn(invocation, await findOut());
}

export function reportOn(invocation: Invocation, facts: PostureFacts): ExitCode {
  const report = securityPosture(facts);
  print(invocation, report, () => reportText(report));
  return exitCodeOf(report);
}

async function findOut(): Promise<PostureFacts> {
  const settings = readKeySettings(process.env);
  const { hardening, dataKeyCache } = settings;
  const store = await theStore();
  const { provider } = store.keys;
  const asked = { enabled: dataKeyCache.enabled, ttlSeconds: dataKeyCache.ttlSeconds, maxEntries: dataKeyCache.maxSize };
  const { enabled, ttlSeconds, size: maxEntries } = store.keys.limits;
  const found = { enabled, ttlSeconds, maxEntries };
  return {
    now: new Date(),
    envelopeThresholdBytes: settings.envelopeThresholdBytes,
    provider: { name: provider.name, where: provider.where },
    versions: await provider.versions(),
    usage: await store.keyUsage(),
    rotationIntervalDays: settings.rotationIntervalDays,
    cache: { asked, found },
    memory: { asked: { locking: hardening.memoryLocking, guardPages: hardening.guardPages, constantTime: hardening.constantTime }, found: store.memory.memoryProtection() },
    coreDumps: coreDumps(),
    fips: { asked: hardening.fips, found: await fipsStatus({ wanted: hardening.fips }) },
    audit: await auditFacts(store),
    ...(provider instanceof LocalKeys ? { keyFile: await keyFileFacts(provider, settings.provider === 'local' && settings.passphraseFile !== undefined) } : {}),
    backend: store.objects.backend.where,
    warnings: [...settings.warnings, ...((await store.objects.backend.warnings?.()) ?? [])],
  };
}

async function auditFacts({ audit, auditKey }: Awaited<ReturnType<typeof theStore>>): Promise<PostureFacts['audit']> {
  const { enabled, path } = auditSettings();
  if (!enabled) return { asked: false, path };
  await audit.head();
  return { asked: true, path, verification: await verifyAuditLog(path, { auditKeys: [auditKey] }) };
}

async function keyFileFacts(keys: LocalKeys, passphraseAsked: boolean): Promise<NonNullable<PostureFacts['keyFile']>> {
  const kdf = await keys.protection();
  return { passphraseAsked, ...(kdf === undefined ? {} : { kdf }) };
}
