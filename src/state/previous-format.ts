import { createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { open as openFile, readdir, readFile, rename, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hashRaw } from '@node-rs/argon2';
import { z } from 'zod';
import { checkPrivate, errorCode, readRegularFile, syncDirectory, xdg } from '../edges/files.js';
import { InfraError, InputError, messageOf } from '../errors.js';
import { Secret } from '../secret.js';
import { INSTALLATION_NAME } from './installations.js';
import { say } from './words.js';

/**
 * Version 0.1 kept each installation as a directory of sealed files, under one key from a key file or a passphrase.
 * Only what reads and removes them is left.
 */
const HEADER = 'header.json';
const SUFFIX = '.sealed';
const WIPING = '.wiping';
const VERSION = 1;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const KEY_BYTES = 32;

const headerSchema = z.discriminatedUnion('source', [
  z.strictObject({ format: z.literal(1), source: z.literal('key-file'), check: z.base64().length(44) }),
  z.strictObject({
    format: z.literal(1),
    source: z.literal('passphrase'),
    kdf: z.literal('argon2id'),
    // Limits, so that a tampered header cannot cost gigabytes.
    memoryKiB: z.number().int().min(19 * 1024).max(1024 * 1024),
    passes: z.number().int().min(2).max(20),
    lanes: z.number().int().min(1).max(16),
    salt: z.base64().length(24),
    check: z.base64().length(44),
  }),
]);
type Header = z.infer<typeof headerSchema>;

const defaultKeyFile = () => join(xdg.config(), 'koprogo-infra', 'state.key');

/** Names of the installations below `root` that are kept in the previous format, or of which something is still to be wiped. */
export async function previousInstallations(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return [];
    throw error;
  });
  const found: string[] = [];
  for (const { name } of entries.filter((entry) => entry.isDirectory() && INSTALLATION_NAME.test(entry.name))) {
    if ((await readdir(join(root, name))).some(isOurs)) found.push(name);
  }
  return found.sort();
}

/** All documents of such an installation, in clear, as JSON texts by name. The caller wipes them. Throws InfraError when one cannot be opened. */
export async function readPrevious(root: string, name: string): Promise<Map<string, Buffer>> {
  const directory = join(root, name);
  await checkPrivate(directory);
  const documents = new Map<string, Buffer>();
  if (!(await readdir(directory)).some((file) => file === HEADER || file.endsWith(SUFFIX))) return documents;
  const key = await documentKey(directory, name);
  for (const file of (await readdir(directory)).filter((entry) => entry.endsWith(SUFFIX)).sort()) {
    const document = file.slice(0, -SUFFIX.length);
    const sealed = await readRegularFile(join(directory, file));
    if (sealed) documents.set(document, unseal(key, sealed, [VERSION, 'koprogo-infra state document', name, document]));
  }
  key.fill(0);
  return documents;
}

/** Overwrites and removes the files of such an installation. Killed in between, it goes on the next time. */
export async function wipePrevious(root: string, name: string): Promise<void> {
  const directory = join(root, name);
  // The header goes last: without it what is left could not be read again.
  const files = (await readdir(directory)).filter((file) => isOurs(file) && file !== HEADER);
  for (const file of [...files, HEADER]) await wipe(join(directory, file));
  await rmdir(directory).catch((error: unknown) => {
    if (errorCode(error) !== 'ENOTEMPTY') throw error;
  });
  await syncDirectory(root);
}

/** Wipes the key file in its usual place, which no installation needs any more. */
export async function wipePreviousKey(): Promise<void> {
  await wipe(`${defaultKeyFile()}${WIPING}`);
  await wipe(defaultKeyFile());
}

function isOurs(file: string): boolean {
  return file === HEADER || file.endsWith(SUFFIX) || file.endsWith(WIPING) || /^\..*\.tmp$/.test(file);
}

/**
 * Renamed first, so that a file that is half overwritten is not taken for a damaged one. On an SSD, or a file system that
 * copies on write, the old bytes may survive elsewhere on the disk until they are written over: what lay there was
 * encrypted, but for the key file.
 */
async function wipe(path: string): Promise<void> {
  const doomed = path.endsWith(WIPING) ? path : path + WIPING;
  try {
    if (doomed !== path) await rename(path, doomed);
    const file = await openFile(doomed, 'r+');
    try {
      const { size } = await file.stat();
      await file.write(Buffer.alloc(size), 0, size, 0);
      await file.sync();
    } finally {
      await file.close();
    }
    await rm(doomed);
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
  }
}

async function documentKey(directory: string, name: string): Promise<Buffer> {
  const header = await readHeader(directory, name);
  const root = header.source === 'key-file' ? await keyFromFile() : await keyFromPassphrase(header);
  const check = createHmac('sha256', root).update('koprogo-infra state key check 1').digest();
  if (!timingSafeEqual(check, Buffer.from(header.check, 'base64'))) {
    throw new InputError(say('previous.key', { name }), {
      hints: header.source === 'key-file' ? ['KOPROGO_STATE_KEY_FILE=FILE koprogo-infra list'] : ['KOPROGO_STATE_PASSPHRASE_FILE=FILE koprogo-infra list'],
    });
  }
  const key = Buffer.from(hkdfSync('sha256', root, Buffer.alloc(0), JSON.stringify(['koprogo-infra state', name]), KEY_BYTES));
  root.fill(0);
  return key;
}

async function readHeader(directory: string, name: string): Promise<Header> {
  const content = await readRegularFile(join(directory, HEADER), 4096);
  const hints = [say('previous.header', { path: join(directory, HEADER) })];
  if (!content) throw new InfraError(say('previous.missing', { name }), { hints });
  try {
    return headerSchema.parse(JSON.parse(content.toString('utf8')));
  } catch {
    throw new InfraError(say('previous.damaged', { name }), { hints });
  }
}

async function keyFromFile(): Promise<Buffer> {
  const path = process.env['KOPROGO_STATE_KEY_FILE'] ?? defaultKeyFile();
  const content = await readRegularFile(path, 4096);
  const key = Buffer.from(content?.toString('latin1').trim() ?? '', 'base64');
  content?.fill(0);
  if (key.length === KEY_BYTES) return key;
  throw new InputError(say('previous.file', { path, problem: content ? say('previous.noKey') : say('previous.gone') }), { hints: [say('previous.putBack'), say('previous.point')] });
}

async function keyFromPassphrase(header: Extract<Header, { source: 'passphrase' }>): Promise<Buffer> {
  const path = process.env['KOPROGO_STATE_PASSPHRASE_FILE'];
  if (path === undefined) throw new InputError(say('previous.passphrase'), { hints: ['KOPROGO_STATE_PASSPHRASE_FILE=FILE koprogo-infra list'] });
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new InputError(say('previous.unread', { path, reason: messageOf(cause) }), { cause });
  });
  const secret = new Secret(text.replace(/\r?\n$/, ''));
  const options = { memoryCost: header.memoryKiB, timeCost: header.passes, parallelism: header.lanes, outputLen: KEY_BYTES, salt: Buffer.from(header.salt, 'base64') };
  return hashRaw(secret.reveal().normalize('NFC'), options);
}

function unseal(key: Buffer, sealed: Buffer, context: readonly unknown[]): Buffer {
  const unusable = (cause?: unknown) => new InfraError(say('previous.document', { at: String(context.at(-1)) }), { cause, hints: [say('previous.copy')] });
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES || sealed[0] !== VERSION) throw unusable();
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(JSON.stringify(context), 'utf8'));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  const plain = decipher.update(sealed.subarray(1 + NONCE_BYTES, -TAG_BYTES));
  try {
    decipher.final();
    return plain;
  } catch (cause) {
    throw unusable(cause);
  }
}
