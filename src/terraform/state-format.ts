import { createHash } from 'node:crypto';
import { z } from 'zod';
import { say } from './words.js';

/** The few fields of a state that say whether it may take the place of another. */
export interface TerraformState {
  bytes: Buffer;
  /** One name for the whole history of a state: a random UUID that Terraform gives once. */
  lineage: string;
  /** Grows with every state that Terraform writes. */
  serial: number;
  /** Resources that it manages; data sources do not count. */
  managed: number;
}

/** Why bytes are not a state of Terraform's. Never quotes them. */
export class NotAState extends Error {
  override readonly name = 'NotAState';
}

const schema = z.object({
  version: z.number().int().positive(),
  serial: z.number().int().nonnegative(),
  lineage: z.string().min(1).max(200),
  resources: z.array(z.object({ mode: z.string().optional() })).optional(),
});

/** Throws NotAState. */
export function parseState(bytes: Buffer): TerraformState {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    // No cause: the message of JSON.parse quotes the text.
    throw new NotAState(say('notAState.json'));
  }
  const read = schema.safeParse(value);
  if (!read.success) {
    const wrong = read.error.issues.map(({ path, code }) => say('issue', { path: path.map(String).join('.') || say('issue.all'), code }));
    throw new NotAState(say('notAState.other', { wrong: wrong.join(say('join')) }));
  }
  const { lineage, serial, resources = [] } = read.data;
  return { bytes, lineage, serial, managed: resources.filter(({ mode }) => mode !== 'data').length };
}

/**
 * What a state is to the one that is stored:
 * - newer: its successor, or the first. A new history is accepted over a state without resources.
 * - same: byte for byte. Terraform asks again when an answer was lost.
 * - older, forked: a lower serial, or the same with another content. Terraform 1.11 raises the serial with every state
 *   that it writes; only `terraform state push -force` goes back, which nothing here runs.
 * - stranger: of another history.
 * - emptied: newer, and without any resource where the stored one had some, although nothing was to be destroyed.
 */
export type Relation = 'newer' | 'same' | 'older' | 'forked' | 'stranger' | 'emptied';

export function relate(stored: TerraformState | undefined, next: TerraformState, { destroying }: { destroying: boolean }): Relation {
  if (!stored) return 'newer';
  if (stored.lineage !== next.lineage) return stored.managed === 0 ? 'newer' : 'stranger';
  if (next.serial < stored.serial) return 'older';
  if (next.serial === stored.serial) return next.bytes.equals(stored.bytes) ? 'same' : 'forked';
  return stored.managed > 0 && next.managed === 0 && !destroying ? 'emptied' : 'newer';
}

/** SHA-256 of a state in hexadecimal; "none" where there is none. */
export function fingerprint(bytes: Buffer | undefined): string {
  return bytes ? createHash('sha256').update(bytes).digest('hex') : 'none';
}
