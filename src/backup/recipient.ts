import { randomBytes } from 'node:crypto';
import { ReadableStream } from 'node:stream/web';
import { createMessage, encrypt, enums, type Key, type PublicKey, readKey } from 'openpgp';
import { InfraError, messageOf } from '../errors.js';
import { say } from './words.js';

/** How long before the key's last day every backup warns. */
const WARN_DAYS = 60;
const DAY_MS = 24 * 3600 * 1000;
/** With chunks of 1 MiB openpgp.js grew to 1.1 GiB for 1 GiB of input; with 64 KiB it stays flat. */
const CHUNK_BYTES = 64 * 1024;
const SESSION_KEY_BYTES = 32;

/** The recovery key's public half, fit to encrypt to now. */
export interface Recipient {
  key: PublicKey;
  /** Of the primary key, 40 upper-case hexadecimal digits. */
  fingerprint: string;
  /** When it or its encryption subkey stops being usable; undefined when never. */
  expires: Date | undefined;
  /** A sentence when that day is near. */
  warning: string | undefined;
}

/**
 * Reads the armored public key. Throws InfraError when it is not one, is a private key, is not the key of the expected
 * fingerprint, cannot encrypt, is revoked, or has expired at `now`.
 */
export async function readRecipient(armored: string, expected: { fingerprint: string }, now = new Date()): Promise<Recipient> {
  const key = await parse(armored);
  const fingerprint = key.getFingerprint().toUpperCase();
  if (fingerprint !== expected.fingerprint.toUpperCase()) {
    throw new InfraError(say('key.other', { fingerprint, expected: expected.fingerprint }), { hints: ['koprogo-infra setup'] });
  }
  const short = fingerprint.slice(-16);
  let subkey;
  try {
    subkey = await key.getEncryptionKey(undefined, now);
  } catch (cause) {
    const expired = await firstExpiry(key);
    const why = expired && expired <= now ? say('key.expired', { day: dayOf(expired) }) : say('key.cannot', { why: messageOf(cause) });
    throw new InfraError(say('key.unusable', { short, why }), {
      hints: [say('key.prolong', { fingerprint }), say('key.install')],
      cause,
    });
  }
  const expires = earliest(await expiryOf(key), await expiryOf(subkey));
  const days = expires && Math.floor((expires.getTime() - now.getTime()) / DAY_MS);
  const warning =
    expires && days !== undefined && days <= WARN_DAYS ? say('key.expires', { short, day: dayOf(expires), days }) : undefined;
  return { key, fingerprint, expires, warning };
}

/**
 * Encrypts to the recipient: one PKESK packet and one SEIPDv1 packet (AES-256, MDC), binary, not compressed by OpenPGP,
 * not signed. GnuPG 2.2 and everything newer reads it. The session key is our own, because a recipient's stated
 * preferences could otherwise turn the message into one that GnuPG cannot open (SEIPDv2) or into AES-128.
 */
export async function* encryptTo(recipient: Recipient, source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const message = await createMessage({ binary: webStream(source), format: 'binary' });
  // The types of its web streams are in a package that openpgp.js does not bring along; it gives what it was given.
  const encrypted: unknown = await encrypt({
    message,
    encryptionKeys: recipient.key,
    sessionKey: { data: randomBytes(SESSION_KEY_BYTES), algorithm: 'aes256' },
    format: 'binary',
    config: { preferredCompressionAlgorithm: enums.compression.uncompressed },
  });
  yield* encrypted as ReadableStream<Uint8Array>;
}

/** A web stream in small pieces that takes from the source only when it is asked. */
function webStream(source: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = inChunks(source);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await iterator.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* inChunks(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES) yield chunk.subarray(at, at + CHUNK_BYTES);
  }
}

async function parse(armored: string): Promise<PublicKey> {
  let key;
  try {
    key = await readKey({ armoredKey: armored });
  } catch (cause) {
    throw new InfraError(say('key.unreadable', { why: messageOf(cause) }), { hints: ['koprogo-infra setup'], cause });
  }
  if (key.isPrivate()) {
    throw new InfraError(say('key.private'), { hints: [say('key.private.hint')] });
  }
  return key.toPublic();
}

async function firstExpiry(key: Key): Promise<Date | undefined> {
  const all = await Promise.all([key, ...key.getSubkeys()].map((part) => expiryOf(part).catch(() => undefined)));
  return earliest(...all);
}

/** openpgp.js says Infinity for never and null for a key that was never valid. */
async function expiryOf(key: { getExpirationTime(): Promise<Date | typeof Infinity | null> }): Promise<Date | undefined> {
  const time = await key.getExpirationTime();
  return time instanceof Date ? time : undefined;
}

function earliest(...times: (Date | undefined)[]): Date | undefined {
  return times.filter((time) => time !== undefined).sort((a, b) => a.getTime() - b.getTime())[0];
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10);
}
