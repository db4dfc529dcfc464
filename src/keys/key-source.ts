import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hashRaw } from '@node-rs/argon2';
import { z } from 'zod';
import { checkPrivate, errorCode, readRegularFile, writeDurably, xdg } from '../edges/files.js';
import { InfraError, InputError, messageOf } from '../errors.js';
import { Secret } from '../secret.js';
import { KEY_BYTES, sealingKey } from './seal.js';

const MIN_PASSPHRASE = 20;

/** The wrong key file or passphrase: the state itself is not damaged. */
export class WrongKey extends InfraError {
  override readonly name = 'WrongKey';
}

/** How much work one guess of a passphrase costs. */
export interface Argon2Parameters {
  memoryKiB: number;
  passes: number;
  lanes: number;
}
/** RFC 9106's second recommendation with one lane: 64 MiB, about 0.1 s. */
export const ARGON2_DEFAULT: Argon2Parameters = { memoryKiB: 64 * 1024, passes: 3, lanes: 1 };

const base64 = (bytes: number) =>
  z.string().refine((text) => decodeBase64(text)?.length === bytes, `must be ${bytes} bytes in base64`);

/**
 * What an installation stores in clear about its key: where the key comes from, and a check value that tells a
 * wrong key from a damaged document. The limits keep a tampered header from costing gigabytes or nothing at all.
 */
export const keyHeaderSchema = z.discriminatedUnion('source', [
  z.strictObject({ format: z.literal(1), source: z.literal('key-file'), check: base64(KEY_BYTES) }),
  z.strictObject({
    format: z.literal(1),
    source: z.literal('passphrase'),
    kdf: z.literal('argon2id'),
    memoryKiB: z.number().int().min(19 * 1024).max(1024 * 1024),
    passes: z.number().int().min(2).max(20),
    lanes: z.number().int().min(1).max(16),
    salt: base64(16),
    check: base64(KEY_BYTES),
  }),
]);
export type KeyHeader = z.infer<typeof keyHeaderSchema>;

/** Where the key of the state comes from. */
export interface KeySource {
  /** A key for a new installation, and the header to store beside it. May create a key file. */
  create(): Promise<{ key: KeyObject; header: KeyHeader }>;
  /** The key of an installation with this header. Throws WrongKey when it is another. */
  open(header: KeyHeader): Promise<KeyObject>;
}

export const defaultKeyFile = () => join(xdg.config(), 'koprogo-infra', 'state.key');

/** Key from a file of 32 bytes in base64. `create` makes the file where it is missing; `open` never does. */
export function keyFile(path: string): KeySource {
  return {
    async create() {
      const key = (await readKeyFile(path)) ?? (await createKeyFile(path));
      return { key, header: { format: 1, source: 'key-file', check: checkValue(key) } };
    },
    async open(header) {
      if (header.source !== 'key-file') {
        throw new InputError('this installation is protected by a passphrase and not by a key file', {
          hints: ['set KOPROGO_STATE_PASSPHRASE_FILE to a file that holds the passphrase'],
        });
      }
      const key = await readKeyFile(path);
      if (!key) {
        throw new InputError(`the key file of the state ${path} is missing`, {
          hints: ['put it back from where you kept a copy', 'or point to it: KOPROGO_STATE_KEY_FILE=FILE', 'without it the stored state cannot be read'],
        });
      }
      return checked(key, header, `the key file ${path} is not the one that this installation was made with`);
    },
  };
}

/** Key from a passphrase through Argon2id. A new one must have at least 20 characters. */
export function passphrase(secret: Secret, parameters: Argon2Parameters = ARGON2_DEFAULT): KeySource {
  return {
    async create() {
      if (secret.reveal().length < MIN_PASSPHRASE) {
        throw new InputError(`the passphrase of the state is shorter than ${MIN_PASSPHRASE} characters`);
      }
      const salt = randomBytes(16);
      const key = await derive(secret, salt, parameters);
      const header = { format: 1, source: 'passphrase', kdf: 'argon2id', ...parameters, salt: salt.toString('base64'), check: checkValue(key) } as const;
      return { key, header };
    },
    async open(header) {
      if (header.source !== 'passphrase') {
        throw new InputError('this installation is protected by a key file and not by a passphrase', {
          hints: ['unset KOPROGO_STATE_PASSPHRASE_FILE', `and have the key in ${defaultKeyFile()} or KOPROGO_STATE_KEY_FILE`],
        });
      }
      const key = await derive(secret, Buffer.from(header.salt, 'base64'), header);
      return checked(key, header, 'the passphrase of the state is wrong');
    },
  };
}

/**
 * The key source that the environment names: KOPROGO_STATE_PASSPHRASE_FILE, else KOPROGO_STATE_KEY_FILE, else the
 * default key file. Throws InputError when both are set or the passphrase file cannot be read.
 */
export async function keySourceFromEnvironment(environment: NodeJS.ProcessEnv = process.env): Promise<KeySource> {
  const passphraseFile = environment['KOPROGO_STATE_PASSPHRASE_FILE'];
  const file = environment['KOPROGO_STATE_KEY_FILE'];
  if (!passphraseFile) return keyFile(file === undefined || file === '' ? defaultKeyFile() : file);
  if (file) throw new InputError('KOPROGO_STATE_PASSPHRASE_FILE and KOPROGO_STATE_KEY_FILE are both set', { hints: ['unset one of them'] });
  try {
    const text = await readFile(passphraseFile, 'utf8');
    return passphrase(new Secret(text.replace(/\r?\n$/, '')));
  } catch (cause) {
    throw new InputError(`the passphrase file ${passphraseFile} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/** Makes a key file of mode 0600 with 32 fresh random bytes; never overwrites: the loser of a race uses the winner's key. */
export async function createKeyFile(path: string): Promise<KeyObject> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const bytes = randomBytes(KEY_BYTES);
  try {
    await writeDurably(path, `${bytes.toString('base64')}\n`, { exclusive: true });
    return sealingKey(bytes);
  } catch (cause) {
    const theirs = errorCode(cause) === 'EEXIST' ? await readKeyFile(path) : undefined;
    if (theirs) return theirs;
    throw new InputError(`the key file ${path} cannot be made: ${messageOf(cause)}`, { cause });
  } finally {
    bytes.fill(0);
  }
}

async function readKeyFile(path: string): Promise<KeyObject | undefined> {
  const content = await readRegularFile(path, 4096);
  if (!content) return undefined;
  await checkPrivate(path);
  const bytes = decodeBase64(content.toString('latin1').trim());
  content.fill(0);
  const hints = ['put the right file back from where you kept a copy', 'a new one would not open what the old one closed'];
  if (!bytes) throw new InputError(`the key file ${path} is not base64`, { hints });
  if (bytes.length !== KEY_BYTES) throw new InputError(`the key file ${path} holds ${bytes.length} bytes and not ${KEY_BYTES}`, { hints });
  return sealingKey(bytes);
}

async function derive(secret: Secret, salt: Buffer, parameters: Argon2Parameters): Promise<KeyObject> {
  // NFC: the same passphrase typed on another keyboard or system gives the same bytes. Argon2id is the library's default
  // algorithm (its const enum cannot be used under isolatedModules); a test with a published vector holds it to that.
  const bytes = await hashRaw(secret.reveal().normalize('NFC'), {
    memoryCost: parameters.memoryKiB,
    timeCost: parameters.passes,
    parallelism: parameters.lanes,
    outputLen: KEY_BYTES,
    salt,
  });
  return createSecretKey(bytes);
}

function checkValue(key: KeyObject): string {
  return createHmac('sha256', key).update('koprogo-infra state key check 1').digest('base64');
}

function checked(key: KeyObject, header: KeyHeader, complaint: string): KeyObject {
  const same = timingSafeEqual(Buffer.from(checkValue(key), 'base64'), Buffer.from(header.check, 'base64'));
  if (!same) throw new WrongKey(complaint, { hints: ['the state is not damaged: try again with the right one'] });
  return key;
}

/** Strict: undefined unless encoding the bytes again gives the same text. */
function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
