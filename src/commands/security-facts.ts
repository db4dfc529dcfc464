import { InfraError } from '../errors.js';
import { auditSettings } from '../keys/audit/audit.js';
import { holdsLine } from '../keys/audit/search.js';
import { verifyAuditLog } from '../keys/audit/verify.js';
import { coreDumps } from '../keys/hardening/core-dumps.js';
import { fipsStatus } from '../keys/hardening/fips.js';
import type { PostureFacts } from '../keys/hardening/posture.js';
import type { KeyVersion } from '../keys/provider.js';
import { LocalKeys } from '../keys/providers/local.js';
import { readKeySettings } from '../keys/providers/settings.js';
import type { Store } from '../state/installations.js';
import { trustOf } from './audit.js';

/**
 * What was asked for, and what is really on. At a glance, the audit log is not read through, which takes long when it is
 * long: only whether it still has the end that is remembered. What cannot be found out becomes a fault in the facts.
 * Throws InputError for wrong settings.
 */
export async function securityFacts(store: Store, { glance }: { glance: boolean }): Promise<PostureFacts> {
  const settings = readKeySettings(process.env);
  const { hardening, dataKeyCache } = settings;
  const { provider } = store.keys;
  const asked = { enabled: dataKeyCache.enabled, ttlSeconds: dataKeyCache.ttlSeconds, maxEntries: dataKeyCache.maxSize };
  const { enabled, ttlSeconds, size: maxEntries } = store.keys.limits;
  const found = { enabled, ttlSeconds, maxEntries };
  const { versions, fault } = await versionsOf(store);
  return {
    now: new Date(),
    envelopeThresholdBytes: settings.envelopeThresholdBytes,
    provider: { name: provider.name, where: provider.where, ...(fault === undefined ? {} : { fault }) },
    versions,
    usage: await store.keyUsage(),
    rotationIntervalDays: settings.rotationIntervalDays,
    cache: { asked, found },
    memory: { asked: { locking: hardening.memoryLocking, guardPages: hardening.guardPages, constantTime: hardening.constantTime }, found: store.memory.memoryProtection() },
    coreDumps: coreDumps(),
    fips: { asked: hardening.fips, found: await fipsStatus({ wanted: hardening.fips }) },
    audit: await auditFacts(store, glance),
    ...(provider instanceof LocalKeys ? { keyFile: await keyFileFacts(provider, settings.provider === 'local' && settings.passphraseFile !== undefined) } : {}),
    backend: store.objects.backend.where,
    warnings: [...settings.warnings, ...((await store.objects.backend.warnings?.()) ?? [])],
  };
}

/** Who may use a key is not always allowed to look at it: AWS and Vault grant the two apart. */
async function versionsOf({ keys }: Store): Promise<{ versions: KeyVersion[]; fault?: string }> {
  try {
    return { versions: await keys.provider.versions() };
  } catch (error) {
    if (error instanceof InfraError) return { versions: [], fault: error.message };
    throw error;
  }
}

async function auditFacts(store: Store, glance: boolean): Promise<PostureFacts['audit']> {
  const { enabled, path } = auditSettings();
  if (!enabled) return { asked: false, path };
  try {
    const { endUnchecked, ...trust } = await trustOf(store, path);
    if (endUnchecked !== undefined) return { asked: true, path, fault: endUnchecked };
    if (!glance) return { asked: true, path, verification: await verifyAuditLog(path, trust) };
    if (!trust.anchor) return { asked: true, path, end: 'not remembered' };
    return { asked: true, path, end: (await holdsLine(path, trust.anchor)) ? 'as remembered' : 'missing' };
  } catch (error) {
    if (error instanceof InfraError) return { asked: true, path, fault: error.message };
    throw error;
  }
}

async function keyFileFacts(keys: LocalKeys, passphraseAsked: boolean): Promise<NonNullable<PostureFacts['keyFile']>> {
  const kdf = await keys.protection();
  return { passphraseAsked, ...(kdf === undefined ? {} : { kdf }) };
}
