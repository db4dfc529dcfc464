import { z } from 'zod';
import { InfraError, RefusedError } from '../errors.js';
import { type DataKey, decrypt, describeObject, encrypt } from '../keys/envelope/envelope.js';
import type { Store } from './installations.js';
import type { ObjectName } from './names.js';
import { say } from './words.js';

/** A document on its way from one store to another. */
export interface Carried {
  object: ObjectName;
  serial: number;
  plain: Buffer;
}

export interface TransferCount {
  written: number;
  /** Were there already, equal. */
  equal: number;
}

const EXPORT = { installation: 'store', kind: 'export', name: 'export' };
const SERIAL_BYTES = 8;
const MAX_LINE = 96 * 1024 * 1024;

const lineSchema = z.strictObject({ installation: z.string(), kind: z.literal('document'), name: z.string(), serial: z.number().int().positive(), content: z.base64() });

/** All documents of a store, one after another; locks are of no use elsewhere. Whoever takes one wipes it. */
export async function* documentsOf(store: Store): AsyncGenerator<Carried> {
  for (const object of (await store.objects.list()).filter(({ kind }) => kind === 'document')) {
    const found = await store.objects.read(object);
    if (found) yield { object, serial: found.serial, plain: found.plain };
  }
}

/**
 * Writes documents into a store, reads each back and compares. One that is there and equal is left; one that differs is
 * written over when it is older than what comes, and refused otherwise, unless `replace`. Broken off, it can be repeated.
 */
export async function carryInto(store: Store, documents: AsyncIterable<Carried>, options: { replace: boolean; tell: (count: number) => void }): Promise<TransferCount> {
  const count: TransferCount = { written: 0, equal: 0 };
  for await (const { object, serial, plain } of documents) {
    try {
      const present = await store.objects.read(object);
      const equal = present?.plain.equals(plain) === true;
      present?.plain.fill(0);
      if (equal) count.equal += 1;
      else {
        if (present && present.serial > serial && !options.replace) throw newer(store, object);
        await store.objects.write(object, plain, present ?? 'absent');
        await proveStored(store, object, plain);
        count.written += 1;
      }
    } finally {
      plain.fill(0);
    }
    options.tell(count.written + count.equal);
  }
  return count;
}

/** All documents as one encrypted stream, under the store's current key. Specified in docs/formats.md. */
export async function* exportStream(store: Store): AsyncGenerator<Buffer> {
  const serial = Date.now();
  const key: DataKey = await store.keys.make(EXPORT);
  const head = Buffer.alloc(SERIAL_BYTES);
  head.writeBigUInt64BE(BigInt(serial));
  try {
    yield head;
    const pieces = encrypt(exportLines(store), { ...EXPORT, serial }, key);
    yield* store.beside.meter ? store.beside.meter.encryptionStream('encrypt', pieces) : pieces;
  } finally {
    key.plain.fill(0);
  }
}

/** The documents of an export. Throws EnvelopeDamaged when it is damaged or cut, WrongKey or UnknownKeyVersion for other keys. */
export async function* readExport(store: Store, file: Buffer): AsyncGenerator<Carried> {
  if (file.length < SERIAL_BYTES) throw new InfraError(say('export.short'));
  const serial = Number(file.readBigUInt64BE());
  let rest = Buffer.alloc(0);
  const chunks = decrypt([file.subarray(SERIAL_BYTES)], { ...EXPORT, serial }, (key) => store.keys.unwrap(key, EXPORT));
  for await (const chunk of store.beside.meter ? store.beside.meter.encryptionStream('decrypt', chunks) : chunks) {
    rest = Buffer.concat([rest, chunk]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      yield parseLine(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_LINE) throw new InfraError(say('export.long'));
  }
  if (rest.length > 0) throw new InfraError(say('export.middle'));
}

async function* exportLines(store: Store): AsyncGenerator<Buffer> {
  for await (const { object, serial, plain } of documentsOf(store)) {
    const line = Buffer.from(`${JSON.stringify({ ...object, serial, content: plain.toString('base64') })}\n`);
    plain.fill(0);
    yield line;
  }
}

function parseLine(line: Buffer): Carried {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    throw new InfraError(say('export.json'));
  }
  const read = lineSchema.safeParse(value);
  if (!read.success) throw new InfraError(say('export.unexpected'), { hints: [say('newer')] });
  const { content, serial, ...object } = read.data;
  return { object, serial, plain: Buffer.from(content, 'base64') };
}

async function proveStored(store: Store, object: ObjectName, plain: Buffer): Promise<void> {
  const again = await store.objects.read(object);
  if (!again?.plain.equals(plain)) throw new InfraError(say('object.lost', { where: store.objects.backend.where, object: describeObject(object) }), { hints: [say('again')] });
  again.plain.fill(0);
}

function newer(store: Store, object: ObjectName): RefusedError {
  return new RefusedError(say('newerThere', { object: describeObject(object), where: store.objects.backend.where }), { hints: [say('newerThere.replace')] });
}
