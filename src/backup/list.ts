import { type ObjectStore, readObject } from '../edges/object-store.js';
import { InfraError, InputError } from '../errors.js';
import { checkPrefix, isBackupId, MANIFEST_FILE, objectKey, parseObjectKey } from './layout.js';
import { type Manifest, MAX_MANIFEST_BYTES, parseManifest, storedBytes } from './manifest.js';
import { say } from './words.js';

/** Objects below one id. Only what has a valid manifest and every object in its full length is a backup. */
export type ListedBackup =
  | { id: string; state: 'complete'; storedBytes: number; manifest: Manifest }
  | { id: string; state: 'incomplete'; storedBytes: number; reason: string };

/** Manifests that are read side by side. */
const SIDE_BY_SIDE = 4;

/** Everything below the prefix that looks like a backup, the newest first. Foreign keys are left out. */
export async function listBackups(store: ObjectStore, prefix: string): Promise<ListedBackup[]> {
  const folders = await foldersOf(store, prefix);
  const listed: ListedBackup[] = [];
  for (let at = 0; at < folders.length; at += SIDE_BY_SIDE) {
    listed.push(...(await Promise.all(folders.slice(at, at + SIDE_BY_SIDE).map((folder) => judge(store, prefix, folder)))));
  }
  return listed;
}

/** The newest complete backup that `accept` takes; undefined when there is none. Reads no more manifests than needed. */
export async function newestBackup(store: ObjectStore, prefix: string, accept: (manifest: Manifest) => boolean = () => true): Promise<Manifest | undefined> {
  for (const folder of await foldersOf(store, prefix)) {
    const backup = await judge(store, prefix, folder);
    if (backup.state === 'complete' && accept(backup.manifest)) return backup.manifest;
  }
  return undefined;
}

/** A backup by its id, or the newest for "latest". Throws InputError when there is none such, InfraError when it is not complete. */
export async function findBackup(store: ObjectStore, prefix: string, which: string): Promise<Manifest> {
  const hints = ['koprogo-infra backup list'];
  if (which === 'latest') {
    const newest = await newestBackup(store, prefix);
    if (!newest) throw new InputError(say('list.noComplete', { prefix, where: store.where }), { hints: ['koprogo-infra backup run', ...hints] });
    return newest;
  }
  if (!isBackupId(which)) throw new InputError(say('notId', { id: which.slice(0, 40) }), { hints });
  const folder = (await foldersOf(store, prefix, which)).find(({ id }) => id === which);
  if (!folder) throw new InputError(say('list.none', { which, where: store.where }), { hints });
  const backup = await judge(store, prefix, folder);
  if (backup.state === 'incomplete') throw new InfraError(say('list.incomplete', { which, reason: backup.reason }), { hints });
  return backup.manifest;
}

interface Folder {
  id: string;
  /** File name -> bytes, from the listing. */
  files: Map<string, number>;
}

async function foldersOf(store: ObjectStore, prefix: string, id = ''): Promise<Folder[]> {
  const folders = new Map<string, Folder>();
  for await (const { key, bytes } of store.list(`${checkPrefix(prefix)}/${id}`)) {
    const found = parseObjectKey(prefix, key);
    if (!found) continue;
    const folder = folders.get(found.id) ?? { id: found.id, files: new Map<string, number>() };
    folder.files.set(found.file, bytes);
    folders.set(found.id, folder);
  }
  return [...folders.values()].sort((a, b) => (a.id < b.id ? 1 : -1));
}

async function judge(store: ObjectStore, prefix: string, { id, files }: Folder): Promise<ListedBackup> {
  const found = [...files.values()].reduce((sum, bytes) => sum + bytes, 0);
  const incomplete = (reason: string): ListedBackup => ({ id, state: 'incomplete', storedBytes: found, reason });
  if (!files.has(MANIFEST_FILE)) return incomplete(say('list.noManifest'));
  let manifest;
  try {
    manifest = parseManifest(await readObject(store, objectKey(prefix, id, MANIFEST_FILE), MAX_MANIFEST_BYTES), id);
  } catch (error) {
    // One that is damaged must not hide the others; a storage that cannot be reached fails at the listing.
    if (error instanceof InfraError) return incomplete(error.message);
    throw error;
  }
  for (const { file, ciphertextBytes } of manifest.objects) {
    const bytes = files.get(file);
    if (bytes === undefined) return incomplete(say('list.missing', { file }));
    if (bytes !== ciphertextBytes) return incomplete(say('list.length', { file, bytes, ciphertextBytes }));
  }
  return { id, state: 'complete', storedBytes: storedBytes(manifest), manifest };
}
