import { InfraError } from '../../errors.js';
import { say } from './words.js';

/** The largest object, in bytes. */
export const MAX_OBJECT_BYTES = 64 * 1024 * 1024;

const ID = /^[A-Za-z0-9_-]{1,200}$/;

export function isId(text: string): boolean {
  return ID.test(text);
}

/** Throws InfraError unless this is an id: it becomes part of keys and statements at servers that know no such limits. */
export function checkId(where: string, id: string): void {
  if (!isId(id)) throw new InfraError(say('id', { where, length: id.length }));
}

/** Throws InfraError for an object that is too large to be stored. */
export function checkBytes(where: string, bytes: Uint8Array): void {
  if (bytes.length > MAX_OBJECT_BYTES) {
    throw new InfraError(say('size', { length: bytes.length, where, maxObjectBytes: MAX_OBJECT_BYTES }));
  }
}
