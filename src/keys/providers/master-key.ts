import { InputError } from '../../errors.js';
import { say } from './words.js';

export const MASTER_KEY_BYTES = 32;
export const GENERATE_MASTER_KEY = 'koprogo-infra keys generate';

/** Why a text is not a master key (32 bytes in base64, RFC 4648 with padding), in words that quote none of it; undefined when it is one. */
export function masterKeyProblem(text: string): string | undefined {
  if (text.trim() !== text) return say('master.blank');
  if (/^[0-9a-fA-F]{64}$/.test(text)) return say('master.hex', { bytes: MASTER_KEY_BYTES });
  if (/^[A-Za-z0-9_-]+=*$/.test(text) && /[_-]/.test(text)) return say('master.url');
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return say('master.characters');
  const bytes = Buffer.from(text, 'base64');
  try {
    // Node reads past missing padding and stray last bits: two texts would be one key, and a cut one would pass.
    if (bytes.toString('base64') !== text) return say('master.end');
    if (bytes.length !== MASTER_KEY_BYTES) return say('master.length', { length: bytes.length, bytes: MASTER_KEY_BYTES });
    if (bytes.every((byte) => byte === bytes[0])) return say('master.example');
    return undefined;
  } finally {
    bytes.fill(0);
  }
}

/** The bytes of a master key, which the caller wipes. `name` says where the text is from: a variable or a file. Throws InputError. */
export function decodeMasterKey(text: string, name: string): Buffer {
  const problem = masterKeyProblem(text);
  if (problem !== undefined) throw new InputError(`${name} ${problem}`, { hints: [say('master.make', { command: GENERATE_MASTER_KEY })] });
  return Buffer.from(text, 'base64');
}
