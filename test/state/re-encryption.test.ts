import { randomBytes } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { EXIT, InfraError } from '../../src/errors.js';
import { FIXED_BYTES } from '../../src/keys/envelope/envelope-format.js';
import type { KeyProvider } from '../../src/keys/provider.js';
import { MasterKeys } from '../../src/keys/providers/none.js';
import type { Expected } from '../../src/state/backends/backend.js';
import { MemoryBackend } from '../../src/state/backends/memory.js';
import type { Store } from '../../src/state/installations.js';
import type { ObjectName } from '../../src/state/names.js';
import { Replayed } from '../../src/state/objects.js';
import { reEncryptAll, type ReEncryption, type ReEncryptionOptions, unfinishedReEncryption } from '../../src/state/re-encryption.js';
import { keyMemory, masterKeys, testStore } from '../fixtures/store.js';

const HOUR = 60 * 60 * 1000;
const RUN: ObjectName = { installation: 'store', kind: 'store-run', name: 're-encryption' };
const DOCUMENTS = ['one', 'two', 'three'].flatMap((name) => [
  { installation: 'main', name },
  { installation: 'second', name },
]);

/** Like a process that is killed: after so many writes nothing is written any more. */
class MortalBackend extends MemoryBackend {
  writesLeft = Infinity;
  writes = 0;

  override async write(id: string, bytes: Uint8Array, expected: Expected): Promise<string> {
    this.#live();
    return super.write(id, bytes, expected);
  }

  override async remove(id: string, expected: { revision: string }): Promise<void> {
    this.#live();
    return super.remove(id, expected);
  }

  #live(): void {
    if (this.writes >= this.writesLeft) throw new Error('killed');
    this.writes += 1;
  }
}

async function filled(backend: MemoryBackend, keys: KeyProvider): Promise<Store> {
  const store = await testStore(backend, keys);
  for (const { installation, name } of DOCUMENTS) await store.documents(installation).put(name, { planted: `${installation}-${name}` });
  return store;
}

async function expectAllOpen(store: Store): Promise<void> {
  for (const { installation, name } of DOCUMENTS) {
    expect(await store.documents(installation).get(name, z.unknown())).toEqual({ planted: `${installation}-${name}` });
  }
}

async function reEncrypt(store: Store, options: Partial<ReEncryptionOptions> = {}): Promise<ReEncryption> {
  const current = (await store.keys.provider.versions()).find((version) => version.current);
  return reEncryptAll(store, current?.keyId ?? '', { fromStart: false, tell: () => undefined, ...options });
}

/** What a fresh data key changes and a re-wrap does not: salt and commitment, by id. */
async function fixedParts(backend: MemoryBackend): Promise<Map<string, string>> {
  const parts = new Map<string, string>();
  for (const id of await backend.ids()) {
    const bytes = (await backend.read(id))?.bytes ?? Buffer.alloc(0);
    parts.set(id, bytes.subarray(id === 'root' ? 0 : 8, (id === 'root' ? 0 : 8) + FIXED_BYTES).toString('hex'));
  }
  return parts;
}

it('gives every object and the root a fresh data key, changes no content, and leaves nothing of its own', async () => {
  const backend = new MemoryBackend();
  const store = await filled(backend, masterKeys());
  const lock = await store.lock('main', 'setup');
  const before = await fixedParts(backend);
  const told: number[] = [];
  const result = await reEncrypt(store, { tell: (done) => told.push(done) });
  const after = await fixedParts(backend);
  expect(result).toEqual({ reEncrypted: DOCUMENTS.length + 2, current: 0, wentOnFrom: undefined });
  expect(told.at(-1)).toBe(DOCUMENTS.length + 2);
  expect([...after.keys()]).toEqual([...before.keys()]);
  for (const [id, part] of before) expect(after.get(id)).not.toBe(part);
  await expectAllOpen(store);
  await lock.release();
  await (await store.lock('main', 'setup')).release();
});

it('brings everything under the current key as well, so that the old one is not needed any more', async () => {
  const backend = new MemoryBackend();
  const [one, two] = [randomBytes(32), randomBytes(32)];
  const second = () => ({ version: 2, key: Buffer.from(two) });
  await filled(backend, new MasterKeys({ version: 1, key: Buffer.from(one) }, [], keyMemory));
  await reEncrypt(await testStore(backend, new MasterKeys(second(), [{ version: 1, key: Buffer.from(one) }], keyMemory)));
  await expectAllOpen(await testStore(backend, new MasterKeys(second(), [], keyMemory)));
});

it('lets a second operator read on, refuses his writes over what he read before, and notices an old copy put back', async () => {
  const [backend, keys] = [new MemoryBackend(), masterKeys()];
  const mine = await filled(backend, keys);
  const yours = await testStore(backend, keys);
  const documents = yours.documents('main');
  await documents.get('one', z.unknown());
  const old = new Map(await Promise.all((await backend.ids()).map(async (id) => [id, (await backend.read(id))?.bytes] as const)));
  await reEncrypt(mine);
  await expect(documents.put('one', 'mine')).rejects.toMatchObject({ exitCode: EXIT.busy });
  await expectAllOpen(yours);
  for (const [id, bytes] of old) if (id !== 'root' && bytes) await backend.write(id, bytes, { revision: (await backend.read(id))?.revision ?? '' });
  await expect(yours.documents('main').get('one', z.unknown())).rejects.toThrow(Replayed);
});

it('killed after any write loses nothing, and goes on without doing again what was done', async () => {
  for (let killAt = 0; ; killAt++) {
    const [backend, keys] = [new MortalBackend(), masterKeys()];
    await filled(backend, keys);
    backend.writes = 0;
    backend.writesLeft = killAt;
    const outcome = await reEncrypt(await testStore(backend, keys)).catch((error: unknown) => error);
    backend.writesLeft = Infinity;
    await expectAllOpen(await testStore(backend, keys));
    if (!(outcome instanceof Error)) {
      expect(killAt).toBe(DOCUMENTS.length + 3);
      return;
    }
    expect(outcome.message).toBe('killed');
    const again = await testStore(backend, keys);
    expect(await unfinishedReEncryption(again)).toEqual(killAt === 0 ? undefined : expect.any(Date));
    const done = Math.max(0, Math.min(killAt - 1, DOCUMENTS.length));
    expect(await reEncrypt(again)).toMatchObject({ current: done, reEncrypted: DOCUMENTS.length - done + 1 });
    expect(await unfinishedReEncryption(again)).toBeUndefined();
    await expectAllOpen(again);
  }
});

it('does again what was done when that is asked for, when it was too long ago, and when its note is damaged', async () => {
  const [backend, keys] = [new MortalBackend(), masterKeys()];
  const all = { current: 0, reEncrypted: DOCUMENTS.length + 1, wentOnFrom: undefined };
  const broken = async () => {
    backend.writes = 0;
    backend.writesLeft = 4;
    await expect(reEncrypt(await testStore(backend, keys))).rejects.toThrow('killed');
    backend.writesLeft = Infinity;
    return testStore(backend, keys);
  };
  await filled(backend, keys);
  expect(await reEncrypt(await broken(), { fromStart: true })).toEqual(all);

  const later = await broken();
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + 25 * HOUR);
  expect(await reEncrypt(later)).toEqual(all);
  // A clock that was put back: what was begun in its future is not gone on with either.
  const early = await broken();
  clock.mockRestore();
  expect(await reEncrypt(early)).toEqual(all);

  const store = await broken();
  await store.objects.write(RUN, Buffer.from('not JSON'), (await store.objects.stat(RUN)) ?? 'absent');
  expect(await reEncrypt(store)).toEqual(all);
  await expectAllOpen(store);
});

it('is not misled by a computer whose clock goes ahead', async () => {
  const [backend, keys] = [new MortalBackend(), masterKeys()];
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now + HOUR);
  await filled(backend, keys);
  clock.mockRestore();
  const before = await fixedParts(backend);
  backend.writes = 0;
  backend.writesLeft = 3;
  await expect(reEncrypt(await testStore(backend, keys))).rejects.toThrow('killed');
  backend.writesLeft = Infinity;
  expect(await reEncrypt(await testStore(backend, keys))).toMatchObject({ current: 2, reEncrypted: DOCUMENTS.length - 1 });
  const after = await fixedParts(backend);
  for (const [id, part] of before) expect(after.get(id)).not.toBe(part);
});

it('does not let one damaged object keep the others from it, and names it', async () => {
  const [backend, keys] = [new MemoryBackend(), masterKeys()];
  const store = await filled(backend, keys);
  const before = await fixedParts(backend);
  const [damaged = ''] = (await backend.ids()).filter((id) => id !== 'root');
  const stored = await backend.read(damaged);
  const bytes = Buffer.from(stored?.bytes ?? '');
  bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
  await backend.write(damaged, bytes, { revision: stored?.revision ?? '' });
  const error: unknown = await reEncrypt(store).catch((thrown: unknown) => thrown);
  expect(String(error)).toMatch(/^InfraError: 1 of 6 objects could not be encrypted anew; all the others were:\n {2}the stored document "\w+" of installation \w+ cannot be opened/);
  const after = await fixedParts(backend);
  expect([...before].filter(([id, part]) => after.get(id) === part).map(([id]) => id)).toEqual([damaged]);
  await backend.write(damaged, stored?.bytes ?? Buffer.alloc(0), { revision: (await backend.read(damaged))?.revision ?? '' });
  expect(await reEncrypt(store)).toMatchObject({ current: DOCUMENTS.length - 1, reEncrypted: 2 });
  await expectAllOpen(store);
});

it('leaves everything as it was with a key service that wraps what it does not unwrap, and with one that is away', async () => {
  const [backend, keys] = [new MemoryBackend(), masterKeys()];
  const store = await filled(backend, keys);
  const before = await fixedParts(backend);
  const wrap = vi.spyOn(keys, 'wrap').mockImplementation(() => Promise.resolve({ keyId: 'none:0000000000000000:1', wrapped: randomBytes(60) }));
  await expect(reEncrypt(store)).rejects.toThrow();
  wrap.mockRestore();
  const unwrap = vi.spyOn(keys, 'unwrap').mockRejectedValue(new InfraError('away'));
  store.keys.flush();
  await expect(reEncrypt(store)).rejects.toThrow('away');
  unwrap.mockRestore();
  const after = await fixedParts(backend);
  for (const [id, part] of before) expect(after.get(id)).toBe(part);
  await expectAllOpen(store);
});

it('finds a backend that does not hold what was written', async () => {
  const [backend, keys] = [new MemoryBackend(), masterKeys()];
  const store = await filled(backend, keys);
  const write = backend.write.bind(backend);
  vi.spyOn(backend, 'write').mockImplementation((id, bytes, expected) => write(id, Buffer.concat([bytes, Buffer.of(0)]), expected));
  await expect(reEncrypt(store)).rejects.toThrow(/memory does not hold what was written to it|could not be encrypted anew/);
});
