import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { checkPrivate, ensurePrivateDirectory, errorCode, readRegularFile, syncDirectory, writeDurably, xdg } from '../edges/files.js';
import { InfraError, InputError } from '../errors.js';
import { deriveKey } from '../keys/seal.js';
import { type KeyHeader, keyHeaderSchema, type KeySource } from '../keys/key-source.js';
import { FileStateStore } from './file-store.js';

/** File names, host names and S3 prefixes are made from it: hence the narrow alphabet. */
export const INSTALLATION_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const HEADER = 'header.json';
/** A temporary file that is older was left by a writer that was killed. */
const LEFTOVER_AGE_MS = 60 * 60 * 1000;

/** Where the state of all installations lies: `$XDG_STATE_HOME/koprogo-infra`. */
export const stateRoot = () => join(xdg.state(), 'koprogo-infra');

/** Throws InputError unless it is 1 to 32 lower-case letters, digits and hyphens, a letter first. */
export function checkInstallationName(name: string): string {
  if (INSTALLATION_NAME.test(name)) return name;
  throw new InputError(`${JSON.stringify(name.slice(0, 60))} is not an installation name: 1 to 32 of a-z, 0-9 and "-", a letter first`);
}

/** Names of the installations that this user has a state of, sorted. */
export async function listInstallations(): Promise<string[]> {
  const entries = await readdir(stateRoot(), { withFileTypes: true }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  return entries.filter((entry) => entry.isDirectory() && INSTALLATION_NAME.test(entry.name)).map((entry) => entry.name).sort();
}

/**
 * The state of an installation, made when it does not exist yet. Throws InputError for a bad name or a directory that
 * others can reach, WrongKey for another key, InfraError for a damaged header.
 */
export async function openInstallation(name: string, source: KeySource): Promise<FileStateStore> {
  const directory = join(stateRoot(), checkInstallationName(name));
  await ensurePrivateDirectory(stateRoot());
  await ensurePrivateDirectory(directory);
  const header = await readHeader(directory, name);
  const root = header ? await source.open(header) : await createHeader(directory, name, source);
  await removeLeftovers(directory);
  return new FileStateStore(directory, name, deriveKey(root, ['koprogo-infra state', name]));
}

/** Removes everything that is stored of an installation; no error when there is nothing. The caller holds its lock. */
export async function removeInstallation(name: string): Promise<void> {
  const directory = join(stateRoot(), checkInstallationName(name));
  try {
    await checkPrivate(directory);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return;
    throw error;
  }
  await rm(directory, { recursive: true });
  await syncDirectory(stateRoot());
}

async function readHeader(directory: string, name: string): Promise<KeyHeader | undefined> {
  const file = join(directory, HEADER);
  const content = await readRegularFile(file, 4096);
  if (!content) return undefined;
  const hints = [`put back a copy of ${file} from a backup of this computer`];
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch (cause) {
    throw new InfraError(`the header of installation ${name} (${file}) is damaged: it is not JSON`, { hints, cause });
  }
  const read = keyHeaderSchema.safeParse(value);
  if (read.success) return read.data;
  const wrong = read.error.issues.map((issue) => `${issue.path.map(String).join('.') || 'header'}: ${issue.message}`).join('; ');
  throw new InfraError(`the header of installation ${name} (${file}) is damaged: ${wrong}`, { hints });
}

/** A new header is only made in an empty state: with documents but no header, a new one would bury them for good. */
async function createHeader(directory: string, name: string, source: KeySource) {
  const files = await readdir(directory);
  if (files.some((file) => file.endsWith('.sealed'))) {
    throw new InfraError(`the header of installation ${name} is missing, though there are stored documents in ${directory}`, {
      hints: [`put back a copy of ${join(directory, HEADER)} from a backup of this computer`],
    });
  }
  const { key, header } = await source.create();
  try {
    await writeDurably(join(directory, HEADER), `${JSON.stringify(header, null, 2)}\n`, { exclusive: true });
    return key;
  } catch (error) {
    const theirs = errorCode(error) === 'EEXIST' ? await readHeader(directory, name) : undefined;
    if (theirs) return source.open(theirs);
    throw error;
  }
}

async function removeLeftovers(directory: string): Promise<void> {
  for (const file of await readdir(directory)) {
    if (!/^\..*\.tmp$/.test(file)) continue;
    const path = join(directory, file);
    const found = await stat(path).catch(() => undefined);
    if (found && Date.now() - found.mtimeMs > LEFTOVER_AGE_MS) await rm(path, { force: true });
  }
}
