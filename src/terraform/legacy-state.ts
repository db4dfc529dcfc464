import { constants } from 'node:fs';
import { open, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode, readRegularFile, syncDirectory } from '../edges/files.js';
import { InfraError, RefusedError } from '../errors.js';
import { NotAState, parseState, relate, type TerraformState } from './state-format.js';
import { MAX_STATE_BYTES, type TerraformStateStore } from './state-store.js';
import { say } from './words.js';

/** Where Terraform without a backend leaves its state, in clear, and where a failed one saved it. */
const STATE = /^(terraform|errored)\.tfstate$/;
/** Older than the state beside it. */
const BACKUP = /^terraform\.tfstate(\.\d+)?\.backup$/;
/** A file under such a name is stored and only has to be wiped, whatever is left in it. */
const WIPING = '.wiping';
const ZEROS = Buffer.alloc(64 * 1024);

/** Whether a state in clear lies in the working folder, or what is left of one. */
export async function hasLegacyState(folder: string): Promise<boolean> {
  return (await legacyFiles(folder)).length > 0;
}

/**
 * Before `terraform init`, which empties such a file when it finds another backend, and writes a backup of it in clear.
 *
 * Moves a state of a previous version of this program into the store: stored, read back, and only then wiped. Cut off
 * anywhere, the next call goes on: a file gets its name for being wiped only when its content, or a newer one, is stored.
 * Throws RefusedError when the store has a state of another history, and for a backup without anything that it could be older than.
 */
export async function takeOverLegacyState(folder: string, store: TerraformStateStore): Promise<void> {
  for (const { name, state } of await legacyStates(folder)) {
    if (state) await putIntoStore(state, join(folder, name), store);
    await renameIfThere(folder, name);
  }
  const backups = (await legacyFiles(folder)).filter((name) => BACKUP.test(name));
  const [lonely] = backups;
  if (lonely !== undefined && !(await store.read())) {
    const path = join(folder, lonely);
    throw new RefusedError(say('legacy.backup', { path }), {
      hints: [say('legacy.backup.goOn', { path, state: join(folder, 'terraform.tfstate') }), say('legacy.backup.nothing', { path })],
    });
  }
  for (const name of backups) await renameIfThere(folder, name);
  await syncDirectory(folder);
  for (const name of (await legacyFiles(folder)).filter((file) => file.endsWith(WIPING))) await wipe(join(folder, name));
  await syncDirectory(folder);
}

async function putIntoStore(state: TerraformState, path: string, store: TerraformStateStore): Promise<void> {
  const found = await store.read();
  const relation = relate(found && parseState(found.bytes), state, { destroying: true });
  if (relation === 'same' || relation === 'older') return;
  if (relation !== 'newer') {
    throw new RefusedError(say('legacy.stranger', { path, where: store.where }), { hints: [say('legacy.stranger.goOn', { path })] });
  }
  await store.write(state.bytes, found?.revision);
  const back = await store.read();
  if (back?.bytes.equals(state.bytes) !== true) throw new InfraError(say('legacy.otherContent', { where: store.where, path }));
}

async function legacyFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  // Only files: a directory in the place of errored.tfstate is what keeps Terraform from writing there.
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return names.filter((name) => {
    const plain = name.endsWith(WIPING) ? name.slice(0, -WIPING.length) : name;
    return STATE.test(plain) || BACKUP.test(plain);
  });
}

/** terraform.tfstate before errored.tfstate, which is newer. An empty one, which a Terraform that was killed early leaves, has no state. */
async function legacyStates(folder: string): Promise<{ name: string; state: TerraformState | undefined }[]> {
  const names = (await legacyFiles(folder)).filter((name) => STATE.test(name)).sort().reverse();
  const found = await Promise.all(names.map(async (name) => ({ name, bytes: await readRegularFile(join(folder, name), MAX_STATE_BYTES) })));
  return found.flatMap(({ name, bytes }) => (bytes ? [{ name, state: bytes.length === 0 ? undefined : parseFile(join(folder, name), bytes) }] : []));
}

function parseFile(path: string, bytes: Buffer): TerraformState {
  try {
    return parseState(bytes);
  } catch (cause) {
    if (!(cause instanceof NotAState)) throw cause;
    throw new InfraError(say('legacy.notAState', { path, why: cause.message }), { hints: [say('legacy.notAState.hint', { path })], cause });
  }
}

async function renameIfThere(folder: string, name: string): Promise<void> {
  try {
    await rename(join(folder, name), join(folder, name + WIPING));
  } catch (error) {
    // Another process of ours was faster.
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

/** Overwrites a file with zeros and removes it. What that does not reach is said in docs/state.md. */
async function wipe(path: string): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_NOFOLLOW).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (!file) return;
  try {
    const { size } = await file.stat();
    for (let at = 0; at < size; at += ZEROS.length) await file.write(ZEROS, 0, Math.min(ZEROS.length, size - at), at);
    await file.sync();
  } finally {
    await file.close();
  }
  await rm(path, { force: true });
}
