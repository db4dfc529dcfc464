import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { z } from 'zod';
import { InfraError, messageOf } from '../errors.js';
import { Secret } from '../secret.js';
import { Conflict } from '../state/backends/backend.js';
import { secretText } from '../state/schema.js';
import type { StateStore } from '../state/store.js';
import { SpoolFile, spoolKeysIn } from './spool-file.js';
import { fingerprint } from './state-format.js';
import { MAX_STATE_BYTES, type StateSpool, type StoredState, type TerraformLock, terraformLockSchema, type TerraformStateStore } from './state-store.js';
import { say } from './words.js';

const STATE = 'terraform-state';
const LOCK = 'terraform-lock';
/** Compressed and in base64, so that a document stays below the 16 MiB that the file store reads. */
const MAX_TEXT = 15 * 1024 * 1024;

const stateDocument = z.object({ format: z.literal(1), gzip: secretText });

/**
 * Terraform's state as two documents of the encrypted state. Documents know no compare-and-swap: that nobody else writes
 * between the look and the write is owed to the lock of the installation, which every command that changes it holds.
 */
export class StateStoreTerraformState implements TerraformStateStore {
  readonly spool: StateSpool;
  readonly where: string;

  constructor(
    private readonly state: StateStore,
    installation: string,
    spoolFile: string,
  ) {
    this.where = say('where', { installation });
    this.spool = new SpoolFile(spoolFile, installation, spoolKeysIn(state));
  }

  async read(): Promise<StoredState | undefined> {
    const document = await this.state.get(STATE, stateDocument);
    if (!document) return undefined;
    try {
      const bytes = await promisify(gunzip)(Buffer.from(document.gzip.reveal(), 'base64'), { maxOutputLength: MAX_STATE_BYTES });
      return { bytes, revision: fingerprint(bytes) };
    } catch (cause) {
      throw new InfraError(say('state.damaged', { where: this.where, why: messageOf(cause) }), { cause });
    }
  }

  async write(bytes: Buffer, expected: unknown): Promise<unknown> {
    const current = await this.read();
    if (current?.revision !== expected) throw new Conflict(this.where, STATE);
    const text = (await promisify(gzip)(bytes)).toString('base64');
    if (text.length > MAX_TEXT) throw new InfraError(say('state.tooLarge', { where: this.where, bytes: text.length }));
    await this.state.put(STATE, { format: 1, gzip: new Secret(text) });
    return fingerprint(bytes);
  }

  readLock(): Promise<TerraformLock | undefined> {
    return this.state.get(LOCK, terraformLockSchema);
  }

  async lock(info: TerraformLock): Promise<'taken' | TerraformLock> {
    const holder = await this.readLock();
    if (holder && holder.ID !== info.ID) return holder;
    if (!holder) await this.state.put(LOCK, info);
    return 'taken';
  }

  async unlock(id: string): Promise<'released' | TerraformLock> {
    const holder = await this.readLock();
    if (holder && holder.ID !== id) return holder;
    if (holder) await this.state.remove(LOCK);
    return 'released';
  }
}
