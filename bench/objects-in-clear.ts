import { audited, type AuditLog } from '../src/keys/audit/audit.js';
import type { Backend } from '../src/state/backends/backend.js';
import type { NameCipher, ObjectName } from '../src/state/names.js';
import type { Stored } from '../src/state/objects.js';
import type { Seen } from '../src/state/seen.js';

const SERIAL_BYTES = 8;
const KEY_ID = `none:${'0'.repeat(16)}:1`;

/**
 * What EncryptedObjects does for a write and a read, without encryption: the same names, serials, notes of what was seen
 * and audit lines, but the content goes as it is, and there is no data key. What encryption costs is the difference.
 */
export class ObjectsInClear {
  constructor(
    private readonly backend: Backend,
    private readonly names: NameCipher,
    private readonly seen: Seen,
    private readonly audit: AuditLog,
  ) {}

  async write(object: ObjectName, plain: Uint8Array, before: Stored | 'absent'): Promise<Stored> {
    const id = this.names.encrypt(object);
    const serial = Math.max(Date.now(), (before === 'absent' ? 0 : before.serial) + 1, (await this.seen.serial(id)) + 1);
    const head = Buffer.alloc(SERIAL_BYTES);
    head.writeBigUInt64BE(BigInt(serial));
    const bytes = Buffer.concat([head, plain]);
    const revision = await audited(this.audit, { operation: 'encrypt', keyId: KEY_ID, object: { ...object, serial } }, () => this.backend.write(id, bytes, before));
    await this.seen.note(id, serial);
    return { serial, revision };
  }

  async read(object: ObjectName): Promise<Buffer> {
    const id = this.names.encrypt(object);
    const stored = await this.backend.read(id);
    if (!stored) throw new Error('the object is gone');
    const serial = Number(stored.bytes.readBigUInt64BE());
    await audited(this.audit, { operation: 'decrypt', keyId: KEY_ID, object: { ...object, serial } }, async () => {
      if (serial < (await this.seen.serial(id))) throw new Error('the object is an older one');
    });
    await this.seen.note(id, serial);
    return stored.bytes.subarray(SERIAL_BYTES);
  }
}
