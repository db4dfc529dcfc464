import { hkdfSync } from 'node:crypto';
import { join } from 'node:path';
import { xdg } from '../edges/files.js';
import type { InfraError } from '../errors.js';
import { auditSettings, type AuditTrail, openAuditLog } from '../keys/audit/audit.js';
import { DataKeys } from '../keys/data-keys.js';
import { fipsStatus } from '../keys/hardening/fips.js';
import { type KeyMemory, openKeyMemory } from '../keys/hardening/locked-memory.js';
import { type Meter, meterFor } from '../keys/metrics/meter.js';
import type { KeyProvider } from '../keys/provider.js';
import { openKeyProvider, type PassphraseSource } from '../keys/providers/open-provider.js';
import { type KeySettings, readKeySettings } from '../keys/providers/settings.js';
import type { Backend } from './backends/backend.js';
import { MemoryBackend } from './backends/memory.js';
import { openBackend } from './backends/open-backend.js';
import { Store } from './installations.js';
import { NameCipher } from './names.js';
import { EncryptedObjects } from './objects.js';
import { isNew, openRoot } from './root.js';
import { type Seen, SeenFile, SeenInMemory } from './seen.js';

/** Where the local state of this program lies: `$XDG_STATE_HOME/koprogo-infra`. */
export const stateRoot = () => join(xdg.state(), 'koprogo-infra');

/**
 * The store that the environment names (KOPROGO_STATE), under the keys that it names (KMS_PROVIDER and its
 * variables). A store and a key file that do not exist yet are made. Throws InputError for wrong settings, all at once.
 * `onAuditProblem` hears of an audit log that cannot be written, or whose end cannot be remembered: the command goes on.
 */
export async function openStore(environment: NodeJS.ProcessEnv, passphrase: PassphraseSource, onAuditProblem: (problem: InfraError) => void = () => undefined): Promise<Store> {
  const settings = readKeySettings(environment);
  const meter = meterFor(environment);
  const backend = await openBackend(environment['KOPROGO_STATE'], environment);
  try {
    const memory = openKeyMemory({ locking: settings.hardening.memoryLocking, guardPages: settings.hardening.guardPages });
    const { on: fips } = await fipsStatus({ wanted: settings.hardening.fips });
    const provider = await openKeyProvider(settings, { passphrase, mayCreate: await isNew(backend), fips, memory });
    const seen = (id: string) => (backend instanceof MemoryBackend ? new SeenInMemory() : new SeenFile(join(stateRoot(), `seen-${id}`)));
    const audit = (auditKey: Uint8Array) => openAuditLog({ ...auditSettings(environment), auditKey, onProblem: onAuditProblem });
    return await storeOn(backend, provider, settings, { seen, audit, memory, onAuditProblem, ...(meter && { meter }) });
  } catch (error) {
    await backend.close();
    throw error;
  }
}

export type StoreSettings = Pick<KeySettings, 'dataKeyCache' | 'envelopeThresholdBytes'>;

/** What is remembered beside a store, on this computer. */
export interface Beside {
  /** Asked once, with the store's own random id. */
  seen: (storeId: string) => Seen;
  /** Asked once, with a key that only who can open the store has. */
  audit: (auditKey: Uint8Array) => AuditTrail;
  memory: KeyMemory;
  onAuditProblem?: (problem: InfraError) => void;
  meter?: Meter;
}

/** A store on a backend that is open, under keys that are. */
export async function storeOn(backend: Backend, provider: KeyProvider, settings: StoreSettings, beside: Beside): Promise<Store> {
  const { memory, meter } = beside;
  meter?.countRequests(provider);
  const { enabled, ttlSeconds, maxSize } = settings.dataKeyCache;
  const keys = new DataKeys(provider, { enabled, ttlSeconds, size: maxSize }, memory);
  meter?.watchCache(keys);
  const root = await openRoot(backend, keys);
  const nameKey = Buffer.from(root.nameKey, 'base64');
  const names = new NameCipher(nameKey);
  const auditKey = new Uint8Array(hkdfSync('sha512', nameKey, Buffer.alloc(0), 'koprogo-infra audit log', 32));
  nameKey.fill(0);
  const audit = beside.audit(auditKey);
  const objects = new EncryptedObjects(backend, keys, names, beside.seen(root.id), audit, settings.envelopeThresholdBytes, meter);
  return new Store(objects, keys, audit, auditKey, memory, beside);
}
