import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { tryLock, unlock } from '../../edges/file-lock.js';
import { checkPrivate, readRegularFile, removeTemporaries, writeDurably } from '../../edges/files.js';
import { EXIT, InfraError, InputError, messageOf } from '../../errors.js';
import type { Secret } from '../../secret.js';
import type { KeptKey, KeyMemory } from '../hardening/locked-memory.js';
import { derivePassphraseKey, type KdfParameters, kdfParametersSchema, newKdfParameters } from '../passphrase-kdf.js';
import { type KeyBinding, type KeyProvider, type KeyVersion, UnknownKeyVersion, type WrappedKey, WrongKey } from '../provider.js';
import { rewrapHere, unwrapWith, wrapWith } from '../envelope/wrap.js';
import { say } from './words.js';

const KEY_BYTES = 32;
const MIN_PASSPHRASE = 20;
const MAX_FILE_BYTES = 1024 * 1024;
/** Writing the file takes some milliseconds, and more on a disk that is busy. */
const LOCK_WAIT_MS = 10_000;
const LOCK_PAUSE_MS = 10;

const keyFileSchema = z.strictObject({
  format: z.literal('koprogo-keys'),
  version: z.literal(1),
  /** Random; part of the key ids, so that another key file is recognised as such. */
  id: z.string().regex(/^[0-9a-f]{16}$/),
  protection: z.discriminatedUnion('by', [z.strictObject({ by: z.literal('nothing') }), z.strictObject({ by: z.literal('passphrase'), kdf: kdfParametersSchema })]),
  keys: z
    .array(
      z.strictObject({
        version: z.number().int().min(1).max(1_000_000),
        created: z.iso.datetime(),
        /** Base64 of the key itself (32 bytes), or wrapped under the passphrase (60 bytes); null once it was retired. */
        key: z.base64().max(200).nullable(),
      }),
    )
    .min(1)
    .max(10_000),
});
type KeyFile = z.infer<typeof keyFileSchema>;

export interface LocalKeysOptions {
  path: string;
  /** Asked only when it is needed: for a protected file, and for a new one. undefined for a new file: it is not protected. */
  passphrase: (purpose: 'open' | 'create') => Promise<Secret | undefined>;
  /** Whether a missing file may be made: only when nothing was encrypted yet. */
  mayCreate: boolean;
  fips: boolean;
  memory: KeyMemory;
  /** How long another process that changes the file is waited for, in ms. Default 10 s. */
  patience?: number;
}

interface OpenKeyFile {
  file: KeyFile;
  keys: Map<number, KeptKey>;
  /** The key that the passphrase gives; undefined where the file is not protected. */
  protector: KeptKey | undefined;
}

/**
 * Keys in a file on this computer, with versions, each wrapped under a key that a passphrase gives (Argon2id, or PBKDF2
 * in FIPS mode). Without a passphrase the file itself is all that protects them. Format in docs/formats.md.
 */
export class LocalKeys implements KeyProvider {
  readonly name = 'local';
  readonly where: string;
  readonly remote = false;
  #opened: Promise<OpenKeyFile> | undefined;

  constructor(private readonly options: LocalKeysOptions) {
    this.where = say('local.file', { path: options.path });
  }

  async versions(): Promise<KeyVersion[]> {
    const { file } = await this.#open();
    const current = currentOf(file);
    return file.keys
      .filter(({ key }) => key !== null)
      .map(({ version, created }) => ({ keyId: keyIdOf(file, version), version, created: new Date(created), current: version === current }));
  }

  async wrap(dataKey: Uint8Array, binding: KeyBinding): Promise<WrappedKey> {
    const { file } = await this.#open();
    const keyId = keyIdOf(file, currentOf(file));
    const key = await this.#key(keyId);
    return { keyId, wrapped: key.use((bytes) => wrapWith(bytes, dataKey, keyId, binding)) };
  }

  async unwrap({ keyId, wrapped }: WrappedKey, binding: KeyBinding): Promise<Buffer> {
    const key = await this.#key(keyId);
    return key.use((bytes) => unwrapWith(bytes, wrapped, keyId, binding));
  }

  rewrap(key: WrappedKey, binding: KeyBinding): Promise<WrappedKey> {
    return rewrapHere(this, key, binding);
  }

  async rotate(): Promise<string> {
    const { file, protector } = await this.#open();
    const version = currentOf(file) + 1;
    const key = randomBytes(KEY_BYTES);
    const entry = newEntry(version, key, file.id, protector);
    key.fill(0);
    await this.#save({ ...file, keys: [...file.keys, entry] });
    return keyIdOf(file, version);
  }

  async retire(keyId: string): Promise<void> {
    const { file } = await this.#open();
    const version = versionOf(keyId);
    if (version === currentOf(file)) throw new InputError(say('current', { keyId }), { hints: ['koprogo-infra keys rotate'] });
    await this.#key(keyId);
    await this.#save({ ...file, keys: file.keys.map((entry) => (entry.version === version ? { ...entry, key: null } : entry)) });
  }

  /** How the passphrase of the file becomes a key; undefined where the file has none. */
  async protection(): Promise<KdfParameters['kdf'] | undefined> {
    const { protection } = (await this.#open()).file;
    return protection.by === 'passphrase' ? protection.kdf.kdf : undefined;
  }

  /** Puts all keys under a new passphrase, or under none. The keys stay the same: nothing else is rewritten. */
  async protect(passphrase: Secret | undefined): Promise<void> {
    const { file, keys } = await this.#open();
    const { protection, protector } = await newProtection(passphrase, this.options);
    const entries = file.keys.map((entry) => {
      const key = keys.get(entry.version);
      return key ? { ...key.use((bytes) => newEntry(entry.version, bytes, file.id, protector)), created: entry.created } : entry;
    });
    protector?.wipe();
    await this.#replace(file, { ...file, protection, keys: entries });
    this.#forget(await this.#open());
    this.#opened = this.#load(passphrase && (() => Promise.resolve(passphrase)));
    await this.#opened;
  }

  async #key(keyId: string): Promise<KeptKey> {
    const { file, keys } = await this.#open();
    if (keyId !== keyIdOf(file, versionOf(keyId))) {
      throw new UnknownKeyVersion(say('local.other', { where: this.where, id: file.id, keyId: keyId.slice(0, 80) }), { hints: [say('local.point'), say('local.orPutBack')] });
    }
    const key = keys.get(versionOf(keyId));
    if (key) return key;
    const retired = file.keys.some(({ version }) => version === versionOf(keyId));
    throw new UnknownKeyVersion(say('local.lacks', { where: this.where, why: retired ? say('local.retired') : say('local.notYet'), keyId }), {
      hints: [retired ? say('local.before') : say('local.newest')],
    });
  }

  /** Writes the file and reads it back before anything goes by it. */
  async #save(file: KeyFile): Promise<void> {
    const opened = await this.#open();
    await this.#replace(opened.file, file);
    const again = await readKeyFile(this.options.path);
    if (!again) throw new InfraError(say('local.goneAgain', { where: this.where }));
    for (const key of opened.keys.values()) key.wipe();
    this.#opened = Promise.resolve({ file: again, keys: this.#unwrapAll(again, opened.protector), protector: opened.protector });
  }

  /** One process at a time, of whatever store: otherwise another could put its own in the place of `before` between the look and the writing. */
  async #replace(before: KeyFile, after: KeyFile): Promise<void> {
    const lock = `${this.options.path}.lock`;
    try {
      await this.#waitForLock(lock);
      try {
        await this.#expectUnchanged(before);
        await this.#write(after);
      } finally {
        unlock(lock);
      }
    } catch (cause) {
      if (cause instanceof InfraError) throw cause;
      throw new InfraError(say('local.unwritten', { where: this.where, reason: messageOf(cause) }), { hints: [`ls -ld ${dirname(this.options.path)}`], cause });
    }
  }

  async #waitForLock(lock: string): Promise<void> {
    const until = Date.now() + (this.options.patience ?? LOCK_WAIT_MS);
    for (let owner = tryLock(lock); owner; owner = tryLock(lock)) {
      if (Date.now() > until) {
        throw new InfraError(say('local.held', { where: this.where, pid: owner.pid, host: owner.host }), { exitCode: EXIT.busy, hints: [say('again'), say('local.held.ended', { lock })] });
      }
      await delay(LOCK_PAUSE_MS);
    }
  }

  async #write(file: KeyFile, exclusive = false): Promise<void> {
    await writeDurably(this.options.path, `${JSON.stringify(file, null, 2)}\n`, { exclusive });
    // A copy that a killed process left would outlive a retirement, or a passphrase.
    await removeTemporaries(this.options.path);
  }

  /** A version that another command made since this one read the file would be written over, and what is encrypted under it lost. */
  async #expectUnchanged(file: KeyFile): Promise<void> {
    if (JSON.stringify(await readKeyFile(this.options.path)) === JSON.stringify(file)) return;
    throw new InfraError(say('local.changed', { where: this.where }), { exitCode: EXIT.busy, hints: [say('again')] });
  }

  #open(): Promise<OpenKeyFile> {
    this.#opened ??= this.#load(() => this.options.passphrase('open')).catch((error: unknown) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #load(askPassphrase?: () => Promise<Secret | undefined>): Promise<OpenKeyFile> {
    const file = (await readKeyFile(this.options.path)) ?? (await this.#create());
    if (file.protection.by === 'nothing') return { file, keys: this.#unwrapAll(file, undefined), protector: undefined };
    const passphrase = await askPassphrase?.();
    if (!passphrase) {
      throw new InputError(say('local.passphrase', { where: this.where }), { hints: [say('local.set'), say('local.terminal')] });
    }
    // While somebody typed, a version may have been made or retired: under one that is retired nothing must be encrypted any more.
    const newest = (await readKeyFile(this.options.path)) ?? file;
    if (newest.protection.by === 'nothing') return { file: newest, keys: this.#unwrapAll(newest, undefined), protector: undefined };
    const protector = this.options.memory.keep(await derivePassphraseKey(passphrase, newest.protection.kdf));
    return { file: newest, keys: this.#unwrapAll(newest, protector), protector };
  }

  async #create(): Promise<KeyFile> {
    const { path, mayCreate, passphrase } = this.options;
    if (!mayCreate) {
      throw new InputError(say('local.missing', { where: this.where }), {
        hints: [say('local.putBack'), say('local.orPoint'), say('local.without')],
      });
    }
    const id = randomBytes(8).toString('hex');
    const { protection, protector } = await newProtection(await passphrase('create'), this.options);
    const key = randomBytes(KEY_BYTES);
    const file: KeyFile = { format: 'koprogo-keys', version: 1, id, protection, keys: [newEntry(1, key, id, protector)] };
    key.fill(0);
    protector?.wipe();
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await this.#write(file, true).catch((error: unknown) => {
      throw new InputError(say('local.unmade', { where: this.where, reason: error instanceof Error ? error.message : String(error) }), { cause: error });
    });
    return file;
  }

  #forget({ keys, protector }: OpenKeyFile): void {
    for (const key of keys.values()) key.wipe();
    protector?.wipe();
  }

  #unwrapAll(file: KeyFile, protector: KeptKey | undefined): Map<number, KeptKey> {
    const keys = new Map<number, KeptKey>();
    for (const { version, key } of file.keys) {
      if (key !== null) keys.set(version, this.options.memory.keep(unwrapEntry(file, version, key, protector, this.where)));
    }
    return keys;
  }
}

async function newProtection(
  passphrase: Secret | undefined,
  { fips, memory }: Pick<LocalKeysOptions, 'fips' | 'memory'>,
): Promise<{ protection: KeyFile['protection']; protector: KeptKey | undefined }> {
  if (!passphrase) return { protection: { by: 'nothing' }, protector: undefined };
  if (passphrase.reveal().length < MIN_PASSPHRASE) throw new InputError(say('local.short', { minPassphrase: MIN_PASSPHRASE }));
  const kdf: KdfParameters = newKdfParameters({ fips });
  return { protection: { by: 'passphrase', kdf }, protector: memory.keep(await derivePassphraseKey(passphrase, kdf)) };
}

function newEntry(version: number, key: Uint8Array, id: string, protector: KeptKey | undefined): KeyFile['keys'][number] {
  const stored = protector ? protector.use((bytes) => wrapWith(bytes, key, fileKeyId(id, version), fileBinding(id))) : Buffer.from(key);
  return { version, created: new Date().toISOString(), key: stored.toString('base64') };
}

function unwrapEntry({ id }: KeyFile, version: number, stored: string, protector: KeptKey | undefined, where: string): Buffer {
  const bytes = Buffer.from(stored, 'base64');
  try {
    const key = protector ? protector.use((passphraseKey) => unwrapWith(passphraseKey, bytes, fileKeyId(id, version), fileBinding(id))) : bytes;
    if (key.length !== KEY_BYTES) throw damaged(where, `version ${version} has not ${KEY_BYTES} bytes`);
    return key;
  } catch (error) {
    if (error instanceof WrongKey) throw new WrongKey(say('local.wrong', { where }), { hints: [say('local.try')], cause: error });
    throw error;
  }
}

async function readKeyFile(path: string): Promise<KeyFile | undefined> {
  const content = await readRegularFile(path, MAX_FILE_BYTES);
  if (!content) return undefined;
  await checkPrivate(path);
  const where = say('local.file', { path });
  let value: unknown;
  try {
    value = JSON.parse(content.toString('utf8'));
  } catch {
    // No cause: the message of JSON.parse quotes the text.
    throw damaged(where, say('local.json'));
  } finally {
    content.fill(0);
  }
  if (z.object({ format: z.literal('koprogo-keys'), version: z.number().min(2) }).safeParse(value).success) throw damaged(where, say('local.newer'));
  const read = keyFileSchema.safeParse(value);
  if (!read.success) throw damaged(where, [...new Set(read.error.issues.map(({ path: at, code }) => `${at.map(String).join('.') || say('local.theFile')}: ${code}`))].join('; '));
  return read.data;
}

function damaged(where: string, why: string): InfraError {
  return new InfraError(say('unusable', { where, why }), { hints: [say('local.putItBack')] });
}

function currentOf(file: KeyFile): number {
  return Math.max(...file.keys.map(({ version }) => version));
}

function keyIdOf({ id }: KeyFile, version: number): string {
  return `local:${id}:${version}`;
}

function versionOf(keyId: string): number {
  return Number(/:([1-9]\d{0,6})$/.exec(keyId)?.[1] ?? 0);
}

const fileKeyId = (id: string, version: number) => `passphrase:${id}:${version}`;
const fileBinding = (id: string): KeyBinding => ({ installation: id, kind: 'key-file', name: 'key' });
