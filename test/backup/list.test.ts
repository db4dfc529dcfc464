import { beforeEach, describe, expect, it } from 'vitest';
import { objectKey } from '../../src/backup/layout.js';
import { findBackup, listBackups, newestBackup } from '../../src/backup/list.js';
import { formatManifest, type Manifest } from '../../src/backup/manifest.js';
import { InfraError } from '../../src/errors.js';
import { MemoryStore } from '../fixtures/memory-store.js';
import { exampleManifest } from './manifest-example.js';

const PREFIX = 'koprogo/list';
const OLD = '20261120T020000Z-aaaaaa';
const MIDDLE = '20261121T020000Z-bbbbbb';
const NEW = '20261122T020000Z-cccccc';

describe('the backups in a bucket', () => {
  let store: MemoryStore;
  beforeEach(() => {
    store = new MemoryStore();
  });

  async function add(id: string, changes: Partial<Manifest> = {}): Promise<Manifest> {
    const objects = exampleManifest.objects.map((object) => ({ ...object, ciphertextBytes: 10 }));
    const manifest = { ...exampleManifest, objects, ...changes, id };
    for (const { file, ciphertextBytes } of objects) await store.put(objectKey(PREFIX, id, file), Buffer.alloc(ciphertextBytes));
    await store.put(objectKey(PREFIX, id, 'manifest.json'), formatManifest(manifest));
    return manifest;
  }

  it('are listed the newest first, and what is not one is told apart', async () => {
    const old = await add(OLD);
    await add(MIDDLE);
    await store.delete(objectKey(PREFIX, MIDDLE, 'manifest.json'));
    await add(NEW);
    await store.put(objectKey(PREFIX, NEW, 'database.sql.gz.gpg'), Buffer.alloc(9));
    await store.put(`${PREFIX}/../etc/passwd`, Buffer.from('x'));
    await store.put(`${PREFIX}/20261199T020000Z-dddddd/manifest.json`, Buffer.from('x'));
    expect(await listBackups(store, PREFIX)).toEqual([
      { id: NEW, state: 'incomplete', storedBytes: expect.any(Number) as number, reason: 'database.sql.gz.gpg has 9 bytes, the manifest says 10' },
      { id: MIDDLE, state: 'incomplete', storedBytes: 30, reason: expect.stringContaining('no manifest') as string },
      { id: OLD, state: 'complete', storedBytes: expect.any(Number) as number, manifest: old },
    ]);
    expect((await newestBackup(store, PREFIX))?.id).toBe(OLD);
    expect((await findBackup(store, PREFIX, 'latest')).id).toBe(OLD);
  });

  it('are not hidden by one with a damaged manifest or a missing object', async () => {
    await add(OLD);
    await add(MIDDLE);
    await store.delete(objectKey(PREFIX, MIDDLE, 'globals.sql.gz.gpg'));
    await store.put(objectKey(PREFIX, NEW, 'manifest.json'), Buffer.from('{"format":"koprogo-backup","version":7}'));
    const [newest, middle] = await listBackups(store, PREFIX);
    expect(newest).toMatchObject({ state: 'incomplete', reason: expect.stringContaining('format version 7') as string });
    expect(middle).toMatchObject({ state: 'incomplete', reason: 'globals.sql.gz.gpg is missing' });
    await expect(findBackup(store, PREFIX, NEW)).rejects.toThrow(/is not complete: .*format version 7/);
  });

  it('are found by id, or not, with what to do', async () => {
    const manifest = await add(NEW);
    expect(await findBackup(store, PREFIX, NEW)).toEqual(manifest);
    await expect(findBackup(store, PREFIX, OLD)).rejects.toThrow(/there is no backup 20261120/);
    await expect(findBackup(store, PREFIX, '../x')).rejects.toThrow(/not a backup id/);
    await expect(findBackup(store, 'koprogo/empty', 'latest')).rejects.toThrow(/no complete backup/);
  });

  it('are picked by what a caller accepts', async () => {
    await add(OLD);
    await add(NEW, { installation: 'other' });
    expect((await newestBackup(store, PREFIX, ({ installation }) => installation === 'tilleuls'))?.id).toBe(OLD);
  });

  it('are not few because the storage fails', async () => {
    await add(NEW);
    store.fail.set('list', () => new InfraError('the line is cut'));
    await expect(listBackups(store, PREFIX)).rejects.toThrow('the line is cut');
  });
});
