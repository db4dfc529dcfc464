import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { decrypt, type PrivateKey, readMessage } from 'openpgp';
import { z } from 'zod';
import { encryptTo, readRecipient } from '../../backup/recipient.js';
import { InfraError } from '../../errors.js';
import type { StateStore } from '../../state/store.js';
import { say } from './words.js';

export const REHEARSAL_DOCUMENT = 'rehearsal';
/** Ten years of quarters. */
const KEPT = 40;

const rehearsalSchema = z.object({
  at: z.iso.datetime(),
  /** Whether the shares opened the recovery key. */
  result: z.enum(['opened', 'failed']),
  fingerprint: z.string(),
  set: z.string(),
  /** Which shares were there. */
  shares: z.array(z.number().int()),
});
export type Rehearsal = z.infer<typeof rehearsalSchema>;

/** The newest stands last. */
export const rehearsalsSchema = z.object({ version: z.literal(1), rehearsals: z.array(rehearsalSchema) });

export async function recordRehearsal(state: StateStore, rehearsal: Rehearsal): Promise<void> {
  const stored = await state.get(REHEARSAL_DOCUMENT, rehearsalsSchema);
  await state.put(REHEARSAL_DOCUMENT, { version: 1, rehearsals: [...(stored?.rehearsals ?? []), rehearsal].slice(-KEPT) });
}

/**
 * Encrypts a message that nobody knew before to the public key, the very way backups are encrypted, and decrypts it with
 * the private key. Throws InfraError when that does not give the message again, or the public key cannot encrypt.
 */
export async function proveDecryption(publicKey: string, privateKey: PrivateKey): Promise<void> {
  const recipient = await readRecipient(publicKey, { fingerprint: privateKey.getFingerprint() });
  const message = randomBytes(64);
  const sealed: Uint8Array[] = [];
  for await (const piece of encryptTo(recipient, Readable.from([message]))) sealed.push(piece);
  let opened: { data: unknown };
  try {
    opened = await decrypt({ message: await readMessage({ binaryMessage: new Uint8Array(Buffer.concat(sealed)) }), decryptionKeys: privateKey, format: 'binary' });
  } catch (cause) {
    throw new InfraError(say('rehearsal.fails'), { cause });
  }
  if (!(opened.data instanceof Uint8Array) || !message.equals(opened.data)) throw new InfraError(say('rehearsal.differs'));
}
