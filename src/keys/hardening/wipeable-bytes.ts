/**
 * Zeroed bytes that stay where they are until they are wiped. What `Buffer.alloc`, `Buffer.allocUnsafeSlow` and
 * `new Uint8Array` make of up to 64 bytes lies on V8's own heap: the garbage collector moves it, and leaves a copy behind
 * that nobody can wipe. Looked for, and found, in the memory of a process (Node 20); `randomBytes`, `allocUnsafe`,
 * `Buffer.concat`, `Buffer.from` and what ciphers and hashes return left none.
 */
export function wipeableBytes(length: number): Buffer {
  return Buffer.from(new ArrayBuffer(length));
}
