import { EXIT, InfraError } from '../errors.js';

/** What a data key is for: it is bound into the wrapped key, so that it unwraps for nothing else. */
export interface KeyBinding {
  installation: string;
  /** "document", "terraform-state", "lock", … */
  kind: string;
  name: string;
}

/** A data key as it may be stored anywhere: only the provider gives the key back. */
export interface WrappedKey {
  /** Which key, in which version, wrapped it: 1 to 255 characters of printable ASCII. `keys status` and `keys retire` go by it. */
  keyId: string;
  /** 1 to 4096 bytes. */
  wrapped: Buffer;
}

export interface KeyVersion {
  keyId: string;
  /** Counted from 1; undefined where the service does not number them (AWS KMS). */
  version: number | undefined;
  /** undefined where the provider does not know. */
  created: Date | undefined;
  current: boolean;
}

/**
 * Keeps the keys that wrap data keys (32 bytes each). A data key belongs to whoever asked for it, who wipes it.
 *
 * Failures: WrongKey (another key than the one that wrapped it, or the wrapped key was changed), UnknownKeyVersion
 * (the version is not there any more, or not yet), KeyServiceFailed (a KMS that does not answer, denies or is
 * about to delete the key). None of them says anything of a key.
 */
export interface KeyProvider {
  readonly name: 'none' | 'local' | 'aws_kms' | 'vault';
  /** In words, for messages: `key file /home/…/keys.json`, `Vault key "koprogo" at https://…`. */
  readonly where: string;
  /** Whether wrapping and unwrapping ask a service elsewhere: only then are data keys worth keeping in memory. */
  readonly remote: boolean;
  /** All versions, the oldest first; exactly one is current. */
  versions(): Promise<KeyVersion[]>;
  /** Wraps with the current version. */
  wrap(dataKey: Uint8Array, binding: KeyBinding): Promise<WrappedKey>;
  unwrap(key: WrappedKey, binding: KeyBinding): Promise<Buffer>;
  /** The same data key under the current version; without leaving the service where it can do that (Vault, AWS KMS). */
  rewrap(key: WrappedKey, binding: KeyBinding): Promise<WrappedKey>;
  /** Makes a new current version and returns its id; older ones still unwrap. Throws InputError where versions are made elsewhere, and says how. */
  rotate(): Promise<string>;
  /** Makes one version unusable for good. The caller has made sure that nothing needs it. Throws InputError for the current one. */
  retire(keyId: string): Promise<void>;
}

/** The wrong key, or one that was tampered with: the data themselves may be sound. */
export class WrongKey extends InfraError {
  override readonly name = 'WrongKey';
}

/** The version of the key that wrapped this data key is not to be had. */
export class UnknownKeyVersion extends InfraError {
  override readonly name = 'UnknownKeyVersion';
}

/** A key service that does not answer, denies, or has disabled the key. */
export class KeyServiceFailed extends InfraError {
  override readonly name = 'KeyServiceFailed';

  constructor(message: string, options: { hints?: readonly string[]; cause?: unknown; transient: boolean }) {
    super(message, { ...options, exitCode: EXIT.failed });
    this.transient = options.transient;
  }

  /** Whether another try may help. */
  readonly transient: boolean;
}
