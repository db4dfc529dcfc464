import { InfraError } from '../../errors.js';

/** The largest object, in bytes. */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

const ID = /^[A-Za-z0-9_-]{1,200}$/;

export function isId(text: string): boolean {
  return ID.test(text);
}

/** Throws InfraError unless this is an id: it becomes part of keys and statements at servers that know no such limits. */
export function checkId(where: string, id: string): void {
  if (!isId(id)) throw new InfraError(`an id of an object in ${where} must be 1 to 200 characters of A-Z, a-z, 0-9, _ and -; this one has ${id.length}`);
}

/** Throws InfraError for an object that is too large to be stored. */
export function checkBytes(where: string, bytes: Uint8Array): void {
  if (bytes.length > MAX_OBJECT_BYTES) {
    throw new InfraError(`an object of ${bytes.length} bytes is too large for ${where}: at most ${MAX_OBJECT_BYTES} bytes`);
  }
}
