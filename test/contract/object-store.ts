import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { type ObjectStore, ObjectMissing, readObject, verifyStored } from '../../src/edges/object-store.js';
import { uploadStream } from '../../src/edges/object-upload.js';

const MIB = 1024 * 1024;

async function* pieces(content: Uint8Array, size: number) {
  for (let at = 0; at < content.length; at += size) {
    await Promise.resolve();
    yield content.subarray(at, at + size);
  }
}

async function keysOf(store: ObjectStore, prefix: string): Promise<string[]> {
  const keys = [];
  for await (const { key } of store.list(prefix)) keys.push(key);
  return keys;
}

const text = async (store: ObjectStore, key: string) => Buffer.from(await readObject(store, key, MIB)).toString();

/** What every bucket must do: in memory and at a real server alike. The bucket exists; keys of each test are its own. */
export function objectStoreContract(open: () => ObjectStore): void {
  it('stores small objects, overwrites them, and says what is there', async () => {
    const store = open();
    expect(await store.head('small/a')).toBeUndefined();
    await store.put('small/a', Buffer.from('one'));
    await store.put('small/a', Buffer.from('two!'));
    expect(await text(store, 'small/a')).toBe('two!');
    const head = await verifyStored(store, 'small/a', 4);
    expect(head.bytes).toBe(4);
    expect(Math.abs((head.modified?.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    await expect(verifyStored(store, 'small/a', 5)).rejects.toThrow(/has 4 bytes in .*, 5 were sent/);
    await expect(verifyStored(store, 'small/none', 5)).rejects.toThrow(/does not have it/);
  });

  it('gives ranges', async () => {
    const store = open();
    await store.put('range/a', Buffer.from('0123456789'));
    const read = async (start: number, end?: number) => {
      const chunks: Buffer[] = [];
      for await (const chunk of await store.get('range/a', { start, ...(end === undefined ? {} : { end }) })) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString();
    };
    expect(await read(0, 0)).toBe('0');
    expect(await read(3, 5)).toBe('345');
    expect(await read(8)).toBe('89');
  });

  it('says which object is missing, and refuses an object that is longer than expected', async () => {
    const store = open();
    await expect(store.get('missing/a')).rejects.toThrow(ObjectMissing);
    await store.put('long/a', Buffer.alloc(100));
    await expect(readObject(store, 'long/a', 99)).rejects.toThrow(/longer than 99 bytes/);
  });

  it('deletes, and deleting what is not there is no error', async () => {
    const store = open();
    await store.put('delete/a', Buffer.from('x'));
    await store.delete('delete/a');
    await store.delete('delete/a');
    expect(await store.head('delete/a')).toBeUndefined();
  });

  it('lists what starts with a prefix, in order, with awkward names', async () => {
    const store = open();
    const keys = ['list/a b+c%20&?é', 'list/b/1', 'list/b/2'];
    for (const key of ['lisu', ...keys]) await store.put(key, Buffer.from('x'));
    expect(await keysOf(store, 'list/')).toEqual(keys);
    expect(await keysOf(store, 'list/b/')).toEqual(keys.slice(1));
    expect(await keysOf(store, 'list/nothing')).toEqual([]);
  });

  it.each([0, 1, 8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 17 * MIB])('stores a stream of %i bytes as it was', async (size) => {
    const store = open();
    const content = randomBytes(size);
    const key = `stream/${size}`;
    expect(await uploadStream(store, key, pieces(content, 100_003))).toBe(size);
    await verifyStored(store, key, size);
    expect(Buffer.from(await readObject(store, key, size)).equals(content)).toBe(true);
  });

  it('completes nothing when the source breaks, and leaves no parts', async () => {
    const store = open();
    async function* breaking() {
      yield* pieces(randomBytes(9 * MIB), MIB);
      throw new Error('pg_dump failed');
    }
    await expect(uploadStream(store, 'broken/a', breaking())).rejects.toThrow('pg_dump failed');
    expect(await store.head('broken/a')).toBeUndefined();
    expect(await store.abortUploads('broken/')).toBe(0);
  });

  it('completes nothing when it is interrupted', async () => {
    const store = open();
    const interrupt = new AbortController();
    let given = 0;
    async function* endless() {
      for (;;) {
        await Promise.resolve();
        given += MIB;
        if (given > 12 * MIB) interrupt.abort(new Error('stop'));
        yield Buffer.alloc(MIB);
      }
    }
    await expect(uploadStream(store, 'interrupted/a', endless(), { signal: interrupt.signal })).rejects.toThrow('stop');
    expect(await store.head('interrupted/a')).toBeUndefined();
    expect(await store.abortUploads('interrupted/')).toBe(0);
  });

  it('throws away uploads that were begun and never completed, and only those of the prefix', async () => {
    const store = open();
    for (const key of ['left/ours/a', 'left/other/b']) await (await store.startUpload(key)).writePart(1, Buffer.from('x'));
    expect(await store.abortUploads('left/ours/')).toBe(1);
    expect(await store.abortUploads('left/ours/')).toBe(0);
    expect(await store.abortUploads('left/other/')).toBe(1);
  });

  it('tells whether the bucket is private and versioned', async () => {
    const { bucket } = open();
    expect(await bucket.exists()).toBe(true);
    await bucket.enableVersioning();
    expect(await bucket.versioned()).toBe(true);
    expect(await bucket.openToEverybody()).toBe(false);
    expect(await bucket.anonymousStatus('small/a')).toBe(403);
  });
}
