import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { EXIT } from '../../src/errors.js';
import { EnvelopeDamaged } from '../../src/keys/envelope/envelope.js';
import { MasterKeys } from '../../src/keys/providers/none.js';
import { Secret } from '../../src/secret.js';
import { MemoryBackend } from '../../src/state/backends/memory.js';
import type { Store } from '../../src/state/installations.js';
import { Replayed } from '../../src/state/objects.js';
import { secretText } from '../../src/state/schema.js';
import { keyMemory, masterKeys, testStore } from '../fixtures/store.js';

const schema = z.object({ name: z.string(), password: secretText });
const document = { name: 'x', password: new Secret('planted-secret-7f3a') };

/** The one object of the backend that is not its root. */
async function onlyObject(backend: MemoryBackend): Promise<string> {
  const [id, ...more] = (await backend.ids()).filter((one) => one !== 'root');
  if (id === undefined || more.length > 0) throw new Error('not one object');
  return id;
}

describe('documents', () => {
  it('come back, with their secrets, from another process', async () => {
    const [backend, keys] = [new MemoryBackend(), masterKeys()];
    await (await testStore(backend, keys)).documents('main').put('stack', document);
    const read = await (await testStore(backend, keys)).documents('main').get('stack', schema);
    expect(read?.password.reveal()).toBe('planted-secret-7f3a');
    expect(read?.name).toBe('x');
  });

  it('keep secrets wherever they stand in the value', async () => {
    const documents = (await testStore()).documents('main');
    await documents.put('deep', { list: [{ one: new Secret('s1') }, new Secret('s2')] });
    await documents.put('bare', new Secret('s3'));
    expect(await documents.get('deep', z.unknown())).toEqual({ list: [{ one: 's1' }, 's2'] });
    expect(await documents.get('bare', z.unknown())).toBe('s3');
  });

  it('are undefined before they exist and after they were removed', async () => {
    const documents = (await testStore()).documents('main');
    expect(await documents.get('stack', schema)).toBeUndefined();
    await documents.put('stack', document);
    await documents.put('other-1', document);
    expect(await documents.names()).toEqual(['other-1', 'stack']);
    await documents.remove('stack');
    await documents.remove('stack');
    expect(await documents.get('stack', schema)).toBeUndefined();
    expect(await documents.names()).toEqual(['other-1']);
    await documents.put('stack', document);
    expect(await documents.get('stack', schema)).toBeDefined();
  });

  it('show the backend neither content nor names', async () => {
    const backend = new MemoryBackend();
    await (await testStore(backend)).documents('tilleuls').put('recovery-key', document);
    for (const id of await backend.ids()) {
      const bytes = (await backend.read(id))?.bytes.toString('latin1') ?? '';
      for (const text of ['planted-secret', 'tilleuls', 'recovery-key', 'document', Buffer.from('tilleuls').toString('base64url')]) {
        expect(bytes).not.toContain(text);
        expect(id).not.toContain(text);
      }
    }
  });

  it('are found damaged at every flipped bit and every length', async () => {
    const backend = new MemoryBackend();
    const documents = (await testStore(backend)).documents('main');
    await documents.put('stack', document);
    const id = await onlyObject(backend);
    const good = (await backend.read(id))?.bytes ?? Buffer.alloc(0);
    const store = async (bytes: Buffer) => backend.write(id, bytes, { revision: (await backend.read(id))?.revision ?? '' });
    for (let at = 0; at < good.length; at++) {
      const bad = Buffer.from(good);
      bad[at] = (bad[at] ?? 0) ^ (1 << at % 8);
      await store(bad);
      await expect(documents.get('stack', schema)).rejects.toThrow();
      await store(good.subarray(0, at));
      await expect(documents.get('stack', schema)).rejects.toThrow(/document "stack" of installation main/);
    }
    await store(good);
    expect(await documents.get('stack', schema)).toBeDefined();
  });

  it('are found exchanged: for another document, or for one of another installation', async () => {
    const backend = new MemoryBackend();
    const store = await testStore(backend);
    await store.documents('main').put('one', document);
    const first = await onlyObject(backend);
    await store.documents('second').put('one', document);
    await store.documents('main').put('two', document);
    const bytes = (await backend.read(first))?.bytes ?? Buffer.alloc(0);
    for (const id of (await backend.ids()).filter((one) => one !== 'root' && one !== first)) await backend.write(id, bytes, { revision: (await backend.read(id))?.revision ?? '' });
    await expect(store.documents('main').get('two', schema)).rejects.toThrow(/data key|not what was stored/);
    await expect(store.documents('second').get('one', schema)).rejects.toThrow(/data key|not what was stored/);
    expect(await store.documents('main').get('one', schema)).toBeDefined();
  });

  it('of another shape are refused without quoting their content', async () => {
    const documents = (await testStore()).documents('main');
    await documents.put('stack', { name: 'secret-name-1', password: 5 });
    const error: unknown = await documents.get('stack', schema).catch((thrown: unknown) => thrown);
    expect(String(error)).toMatch(/password: invalid_union/);
    await expect(documents.get('stack', z.object({ name: z.enum(['a']) }))).rejects.not.toThrow(/secret-name-1/);
  });

  it('have strict names', async () => {
    const documents = (await testStore()).documents('main');
    for (const name of ['../x', 'a/b', '', 'A', 'a.b', '.x', '1a', 'a\n', 'a'.repeat(65)]) {
      await expect(documents.put(name, {})).rejects.toThrow(TypeError);
      await expect(documents.get(name, schema)).rejects.toThrow(TypeError);
    }
  });
});

describe('two operators', () => {
  it('cannot overwrite one another: the second is told, and loses nothing', async () => {
    const [backend, keys] = [new MemoryBackend(), masterKeys()];
    const [mine, yours] = [(await testStore(backend, keys)).documents('main'), (await testStore(backend, keys)).documents('main')];
    await mine.put('list', ['a']);
    expect(await yours.get('list', z.array(z.string()))).toEqual(['a']);
    await mine.put('list', ['a', 'b']);
    await expect(yours.put('list', ['a', 'c'])).rejects.toMatchObject({ exitCode: EXIT.busy });
    expect(await yours.get('list', z.array(z.string()))).toEqual(['a', 'b']);
    await yours.put('list', ['a', 'b', 'c']);
    expect(await mine.get('list', z.array(z.string()))).toEqual(['a', 'b', 'c']);
  });

  it('who both find nothing do not both make it', async () => {
    const [backend, keys] = [new MemoryBackend(), masterKeys()];
    const [mine, yours] = [(await testStore(backend, keys)).documents('main'), (await testStore(backend, keys)).documents('main')];
    expect(await mine.get('one', z.unknown())).toBeUndefined();
    expect(await yours.get('one', z.unknown())).toBeUndefined();
    await mine.put('one', 1);
    await expect(yours.put('one', 2)).rejects.toMatchObject({ exitCode: EXIT.busy });
  });

  it('who open an empty store at once share one root', async () => {
    const [backend, keys] = [new MemoryBackend(), masterKeys()];
    const stores = await Promise.all(Array.from({ length: 8 }, () => testStore(backend, keys)));
    await stores[0]?.documents('main').put('stack', document);
    for (const store of stores) expect(await store.documents('main').get('stack', schema)).toBeDefined();
  });
});

describe('bytes that are no object', () => {
  it('200 KB of rubbish in the place of a document is an error that names it, and spoils no other', async () => {
    const backend = new MemoryBackend();
    const store = await testStore(backend);
    const documents = store.documents('main');
    await documents.put('stack', document);
    const id = await onlyObject(backend);
    await documents.put('other', 1);
    const rubbish = randomBytes(200 * 1024);
    // Behind eight bytes that could be a serial, and behind eight that cannot.
    for (const serial of [1n, 0n, 2n ** 64n - 1n]) {
      rubbish.writeBigUInt64BE(serial);
      await backend.write(id, rubbish, { revision: (await backend.read(id))?.revision ?? '' });
      const error: unknown = await documents.get('stack', schema).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(EnvelopeDamaged);
      expect(String(error)).toContain('document "stack"');
      expect(String(error)).not.toContain(rubbish.toString('latin1').slice(10, 40));
      await expect(store.keyUsage()).rejects.toThrow(EnvelopeDamaged);
    }
    expect(await documents.get('other', z.number())).toBe(1);
    expect(await documents.names()).toEqual(['other', 'stack']);
  });

  it('rubbish in the place of the root is an error, and nothing is made anew over it', async () => {
    const backend = new MemoryBackend();
    const keys = masterKeys();
    await (await testStore(backend, keys)).documents('main').put('stack', document);
    const rubbish = randomBytes(200 * 1024);
    await backend.write('root', rubbish, { revision: (await backend.read('root'))?.revision ?? '' });
    await expect(testStore(backend, keys)).rejects.toThrow(EnvelopeDamaged);
    expect((await backend.read('root'))?.bytes.equals(rubbish)).toBe(true);
  });
});

describe('a clock that jumps', () => {
  const HOUR = 60 * 60 * 1000;
  afterEach(() => {
    vi.restoreAllMocks();
  });
  const clockAt = (time: number) => vi.spyOn(Date, 'now').mockImplementation(() => time);

  it('back, by a day or to 1970, makes no write look older than the one before, here or elsewhere', async () => {
    const [backend, keys, now] = [new MemoryBackend(), masterKeys(), Date.now()];
    const [here, elsewhere] = [(await testStore(backend, keys)).documents('main'), (await testStore(backend, keys)).documents('main')];
    const times = [now, now - 24 * HOUR, 1, now - HOUR, now + HOUR, now];
    for (const [count, time] of times.entries()) {
      clockAt(time);
      await here.put('count', count);
      expect(await elsewhere.get('count', z.number())).toBe(count);
    }
  });

  it('back, does not hide an older copy that is put back', async () => {
    const backend = new MemoryBackend();
    const documents = (await testStore(backend)).documents('main');
    await documents.put('count', 1);
    const id = await onlyObject(backend);
    const old = (await backend.read(id))?.bytes ?? Buffer.alloc(0);
    clockAt(1000);
    await documents.put('count', 2);
    await backend.write(id, old, { revision: (await backend.read(id))?.revision ?? '' });
    await expect(documents.get('count', z.number())).rejects.toThrow(Replayed);
  });
});

describe('an older content put back in its place', () => {
  async function replayed(): Promise<{ store: Store; put: (value: number) => Promise<void>; get: () => Promise<unknown> }> {
    const backend = new MemoryBackend();
    const store = await testStore(backend);
    const documents = store.documents('main');
    await documents.put('count', 1);
    const id = await onlyObject(backend);
    const old = (await backend.read(id))?.bytes ?? Buffer.alloc(0);
    await documents.put('count', 2);
    await backend.write(id, old, { revision: (await backend.read(id))?.revision ?? '' });
    return { store, put: (value) => documents.put('count', value), get: () => documents.get('count', z.number()) };
  }

  it('is noticed, and the way on is said', async () => {
    const { get } = await replayed();
    await expect(get()).rejects.toThrow(Replayed);
    await expect(get()).rejects.toMatchObject({ hints: expect.arrayContaining([expect.stringContaining('koprogo-infra state accept count')]) as string[] });
  });

  it('is taken for right once the operator says so', async () => {
    const { store, get, put } = await replayed();
    await store.objects.accept({ installation: 'main', kind: 'document', name: 'count' });
    expect(await get()).toBe(1);
    await put(3);
    expect(await get()).toBe(3);
  });
});

describe('installations', () => {
  it('are those of which something is stored; a lock is nothing', async () => {
    const store = await testStore();
    expect(await store.installations()).toEqual([]);
    const lock = await store.lock('locked', 'setup');
    await store.documents('b').put('x', 1);
    await store.documents('a-1').put('x', 1);
    await store.documents('a-1').put('y', 1);
    expect(await store.installations()).toEqual(['a-1', 'b']);
    await store.removeInstallation('a-1');
    await store.removeInstallation('a-1');
    expect(await store.installations()).toEqual(['b']);
    expect(await store.documents('a-1').names()).toEqual([]);
    await lock.release();
  });

  it('have strict names', async () => {
    const store = await testStore();
    for (const name of ['', 'A', '1a', '-a', 'a/b', '..', 'a.b', 'a;reboot', '$(id)', 'a\n', 'a'.repeat(33)]) {
      expect(() => store.documents(name)).toThrow(/not an installation name/);
      await expect(store.removeInstallation(name)).rejects.toThrow(/not an installation name/);
    }
  });
});

it('all of whose installations are locked has no writer beside the work, and gives every lock back', async () => {
  const store = await testStore();
  await store.documents('a').put('x', 1);
  await store.documents('b').put('x', 1);
  await store.withAllLocked('keys retire', async () => {
    for (const name of ['a', 'b']) await expect(store.lock(name, 'setup')).rejects.toThrow(/in use: keys retire/);
  });
  const lock = await store.lock('b', 'setup');
  await expect(store.withAllLocked('keys retire', () => Promise.resolve())).rejects.toMatchObject({ exitCode: EXIT.busy });
  await (await store.lock('a', 'setup')).release();
  await lock.release();
});

describe('keys', () => {
  it('that are wrong are told from damage', async () => {
    const backend = new MemoryBackend();
    await testStore(backend, masterKeys(1));
    await expect(testStore(backend, masterKeys(1))).rejects.toThrow(/another one than the one that encrypted this/);
    await expect(testStore(backend, masterKeys(2))).rejects.toThrow(/version 1 of the master key, which is not set/);
  });

  it('that are rotated open the old and the new; after the re-wrap the old one is not needed', async () => {
    const backend = new MemoryBackend();
    const [one, two] = [randomBytes(32), randomBytes(32)];
    const first = () => ({ version: 1, key: Buffer.from(one) });
    const second = () => ({ version: 2, key: Buffer.from(two) });
    const before = await testStore(backend, new MasterKeys(first(), [], keyMemory));
    await before.documents('main').put('old', 1);
    const both = new MasterKeys(second(), [first()], keyMemory);
    const store = await testStore(backend, both);
    await store.documents('main').put('new', 2);
    expect(await store.documents('main').get('old', z.number())).toBe(1);
    const [, current] = await both.versions();
    const results = await store.rewrapAll(current?.keyId ?? '', () => undefined);
    expect(results).toEqual({ rewrapped: 2, current: 1 });
    expect(await store.rewrapAll(current?.keyId ?? '', () => undefined)).toEqual({ rewrapped: 0, current: 3 });
    const after = (await testStore(backend, new MasterKeys(second(), [], keyMemory))).documents('main');
    expect(await after.get('old', z.number())).toBe(1);
    expect(await after.get('new', z.number())).toBe(2);
  });
});
