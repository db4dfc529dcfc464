import { createHash } from 'node:crypto';
import { z } from 'zod';
import { InfraError } from '../errors.js';
import type { Proof } from './record.js';
import { say } from './words.js';

const slotNumber = z.string().regex(/^\d{1,2}$/);
const bytes = z.string().regex(/^\d{1,15}$/).transform(Number);

const keyslotSchema = z.looseObject({
  type: z.string(),
  key_size: z.number().int().positive(),
  area: z.looseObject({ offset: bytes, size: bytes, encryption: z.string() }),
  kdf: z.looseObject({ type: z.string(), salt: z.string() }),
});

const tokenSchema = z.looseObject({
  type: z.string(),
  keyslots: z.array(slotNumber),
  'tpm2-pcrs': z.array(z.number().int().min(0).max(23)).optional(),
});

const headerSchema = z.looseObject({
  keyslots: z.record(slotNumber, keyslotSchema),
  tokens: z.record(slotNumber, tokenSchema),
  segments: z.record(slotNumber, z.looseObject({ type: z.string(), offset: bytes, encryption: z.string().optional(), sector_size: z.number().int().optional() })),
  digests: z.record(slotNumber, z.looseObject({ type: z.string(), keyslots: z.array(slotNumber), salt: z.string(), digest: z.string() })),
});
/** What `cryptsetup luksDump --dump-json-metadata` tells, as far as it is needed. Unknown fields are kept. */
export type LuksHeader = z.infer<typeof headerSchema>;

/** Throws InfraError when the text is not the JSON of a LUKS2 header. */
export function parseHeader(text: string, disk: string): LuksHeader {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new InfraError(say('header.noJson', { disk }), { cause });
  }
  const read = headerSchema.safeParse(value);
  if (read.success) return read.data;
  const wrong = read.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
  throw new InfraError(say('header.wrong', { disk, wrong: wrong.join('; ') }), { cause: read.error });
}

/** Keyslot 0 is for the recovery passphrase. */
export const RECOVERY_SLOT = '0';
const TPM_TOKEN = 'systemd-tpm2';

export interface KeyslotReport {
  slot: number;
  purpose: string;
  kdf: string;
}

/** Every keyslot and what it is for, in order. */
export function describeKeyslots(header: LuksHeader): KeyslotReport[] {
  return Object.entries(header.keyslots)
    .map(([slot, { kdf }]) => ({ slot: Number(slot), purpose: purposeOf(slot, header), kdf: kdf.type }))
    .sort((a, b) => a.slot - b.slot);
}

function purposeOf(slot: string, header: LuksHeader): string {
  const token = Object.values(header.tokens).find(({ keyslots }) => keyslots.includes(slot));
  if (token?.type === TPM_TOKEN) return say('slot.tpm', { registers: (token['tpm2-pcrs'] ?? []).join('+') || say('slot.noRegister') });
  if (token) return say('slot.token', { type: token.type });
  return slot === RECOVERY_SLOT ? say('slot.recovery') : say('slot.unknown');
}

/** The keyslots that a TPM token opens. */
export function tpmSlots(header: LuksHeader): string[] {
  return Object.values(header.tokens)
    .filter(({ type }) => type === TPM_TOKEN)
    .flatMap(({ keyslots }) => keyslots)
    .filter((slot) => slot in header.keyslots);
}

/** The keyslots other than the recovery passphrase's that no token refers to. */
export function slotsWithoutToken(header: LuksHeader): string[] {
  const referred = new Set(Object.values(header.tokens).flatMap(({ keyslots }) => keyslots));
  return Object.keys(header.keyslots).filter((slot) => slot !== RECOVERY_SLOT && !referred.has(slot));
}

/** Cipher of the data and size of the volume key in bits (512 for AES-256 in XTS, which uses two keys). */
export function cipherOf(header: LuksHeader): { cipher: string; keyBits: number; sectorSize: number } {
  const segment = Object.values(header.segments)[0];
  const slot = Object.values(header.keyslots)[0];
  return { cipher: segment?.encryption ?? 'unknown', keyBits: (slot?.key_size ?? 0) * 8, sectorSize: segment?.sector_size ?? 512 };
}

/** A fingerprint of all that decides whether the recovery passphrase opens keyslot 0, but for the key material itself. Undefined without that slot. */
export function recoverySlot(header: LuksHeader): Omit<Proof, 'material'> | undefined {
  const keyslot = header.keyslots[RECOVERY_SLOT];
  if (!keyslot) return undefined;
  const digests = Object.values(header.digests)
    .filter(({ keyslots }) => keyslots.includes(RECOVERY_SLOT))
    // The list of keyslots grows when another key is added; that takes nothing away from this one.
    .map((digest) => ({ ...digest, keyslots: [RECOVERY_SLOT] }));
  const text = JSON.stringify(sorted({ keyslot, digests, segments: header.segments }));
  return { slot: createHash('sha256').update(text).digest('hex'), offset: keyslot.area.offset, size: keyslot.area.size };
}

/** The same value with the keys of every object in one order, whatever order cryptsetup printed. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sorted(inner)]),
  );
}
