import { createHash } from 'node:crypto';
import { DATA_KEY_BYTES, encodeParts } from '../envelope/envelope-format.js';
import type { KeyBinding } from '../provider.js';

const LABEL = 'koprogo-infra key binding 1';
export const BINDING_BYTES = 32;

/** SHA-256 of the binding: what a key service may see and log of it. */
export function bindingDigest({ installation, kind, name }: KeyBinding): Buffer {
  return createHash('sha256').update(encodeParts([LABEL, installation, kind, name])).digest();
}

/** A key of another size is a bug of the caller. */
export function checkDataKey(key: Uint8Array): void {
  if (key.length !== DATA_KEY_BYTES) throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes, not ${key.length}`);
}
