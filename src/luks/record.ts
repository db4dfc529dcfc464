import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { generatePassphrase } from '../keys/passphrase.js';
import { diskId } from '../machine.js';
import type { StateStore } from '../state/store.js';
import { secretText } from '../state/schema.js';
import type { DiskId, VolumeKey } from './volumes.js';

/** How the operator asked the volumes to be unlocked; `auto` is `tpm` where the server has one, else `manual`. */
export const unlockChoice = z.enum(['auto', 'tpm', 'manual']);
export type UnlockChoice = z.infer<typeof unlockChoice>;
export type UnlockMethod = Exclude<UnlockChoice, 'auto'>;

/** What the header looked like when the recovery passphrase was last seen to open the volume. SHA-256, hexadecimal. */
const proofSchema = z.strictObject({
  /** Keyslot 0 and the digest it answers to, as the header describes them. */
  slot: z.string().regex(/^[0-9a-f]{64}$/),
  /** Where keyslot 0 keeps its key material, in bytes, and what was there. */
  offset: z.number().int().positive(),
  size: z.number().int().positive(),
  material: z.string().regex(/^[0-9a-f]{64}$/),
});
export type Proof = z.infer<typeof proofSchema>;

const recordSchema = z.strictObject({
  /** Chosen here, before formatting, so that a half-made volume is known as ours. */
  uuid: z.uuid(),
  passphrase: secretText,
  disk: diskId,
  method: z.enum(['tpm', 'manual']),
  /**
   * planned: nothing was written to the disk. formatting: the disk was found blank and may hold a half-made header
   * or file system, and never held data. completed: there is a file system, which may hold data: never format again.
   */
  stage: z.enum(['planned', 'formatting', 'completed']),
  /** A TPM key is being added: a keyslot without a token is a leftover of that, and nobody's key. */
  enrolling: z.boolean(),
  proof: proofSchema.optional(),
});
export type VolumeRecord = z.infer<typeof recordSchema>;

const documentSchema = z.strictObject({
  version: z.literal(1),
  unlock: unlockChoice,
  volumes: z.strictObject({ postgres: recordSchema, documents: recordSchema }),
  /** The recovery passphrases were shown to the operator. */
  shown: z.boolean(),
});
export type LuksDocument = z.infer<typeof documentSchema>;

const NAME = 'luks';
/** 30 characters in six groups; the requirement is 20 characters and 128 bits. */
const PASSPHRASE_BITS = 150;

/** The room's memory of one installation. Undefined before the first format was prepared. Throws as StateStore.get. */
export function readRecord(state: StateStore): Promise<LuksDocument | undefined> {
  return state.get(NAME, documentSchema);
}

/** Returns only after the document is durable. */
export async function saveRecord(state: StateStore, document: LuksDocument): Promise<void> {
  await state.put(NAME, document);
}

/** New UUIDs and passphrases for two volumes that do not exist yet. */
export function newRecord(disks: Readonly<Record<VolumeKey, DiskId>>, unlock: UnlockChoice, method: UnlockMethod): LuksDocument {
  const record = (disk: DiskId): VolumeRecord => ({
    uuid: randomUUID(),
    passphrase: generatePassphrase(PASSPHRASE_BITS),
    disk,
    method,
    stage: 'planned',
    enrolling: false,
  });
  return { version: 1, unlock, volumes: { postgres: record(disks.postgres), documents: record(disks.documents) }, shown: false };
}
