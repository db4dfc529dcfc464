import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { InfraError } from '../errors.js';
import type { DataKeys } from '../keys/data-keys.js';
import { open, seal } from '../keys/envelope/envelope.js';
import { decodeHead, replaceKey } from '../keys/envelope/envelope-format.js';
import type { KeyProvider } from '../keys/provider.js';
import { type Backend, Conflict } from './backends/backend.js';
import { say } from './words.js';

/** The one object that is not found by an encrypted name: it holds the key of the names. */
const ROOT_ID = 'root';
export const ROOT = { installation: 'store', kind: 'store', name: 'root', serial: 1 };

const rootSchema = z.object({ format: z.literal(1), id: z.string().regex(/^[0-9a-f]{32}$/), nameKey: z.base64().length(44) });
type Root = z.infer<typeof rootSchema>;

/** Whether nothing was ever stored. Throws InfraError for objects without a root: nobody could find them. */
export async function isNew(backend: Backend): Promise<boolean> {
  if (await backend.read(ROOT_ID)) return false;
  if ((await backend.ids()).length === 0) return true;
  throw new InfraError(say('root.missing', { where: backend.where }), { hints: [say('root.putBack')] });
}

/** The root of a store; of several who make it at once, all get the same. */
export async function openRoot(backend: Backend, keys: DataKeys): Promise<Root> {
  return (await readRoot(backend, keys)) ?? createRoot(backend, keys);
}

async function readRoot(backend: Backend, keys: DataKeys): Promise<Root | undefined> {
  const stored = await backend.read(ROOT_ID);
  if (!stored) return undefined;
  const plain = await open(stored.bytes, ROOT, (key) => keys.unwrap(key, ROOT));
  try {
    return rootSchema.parse(JSON.parse(plain.toString('utf8')));
  } catch {
    throw new InfraError(say('root.unexpected', { where: backend.where }), { hints: [say('newer')] });
  } finally {
    plain.fill(0);
  }
}

async function createRoot(backend: Backend, keys: DataKeys): Promise<Root> {
  const root: Root = { format: 1, id: randomBytes(16).toString('hex'), nameKey: randomBytes(32).toString('base64') };
  const key = await keys.make(ROOT);
  try {
    await backend.write(ROOT_ID, seal(key, ROOT, Buffer.from(JSON.stringify(root))), 'absent');
    return root;
  } catch (error) {
    const theirs = error instanceof Conflict ? await readRoot(backend, keys) : undefined;
    if (theirs) return theirs;
    throw error;
  } finally {
    key.plain.fill(0);
  }
}

/** Wraps the root's data key anew under the current key. Reads back what was written. */
export async function rewrapRoot(backend: Backend, provider: KeyProvider, currentKeyId: string): Promise<'current' | 'rewrapped'> {
  const stored = await backend.read(ROOT_ID);
  const head = stored && decodeHead(stored.bytes);
  if (!head || head.key.keyId === currentKeyId) return 'current';
  const rewrapped = replaceKey(stored.bytes, await provider.rewrap(head.key, ROOT));
  (await open(rewrapped, ROOT, (key) => provider.unwrap(key, ROOT))).fill(0);
  await backend.write(ROOT_ID, rewrapped, { revision: stored.revision });
  if ((await backend.read(ROOT_ID))?.bytes.equals(rewrapped) !== true) throw new InfraError(say('root.lost', { where: backend.where }), { hints: ['koprogo-infra keys migrate'] });
  return 'rewrapped';
}

/** Encrypts the root anew under a fresh data key. The key of the names in it stays: every id is made with it. Reads back what was written. */
export async function reEncryptRoot(backend: Backend, keys: DataKeys): Promise<void> {
  const stored = await backend.read(ROOT_ID);
  if (!stored) throw new InfraError(say('root.gone', { where: backend.where }), { hints: [say('root.putBack')] });
  const plain = await open(stored.bytes, ROOT, (key) => keys.unwrap(key, ROOT));
  const key = await keys.make(ROOT);
  try {
    const bytes = seal(key, ROOT, plain);
    const again = await open(bytes, ROOT, (wrapped) => keys.provider.unwrap(wrapped, ROOT));
    const isEqual = again.equals(plain);
    again.fill(0);
    if (!isEqual) throw new InfraError(say('root.unequal'));
    await backend.write(ROOT_ID, bytes, { revision: stored.revision });
    if ((await backend.read(ROOT_ID))?.bytes.equals(bytes) !== true) throw new InfraError(say('root.lost', { where: backend.where }), { hints: [say('again')] });
  } finally {
    plain.fill(0);
    key.plain.fill(0);
  }
}

/** Which key the root needs, and its length. */
export async function rootKeyUse(backend: Backend): Promise<{ keyId: string; bytes: number } | undefined> {
  const stored = await backend.read(ROOT_ID);
  const head = stored && decodeHead(stored.bytes);
  return head && { keyId: head.key.keyId, bytes: stored.bytes.length };
}
