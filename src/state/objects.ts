import { audited, type AuditLog } from '../keys/audit/audit.js';
import type { DataKeys } from '../keys/data-keys.js';
import { describeObject, EnvelopeDamaged, open, sealParts } from '../keys/envelope/envelope.js';
import { decodeHead, type EnvelopeContext, NotAnEnvelope, replaceKey } from '../keys/envelope/envelope-format.js';
import { InfraError } from '../errors.js';
import { type Meter, metered } from '../keys/metrics/meter.js';
import { type Backend, Conflict, type StoredObject } from './backends/backend.js';
import type { NameCipher, ObjectName } from './names.js';
import type { Seen } from './seen.js';
import { say } from './words.js';

const SERIAL_BYTES = 8;
/** An object that somebody else writes so often in a row is not encrypted anew here. */
const RE_ENCRYPT_ATTEMPTS = 5;

/** Which writing of an object the backend holds. */
export interface Stored {
  serial: number;
  revision: string;
}

/** An object in clear, as it was read. */
export interface OpenedObject extends Stored {
  plain: Buffer;
}

/** Which key an object needs, without opening it. */
export interface KeyUse {
  object: ObjectName;
  keyId: string;
  bytes: number;
}

/** An object of the store is older than what this computer has seen of it before. */
export class Replayed extends InfraError {
  override readonly name = 'Replayed';

  constructor(object: ObjectName, found: number, seen: number) {
    super(say('replayed', { object: describeObject(object), time: timeOf(found), known: timeOf(seen) }), {
      hints: [
        say('replayed.who'),
        say('replayed.accept', { name: object.name, installation: object.installation }),
      ],
    });
  }
}

/**
 * The encrypted objects of a store. The backend sees ids without meaning and, for each, 8 bytes of serial (big-endian)
 * and an envelope. The serial is bound into the envelope; it is the time of writing in milliseconds, or one more than
 * the last one where a clock went back, so that also an object that was removed and made again goes on upwards.
 */
export class EncryptedObjects {
  constructor(
    readonly backend: Backend,
    private readonly keys: DataKeys,
    private readonly names: NameCipher,
    private readonly seen: Seen,
    private readonly audit: AuditLog,
    private readonly onePieceUpTo?: number,
    private readonly meter?: Meter,
  ) {}

  /** Throws EnvelopeDamaged, Replayed, and what the backend and the key provider throw. */
  async read(object: ObjectName): Promise<OpenedObject | undefined> {
    const id = this.names.encrypt(object);
    const stored = await this.backend.read(id);
    return stored && this.#open(object, id, stored);
  }

  async #open(object: ObjectName, id: string, stored: StoredObject): Promise<OpenedObject> {
    const { context, envelope } = split(object, stored);
    const { serial } = context;
    const plain = await audited(this.audit, { operation: 'decrypt', keyId: headOf(object, stored).keyId, object: { ...object, serial } }, () =>
      metered(this.meter, 'decrypt', async () => {
        const opened = await open(envelope, context, (key) => this.keys.unwrap(key, object));
        const known = await this.seen.serial(id);
        if (serial >= known) return opened;
        opened.fill(0);
        throw new Replayed(object, serial, known);
      }),
    );
    await this.seen.note(id, serial);
    return { plain, serial, revision: stored.revision };
  }

  /** Writes over what was read, or what was not there. Throws Conflict (exit code "busy") when somebody else has written since. */
  async write(object: ObjectName, plain: Uint8Array, before: Stored | 'absent'): Promise<Stored> {
    return this.#write(object, plain, before, 0, (id, bytes) => this.backend.write(id, bytes, before));
  }

  /** `store` stores the bytes over `before` and returns the new revision. The serial is `least`, or more. */
  async #write(object: ObjectName, plain: Uint8Array, before: Stored | 'absent', least: number, store: (id: string, bytes: Buffer) => Promise<string>): Promise<Stored> {
    const id = this.names.encrypt(object);
    const serial = Math.max(Date.now(), least, (before === 'absent' ? 0 : before.serial) + 1, (await this.seen.serial(id)) + 1);
    const { keyId, bytes } = await metered(this.meter, 'encrypt', async () => {
      const key = await this.keys.make(object);
      try {
        return { keyId: key.wrapped.keyId, bytes: join(serial, sealParts(key, { ...object, serial }, plain, this.onePieceUpTo)) };
      } finally {
        key.plain.fill(0);
      }
    });
    const revision = await audited(this.audit, { operation: 'encrypt', keyId, object: { ...object, serial } }, () => store(id, bytes));
    await this.seen.note(id, serial);
    return { serial, revision };
  }

  async remove(object: ObjectName, expected: { revision: string }): Promise<void> {
    await audited(this.audit, { operation: 'remove', object }, () => this.backend.remove(this.names.encrypt(object), expected));
  }

  /** What a write would write over, without opening it: also what is damaged, with serial 0 where it has none. */
  async stat(object: ObjectName): Promise<Stored | undefined> {
    const stored = await this.backend.read(this.names.encrypt(object));
    return stored && { serial: serialOf(stored), revision: stored.revision };
  }

  /** Every object, sorted by installation, kind and name. Ids that were not made with this store's key are left out. */
  async list(): Promise<ObjectName[]> {
    const found = (await this.backend.ids()).map((id) => this.names.decrypt(id)).filter((object) => object !== undefined);
    const text = ({ installation, kind, name }: ObjectName) => `${installation}/${kind}/${name}`;
    return found.sort((a, b) => (text(a) < text(b) ? -1 : 1));
  }

  async keyUse(object: ObjectName): Promise<KeyUse | undefined> {
    const stored = await this.backend.read(this.names.encrypt(object));
    if (!stored) return undefined;
    return { object, keyId: headOf(object, stored).keyId, bytes: stored.bytes.length };
  }

  /** Wraps the data key of an object anew, where it is not under the current key yet; its content stays byte for byte. Reads back what was written. */
  async rewrap(object: ObjectName, currentKeyId: string): Promise<'current' | 'rewrapped' | 'gone'> {
    const id = this.names.encrypt(object);
    const stored = await this.backend.read(id);
    if (!stored) return 'gone';
    const key = headOf(object, stored);
    if (key.keyId === currentKeyId) return 'current';
    const { context, envelope } = split(object, stored);
    const rewrapped = join(context.serial, [replaceKey(envelope, await this.keys.provider.rewrap(key, object))]);
    await open(split(object, { bytes: rewrapped, revision: '' }).envelope, context, (wrapped) => this.keys.provider.unwrap(wrapped, object)).then((plain) => plain.fill(0));
    await audited(this.audit, { operation: 'rewrap', keyId: currentKeyId, object: { ...object, serial: context.serial } }, () => this.backend.write(id, rewrapped, { revision: stored.revision }));
    const again = await this.backend.read(id);
    if (!again?.bytes.equals(rewrapped)) throw notHeld(this.backend, object);
    return 'rewrapped';
  }

  /**
   * Gives an object a fresh data key and encrypts its content anew, in memory, with a new serial of `least` or more, unless
   * `isDone` says that what was opened needs it no more. The new envelope is opened before it is stored and read back
   * afterwards: only then it counts. Somebody who writes meanwhile wins. Throws as `read` and `write` do.
   */
  async reEncrypt(object: ObjectName, least: number, isDone: (serial: number, keyId: string) => boolean): Promise<'current' | 're-encrypted' | 'gone'> {
    const id = this.names.encrypt(object);
    for (let attempt = 1; ; attempt++) {
      const stored = await this.backend.read(id);
      if (!stored) return 'gone';
      const opened = await this.#open(object, id, stored);
      try {
        if (isDone(opened.serial, headOf(object, stored).keyId)) return 'current';
        await this.#write(object, opened.plain, opened, least, (_, bytes) => this.#storeProven(object, id, bytes, opened));
        return 're-encrypted';
      } catch (error) {
        if (!(error instanceof Conflict) || attempt === RE_ENCRYPT_ATTEMPTS) throw error;
      } finally {
        opened.plain.fill(0);
      }
    }
  }

  /** The key is asked for anew, past the cache: a service that wraps what it cannot unwrap is found out while the old bytes are still there. */
  async #storeProven(object: ObjectName, id: string, bytes: Buffer, before: OpenedObject): Promise<string> {
    const { context, envelope } = split(object, { bytes, revision: '' });
    const again = await open(envelope, context, (key) => this.keys.provider.unwrap(key, object));
    const isEqual = again.equals(before.plain);
    again.fill(0);
    if (!isEqual) throw new InfraError(say('object.unequal', { object: describeObject(object) }));
    const revision = await this.backend.write(id, bytes, before);
    if ((await this.backend.read(id))?.bytes.equals(bytes) !== true) throw notHeld(this.backend, object);
    return revision;
  }

  /** The operator says that the stored content is right, though an older one: from now on it is taken for the newest. */
  async accept(object: ObjectName): Promise<boolean> {
    const id = this.names.encrypt(object);
    const stored = await this.backend.read(id);
    if (!stored) return false;
    await this.seen.accept(id, split(object, stored).context.serial);
    return true;
  }
}

function split(object: ObjectName, stored: StoredObject): { context: EnvelopeContext; envelope: Buffer } {
  const context = { ...object, serial: serialOf(stored) };
  if (context.serial === 0) throw new EnvelopeDamaged(context, say('object.unencrypted'));
  return { context, envelope: stored.bytes.subarray(SERIAL_BYTES) };
}

/** 0 for what cannot be one. */
function serialOf({ bytes }: StoredObject): number {
  const serial = bytes.length < SERIAL_BYTES ? 0n : bytes.readBigUInt64BE();
  return serial > BigInt(Number.MAX_SAFE_INTEGER) ? 0 : Number(serial);
}

function join(serial: number, envelope: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(SERIAL_BYTES);
  head.writeBigUInt64BE(BigInt(serial));
  return Buffer.concat([head, ...envelope]);
}

function headOf(object: ObjectName, stored: StoredObject) {
  const { context, envelope } = split(object, stored);
  try {
    const head = decodeHead(envelope);
    if (!head) throw new NotAnEnvelope(say('object.short'));
    return head.key;
  } catch (error) {
    if (error instanceof NotAnEnvelope) throw new EnvelopeDamaged(context, error.message, error);
    throw error;
  }
}

function notHeld({ where }: Backend, object: ObjectName): InfraError {
  return new InfraError(say('object.lost', { where, object: describeObject(object) }), { hints: [say('again')] });
}

function timeOf(serial: number): string {
  const time = new Date(serial);
  return Number.isNaN(time.getTime()) ? say('time') : time.toISOString();
}
