import { randomBytes } from 'node:crypto';
import { askSecret, hasTerminal } from '../edges/prompts.js';
import { EXIT, type ExitCode, InfraError, InputError, RefusedError } from '../errors.js';
import { audited } from '../keys/audit/audit.js';
import type { KeyUsage } from '../keys/hardening/posture.js';
import type { KeyVersion } from '../keys/provider.js';
import { LocalKeys } from '../keys/providers/local.js';
import { readKeySettings } from '../keys/providers/settings.js';
import type { Secret } from '../secret.js';
import type { Store } from '../state/installations.js';
import { type ReEncryption, reEncryptAll, unfinishedReEncryption } from '../state/re-encryption.js';
import { renewSandboxSpool } from '../targets/sandbox/renew-spool.js';
import { bytes, table } from '../ui/format.js';
import { TextReporter } from '../ui/reporter.js';
import { flag, type Invocation } from './invocation.js';
import { auditedWithoutState, theStore } from './open.js';
import { print } from './print.js';
import { say } from './store-words.js';

const DAY_MS = 24 * 60 * 60 * 1000;

interface KeyStatus extends KeyUsage {
  version: number | undefined;
  created: string | undefined;
  ageDays: number | undefined;
  current: boolean;
  /** Whether the provider lists it: objects may need one that is gone, or one that an alias of AWS KMS named before. */
  available: boolean;
}

/** A new master key, on standard output alone. */
export async function keysGenerate(invocation: Invocation): Promise<ExitCode> {
  const key = await auditedWithoutState({ operation: 'generate' }, () => Promise.resolve(randomBytes(32).toString('base64')));
  print(invocation, { MASTER_ENCRYPTION_KEY: key }, () => key);
  if (process.stdout.isTTY) process.stderr.write(say('keys.keepIt'));
  return EXIT.ok;
}

/** Each version of the key: its age, and what still needs it. Exit code "degraded" when a rotation or a re-wrap is due. */
export async function keysStatus(invocation: Invocation): Promise<ExitCode> {
  const store = await theStore();
  const { rotationIntervalDays } = readKeySettings(process.env);
  const keys = await keyStatus(store);
  const problems = [...problemsOf(keys, rotationIntervalDays), ...(await unfinishedRun(store))];
  const result = { provider: store.keys.provider.name, where: store.keys.provider.where, state: store.objects.backend.where, rotationIntervalDays, keys, problems };
  print(invocation, result, () => [say('keys.from', { where: result.where, state: result.state }), '', statusTable(keys), ...problems.map((problem) => `  ! ${problem}`)].join('\n'));
  return problems.length === 0 ? EXIT.ok : EXIT.degraded;
}

/** Makes a new version; what exists stays readable under the old one until `keys migrate`. */
export async function keysRotate(invocation: Invocation): Promise<ExitCode> {
  const keyId = await withKeysLocked('keys rotate', async (store) => {
    const { provider } = store.keys;
    return audited(store.audit, { operation: 'rotate' }, async () => {
      const rotated = await provider.rotate();
      store.keys.flush();
      await proveCurrent(store, rotated);
      return rotated;
    });
  });
  print(invocation, { keyId }, () => say('keys.rotated', { keyId }));
  return EXIT.ok;
}

/** Wraps every data key that is not under the current version anew. */
export async function keysMigrate(invocation: Invocation): Promise<ExitCode> {
  if (flag(invocation, 'reEncrypt')) return keysReEncrypt(invocation);
  if (flag(invocation, 'fromStart')) throw new InputError(say('keys.fromStart'));
  const reporter = new TextReporter();
  const result = await withKeysLocked('keys migrate', async (store) => {
    const keyId = await currentKeyId(store);
    const tell = (done: number, total: number) => {
      reporter.update(say('keys.rewrapping'), { done, total, unit: 'items' });
    };
    return { keyId, ...(await audited(store.audit, { operation: 'migrate', keyId }, () => store.rewrapAll(keyId, tell))) };
  }).finally(() => {
    reporter.clear();
  });
  print(invocation, result, () => say('keys.migrated', { rewrapped: result.rewrapped, keyId: result.keyId, current: result.current }));
  return EXIT.ok;
}

/** Gives every object a fresh data key: for when not the key of the keys, but data keys or contents may be known to somebody. */
async function keysReEncrypt(invocation: Invocation): Promise<ExitCode> {
  const reporter = new TextReporter();
  const result = await withKeysLocked('keys migrate --re-encrypt', async (store) => {
    const keyId = await currentKeyId(store);
    const tell = (done: number, total: number) => {
      reporter.update(say('keys.encryptingAnew'), { done, total, unit: 'items' });
    };
    const renewInside = async (begun: number) => {
      for (const name of await store.installations()) await renewSandboxSpool(store.documents(name), name, begun);
    };
    const work = () => reEncryptAll(store, keyId, { fromStart: flag(invocation, 'fromStart'), tell, renewInside });
    return { keyId, ...(await audited(store.audit, { operation: 'migrate', keyId }, work)) };
  }).finally(() => {
    reporter.clear();
  });
  print(invocation, { ...result, wentOnFrom: result.wentOnFrom?.toISOString() ?? null }, () => reEncryptionText(result));
  return EXIT.ok;
}

function reEncryptionText({ keyId, reEncrypted, current, wentOnFrom }: ReEncryption & { keyId: string }): string {
  const wentOn = wentOnFrom && say('keys.wentOn', { begun: wentOnFrom.toISOString(), current });
  return [say('keys.reEncrypted', { count: reEncrypted, keyId }), ...(wentOn ? [wentOn] : [])].join('\n');
}

async function unfinishedRun(store: Store): Promise<string[]> {
  const begun = await unfinishedReEncryption(store);
  return begun ? [say('keys.brokenOff', { begun: begun.toISOString() })] : [];
}

/** Gives one old version up for good. Refuses while a single object needs it. */
export async function keysRetire(invocation: Invocation): Promise<ExitCode> {
  const asked = invocation.arguments[0] ?? '';
  const keyId = await withKeysLocked('keys retire', async (store) => {
    const found = (await keyStatus(store)).find((key) => key.keyId === asked || String(key.version) === asked);
    if (!found?.available) throw new InputError(say('keys.noSuchKey', { asked, where: store.keys.provider.where }), { hints: ['koprogo-infra keys status'] });
    if (found.objects > 0) {
      throw new RefusedError(say('keys.stillNeeded', { objects: found.objects, size: bytes(found.bytes), keyId: found.keyId }), { hints: ['koprogo-infra keys migrate', say('keys.retireAgain')] });
    }
    await audited(store.audit, { operation: 'retire', keyId: found.keyId }, () => store.keys.provider.retire(found.keyId));
    return found.keyId;
  });
  print(invocation, { keyId }, () => say('keys.retired', { keyId }));
  return EXIT.ok;
}

/** Puts the local key file under a new passphrase, or under none. */
export async function keysProtect(invocation: Invocation): Promise<ExitCode> {
  const isProtected = await withKeysLocked('keys protect', async (store) => {
    const { provider } = store.keys;
    if (!(provider instanceof LocalKeys)) throw new InputError(say('keys.noPassphrase', { where: provider.where }));
    const passphrase = flag(invocation, 'removePassphrase') ? undefined : await newPassphrase();
    await audited(store.audit, { operation: 'protect' }, () => provider.protect(passphrase));
    return (await provider.protection()) !== undefined;
  });
  print(invocation, { protected: isProtected }, () => (isProtected ? say('keys.protected') : say('keys.unprotected')));
  return EXIT.ok;
}

async function newPassphrase(): Promise<Secret> {
  if (!hasTerminal()) throw new InputError(say('keys.atTerminal'), { hints: [say('keys.runThere')] });
  const first = await askSecret(say('keys.newPassphrase'));
  const second = await askSecret(say('keys.onceMore'));
  if (first.reveal() !== second.reveal()) throw new InputError(say('keys.differ'));
  return first;
}

async function withKeysLocked<T>(purpose: string, work: (store: Store) => Promise<T>): Promise<T> {
  const store = await theStore();
  const lock = await store.lockKeys(purpose);
  try {
    return await store.withAllLocked(purpose, () => work(store));
  } finally {
    await lock.release();
  }
}

async function currentKeyId(store: Store): Promise<string> {
  const current = (await store.keys.provider.versions()).find((version) => version.current);
  if (!current) throw new InfraError(say('keys.noCurrent', { where: store.keys.provider.where }));
  return current.keyId;
}

/** A rotation that did nothing would be found out much too late: so the new key must be current, and wrap and unwrap. */
async function proveCurrent(store: Store, keyId: string): Promise<void> {
  const binding = { installation: 'store', kind: 'store', name: 'probe' };
  const key = await store.keys.make(binding);
  const again = await store.keys.provider.unwrap(key.wrapped, binding);
  const proven = key.wrapped.keyId === keyId && again.equals(key.plain) && (await currentKeyId(store)) === keyId;
  key.plain.fill(0);
  again.fill(0);
  if (!proven) throw new InfraError(say('keys.notUsed', { where: store.keys.provider.where, keyId }), { hints: ['koprogo-infra keys status'] });
}

async function keyStatus(store: Store): Promise<KeyStatus[]> {
  const [versions, usage] = [await store.keys.provider.versions(), await store.keyUsage()];
  const known = versions.map((version) => statusOf(version, usage));
  const gone = usage.filter(({ keyId }) => !versions.some((version) => version.keyId === keyId));
  return [...known, ...gone.map((use) => ({ ...use, version: undefined, created: undefined, ageDays: undefined, current: false, available: false }))];
}

function statusOf({ keyId, version, created, current }: KeyVersion, usage: readonly KeyUsage[]): KeyStatus {
  const { objects, bytes: size } = usage.find((use) => use.keyId === keyId) ?? { objects: 0, bytes: 0 };
  const ageDays = created && Math.max(0, Math.floor((Date.now() - created.getTime()) / DAY_MS));
  return { keyId, version, created: created?.toISOString(), ageDays, current, available: true, objects, bytes: size };
}

function problemsOf(keys: readonly KeyStatus[], rotationIntervalDays: number): string[] {
  const current = keys.find((key) => key.current);
  const old = keys.filter((key) => !key.current && key.available && key.objects > 0);
  const gone = keys.filter((key) => !key.available);
  return [
    ...(current?.ageDays !== undefined && current.ageDays > rotationIntervalDays ? [say('keys.rotationDue', { days: current.ageDays, interval: rotationIntervalDays })] : []),
    ...old.map((key) => say('keys.underOld', { objects: key.objects, keyId: key.keyId })),
    ...gone.map((key) => say('keys.underGone', { objects: key.objects, keyId: key.keyId })),
  ];
}

function statusTable(keys: readonly KeyStatus[]): string {
  const rows = keys.map((key) => [
    `  ${key.keyId}`,
    key.available ? (key.current ? say('keys.current') : say('keys.old')) : say('keys.notListed'),
    key.ageDays === undefined ? say('keys.ageUnknown') : say('keys.daysOld', { days: key.ageDays }),
    say('keys.objects', { objects: key.objects }),
    bytes(key.bytes),
  ]);
  return table(rows);
}
