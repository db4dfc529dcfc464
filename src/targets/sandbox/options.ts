import type { Progress } from '../../progress.js';
import type { StateStore } from '../../state/store.js';

export interface SandboxOptions {
  /** The installation's name; the server's host name. */
  name: string;
  /** Everything of this sandbox lies here, and nothing else does: `destroy` removes it. */
  directory: string;
  /** What is built once and serves every sandbox. */
  cacheDirectory: string;
  state: StateStore;
  progress: Progress;
  /** The operator's public key, as in authorized_keys. */
  sshPublicKey: () => Promise<string>;
  sizes?: SandboxSizes;
}

export interface SandboxSizes {
  cpus: number;
  /** In MiB. */
  memory: number;
  /** Data disks in GiB; sparse files, which take what is written into them. */
  postgres: number;
  documents: number;
}

export const DEFAULT_SIZES: SandboxSizes = { cpus: 2, memory: 3072, postgres: 16, documents: 24 };
