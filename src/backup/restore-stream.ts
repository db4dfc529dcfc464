import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { createGunzip } from 'node:zlib';
import { decrypt, type PrivateKey, readMessage } from 'openpgp';
import { InfraError, messageOf } from '../errors.js';
import type { ObjectStore } from '../edges/object-store.js';
import { otherKey } from '../keys/recovery/recovery-key.js';
import { objectKey } from './layout.js';
import type { Manifest, ManifestObject } from './manifest.js';
import { say } from './words.js';

/** openpgp.js holds several chunks at once: with 1 MiB chunks 1 GiB took 1.1 GiB of memory, with 64 KiB it stays flat. */
const CHUNK = 64 * 1024;

/** One backup in a bucket, and the unlocked key that opens it. */
export interface BackupSource {
  store: Pick<ObjectStore, 'get' | 'where'>;
  prefix: string;
  manifest: Manifest;
  privateKey: PrivateKey;
  signal?: AbortSignal;
  /** Seconds after which a decryption that neither asks for more ciphertext nor gives anything counts as failed. Default 20. */
  silenceSeconds?: number;
}

/** The stored bytes are not those that the manifest describes, or not what their own checksums say. */
export class DamagedBackup extends InfraError {
  override readonly name = 'DamagedBackup';
}

/** Throws InputError, naming both fingerprints, when the backup is encrypted to another key. */
export function checkKey(source: Pick<BackupSource, 'manifest' | 'privateKey'>): void {
  const found = source.privateKey.getFingerprint().toUpperCase();
  const expected = source.manifest.recoveryKey.fingerprint;
  if (found !== expected) throw otherKey(found, expected);
}

/**
 * The plaintext of one object of a backup, as a stream of constant memory: downloaded, decrypted, decompressed.
 *
 * The pieces come BEFORE the checks at the end: openpgp.js could only give verified data by holding all of it.
 * So nothing may be made permanent until this generator has returned. It throws DamagedBackup where sizes or SHA-256
 * of ciphertext or plaintext differ from the manifest, the OpenPGP integrity check fails, or gunzip finds no proper end.
 * @param onBytes is told how many bytes of ciphertext have come so far
 */
export async function* openObject(source: BackupSource, object: ManifestObject, onBytes: (bytes: number) => void = () => undefined): AsyncGenerator<Buffer, void> {
  const key = objectKey(source.prefix, source.manifest.id, object.file);
  const what = say('stream.object', { key, where: source.store.where });
  checkKey(source);
  const { signal } = source;
  signal?.throwIfAborted();
  const download = await source.store.get(key);
  const abort = () => {
    download.destroy(signal?.reason instanceof Error ? signal.reason : new InfraError(say('stream.interrupted')));
  };
  signal?.addEventListener('abort', abort, { once: true });
  const gunzip = createGunzip({ chunkSize: CHUNK });
  const watch = new Watch(what, source.silenceSeconds ?? 20);
  // Whoever waits for the next piece of plaintext learns of the failure by this.
  watch.failed.catch((error: unknown) => gunzip.destroy(error instanceof Error ? error : undefined));
  const ciphertext = Readable.from(watched(download, object, what, onBytes, watch), { objectMode: false, highWaterMark: CHUNK });
  // Whoever reads a stream learns of its error; one that is no longer read, or not yet, must not end the process.
  for (const stream of [download, gunzip, ciphertext]) stream.on('error', () => undefined);
  let compressed: Readable | undefined;
  try {
    compressed = Readable.fromWeb(await Promise.race([watch.during(decrypted(ciphertext, source.privateKey, what)), watch.failed]));
    // pipe() does not pass errors on: a broken source would look like one that is merely slow.
    compressed.on('error', (error) => gunzip.destroy(error));
    compressed.pipe(gunzip);
    yield* checkedPlaintext(gunzip, object, what, watch);
  } catch (error) {
    throw asDamage(watch.failure ?? error, what);
  } finally {
    watch.end();
    signal?.removeEventListener('abort', abort);
    gunzip.destroy();
    compressed?.destroy();
    ciphertext.destroy();
    download.destroy();
  }
}

/**
 * Watches over openpgp.js, which on some damaged messages (about one in a hundred with a garbled first block; seen with
 * 6.3.2) neither fails nor goes on: it stops reading, and an error of its source then never comes out at its end.
 */
class Watch {
  failure: unknown;
  /** The download is what everybody waits for; the object store has time limits of its own. */
  downloading = false;
  #waiting = false;
  #moved = Date.now();
  #reject: (error: unknown) => void = () => undefined;
  readonly failed = new Promise<never>((_, reject) => (this.#reject = reject));
  readonly #timer: NodeJS.Timeout;

  constructor(what: string, silenceSeconds: number) {
    this.#timer = setInterval(() => {
      const silent = Date.now() - this.#moved > silenceSeconds * 1000;
      if (this.#waiting && !this.downloading && silent) this.fail(new DamagedBackup(say('stream.standstill', { what })));
    }, 250);
  }

  moved(): void {
    this.#moved = Date.now();
  }

  fail(error: unknown): void {
    this.failure ??= error;
    this.#reject(error);
  }

  /**
   * Watches while `work` is waited for. Not a race with `failed`: a promise that lives as long as the stream would keep
   * every piece that was ever raced with it, and memory would grow with the backup.
   */
  async during<T>(work: Promise<T>): Promise<T> {
    this.moved();
    this.#waiting = true;
    try {
      return await work;
    } finally {
      this.#waiting = false;
    }
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

/** Passes the ciphertext on and, at its end, compares it with the manifest before openpgp.js learns of the end. */
async function* watched(
  download: Readable,
  object: ManifestObject,
  what: string,
  onBytes: (bytes: number) => void,
  watch: Watch,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    watch.downloading = true;
    for await (const chunk of download as AsyncIterable<Buffer>) {
      watch.downloading = false;
      watch.moved();
      bytes += chunk.length;
      if (bytes > object.ciphertextBytes) throw new DamagedBackup(say('stream.longer', { what, ciphertextBytes: object.ciphertextBytes }));
      hash.update(chunk);
      onBytes(bytes);
      for (let at = 0; at < chunk.length; at += CHUNK) yield chunk.subarray(at, at + CHUNK);
      watch.moved();
      watch.downloading = true;
    }
    watch.downloading = false;
    if (bytes < object.ciphertextBytes) throw new DamagedBackup(say('stream.cut', { what, bytes, ciphertextBytes: object.ciphertextBytes }));
    if (hash.digest('hex') !== object.ciphertextSha256) {
      throw new DamagedBackup(say('stream.hash', { what }));
    }
  } catch (error) {
    watch.fail(error);
    throw error;
  }
}

async function decrypted(ciphertext: Readable, privateKey: PrivateKey, what: string): Promise<ReadableStream<Uint8Array>> {
  const message = await readMessage({ binaryMessage: Readable.toWeb(ciphertext) as ReadableStream<Uint8Array> });
  const recipients = message.getEncryptionKeyIDs();
  const own = privateKey.getKeyIDs();
  if (!recipients.some((id) => own.some((mine) => mine.equals(id, true)))) {
    const named = recipients.map((id) => id.toHex().toUpperCase()).join(', ') || say('stream.none');
    throw new DamagedBackup(say('stream.otherKeys', { what, named, expected: privateKey.getFingerprint().toUpperCase() }));
  }
  // openpgp's own type of the stream names a package that it does not bring along.
  const result: { data: unknown } = await decrypt({
    message,
    decryptionKeys: privateKey,
    format: 'binary',
    // Stream the data before the integrity check at its end; the consumers of openObject wait for that end.
    config: { allowUnauthenticatedStream: true },
  });
  return result.data as ReadableStream<Uint8Array>;
}

async function* checkedPlaintext(gunzip: Readable, object: ManifestObject, what: string, watch: Watch): AsyncGenerator<Buffer, void> {
  const hash = createHash('sha256');
  let bytes = 0;
  const pieces = gunzip[Symbol.asyncIterator]() as AsyncIterableIterator<Buffer>;
  for (;;) {
    const next = await watch.during(pieces.next());
    if (next.done === true) break;
    const chunk = next.value;
    bytes += chunk.length;
    if (bytes > object.plaintextBytes) throw new DamagedBackup(say('stream.more', { what, plaintextBytes: object.plaintextBytes }));
    hash.update(chunk);
    yield chunk;
  }
  if (bytes !== object.plaintextBytes || hash.digest('hex') !== object.plaintextSha256) {
    throw new DamagedBackup(say('stream.content', { what, bytes, plaintextBytes: object.plaintextBytes }));
  }
}

function asDamage(error: unknown, what: string): unknown {
  if (error instanceof InfraError || (error instanceof Error && error.name === 'AbortError')) return error;
  return new DamagedBackup(say('stream.broken', { what, why: messageOf(error) }), {
    hints: [say('olderBackup'), 'koprogo-infra backup verify ID'],
    cause: error,
  });
}
