import { type ObjectStore, verifyStored } from '../edges/object-store.js';
import { uploadStream } from '../edges/object-upload.js';
import { LocalHost } from '../edges/process.js';
import type { Command } from '../edges/command.js';
import { InfraError } from '../errors.js';
import type { AgentConfig, BackupProgress } from './agent-config.js';
import { pgDump, pgDumpGlobals } from './database.js';
import { GZIP_LEVEL, gzipMembers } from './gzip.js';
import { FILES, MANIFEST_FILE, newBackupId, objectKey, type Role } from './layout.js';
import { formatManifest, type Manifest, type ManifestObject, MANIFEST_VERSION } from './manifest.js';
import { Meter } from './meter.js';
import { clockProblem } from './probe.js';
import { encryptTo, readRecipient, type Recipient } from './recipient.js';
import { endLeftovers, SnapshotSession } from './snapshot.js';
import { archive, outputOf } from './sources.js';
import { say } from './words.js';

export interface BackupOptions {
  config: AgentConfig;
  store: ObjectStore;
  /** Ends the programs and aborts the upload; nothing that looks like a backup is left. */
  signal?: AbortSignal;
  onProgress?: (progress: Pick<BackupProgress, 'phase' | 'bytes' | 'estimate'>) => void;
  warn?: (text: string) => void;
  now?: () => Date;
}

/**
 * Makes one backup: roles, configuration and database, each dumped, compressed, encrypted and stored as a stream, then
 * the manifest, which alone makes them a backup. No plaintext touches a disk. Throws InfraError, and then there is no
 * manifest, and the objects that were already stored are deleted where the access key may do that.
 */
export async function createBackup(options: BackupOptions): Promise<Manifest> {
  const { config, signal } = options;
  const now = options.now ?? (() => new Date());
  const recipient = await readRecipient(config.recoveryKey.armored, config.recoveryKey, now());
  if (recipient.warning !== undefined) options.warn?.(recipient.warning);
  const run = new Run(options, recipient, newBackupId(now()));
  try {
    await run.clearLeftovers();
    return await run.all(now);
  } catch (error) {
    await run.undo();
    if (signal?.aborted === true) throw new InfraError(say('pipeline.interrupted'), { cause: error });
    throw error;
  }
}

class Run {
  readonly #host: LocalHost;
  readonly #stored: string[] = [];
  #estimate = 0;

  constructor(
    private readonly options: BackupOptions,
    private readonly recipient: Recipient,
    private readonly id: string,
  ) {
    this.#host = new LocalHost(options.signal ? { signal: options.signal } : {});
  }

  /** Parts of uploads that a killed run left cost money and are seen by no listing. The caller holds the lock. */
  async clearLeftovers(): Promise<void> {
    const { store, config, warn } = this.options;
    this.#report('starting', 0);
    try {
      await store.abortUploads(`${config.prefix}/`);
    } catch (error) {
      // A key that may only write cannot list uploads; the bucket's rule for incomplete uploads removes them later.
      if (!(error instanceof InfraError) || !/not allowed/.test(error.message)) throw error;
      warn?.(error.message);
    }
    const wrongClock = clockProblem(store.clockAhead());
    if (wrongClock !== undefined) warn?.(wrongClock);
  }

  async all(now: () => Date): Promise<Manifest> {
    const { config, store } = this.options;
    this.#report('counting', 0);
    const { session, facts } = await SnapshotSession.open(this.#host, config.database);
    try {
      const createdAt = now().toISOString();
      this.#estimate = facts.sizeBytes;
      const objects: ManifestObject[] = [];
      this.#report('roles', 0);
      objects.push(await this.#object('globals', pgDumpGlobals(config.database)));
      if (config.configuration.length > 0) {
        this.#report('configuration', 0);
        objects.push(await this.#object('configuration', archive(config.configuration)));
      }
      objects.push(await this.#object('database', pgDump(config.database, facts.snapshot)));
      await session.close();
      const { snapshot, serverVersion, serverVersionNumber, sizeBytes, extensions, rowCounts } = facts;
      const manifest: Manifest = {
        format: 'koprogo-backup',
        version: MANIFEST_VERSION,
        id: this.id,
        createdAt,
        completedAt: now().toISOString(),
        installation: config.installation,
        server: config.server,
        agentVersion: config.agentVersion,
        recoveryKey: { fingerprint: this.recipient.fingerprint },
        compression: { algorithm: 'gzip', level: GZIP_LEVEL },
        cipher: { format: 'OpenPGP', packet: 'SEIPDv1', symmetric: 'AES256' },
        storageEncryption: store.encryption,
        database: { name: config.database.database, serverVersion, serverVersionNumber, sizeBytes, snapshot, extensions, rowCounts },
        objects,
      };
      await this.#commit(manifest);
      return manifest;
    } catch (error) {
      session.abandon();
      throw error;
    }
  }

  /** Deletes what was stored, as far as the key is allowed to. Without a manifest it is no backup anyway. */
  async undo(): Promise<void> {
    const { store, config, warn } = this.options;
    await endLeftovers(config.database);
    for (const key of this.#stored) {
      await store.delete(key).catch((error: unknown) => warn?.(error instanceof InfraError ? error.message : say('pipeline.notDeleted', { key })));
    }
  }

  async #object(role: Role, command: Command): Promise<ManifestObject> {
    const { store, config, signal } = this.options;
    const key = objectKey(config.prefix, this.id, FILES[role]);
    const plain = new Meter();
    const compressed = new Meter();
    const sealed = new Meter();
    const onPlain = (bytes: number) => {
      if (role === 'database') this.#report('database', bytes);
    };
    const source = plain.through(outputOf(this.#host, command, signal), onPlain);
    const stream = sealed.through(encryptTo(this.recipient, compressed.through(gzipMembers(source))));
    this.#stored.push(key);
    await uploadStream(store, key, stream, {
      ...(signal ? { signal } : {}),
      ...(role === 'database' ? { expectedBytes: Math.ceil(this.#estimate / 2) } : {}),
    });
    await verifyStored(store, key, sealed.bytes);
    return {
      role,
      file: FILES[role],
      plaintextBytes: plain.bytes,
      compressedBytes: compressed.bytes,
      ciphertextBytes: sealed.bytes,
      ciphertextSha256: sealed.result().sha256,
      plaintextSha256: plain.result().sha256,
    };
  }

  async #commit(manifest: Manifest): Promise<void> {
    const { store, config, signal } = this.options;
    this.#report('manifest', this.#estimate);
    signal?.throwIfAborted();
    const content = formatManifest(manifest);
    const key = objectKey(config.prefix, this.id, MANIFEST_FILE);
    // First in the list of what a failure removes: without it the rest is no backup.
    this.#stored.unshift(key);
    await store.put(key, content, { contentType: 'application/json' });
    await verifyStored(store, key, content.length);
  }

  #report(phase: BackupProgress['phase'], bytes: number): void {
    this.options.onProgress?.({ phase, bytes, estimate: this.#estimate });
  }
}
