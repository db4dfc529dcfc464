import type { Bucket, Machine } from '../machine.js';
import type { Secret } from '../secret.js';
import type { Step } from '../step.js';

export interface BucketAccess {
  bucket: Bucket;
  accessKeyId: string;
  secretAccessKey: Secret;
}

/** How the app's container images get onto the server. */
export type ImageSource =
  /** Pulled from their registries by the server. */
  | { kind: 'registry' }
  /** A docker-archive file on this computer, loaded over SSH; `label` says what it is wherever images are named. */
  | { kind: 'archive'; file: string; images: StackImages; label: string };

export interface StackImages {
  traefik: string;
  postgres: string;
  backend: string;
  frontend: string;
}

/** Where the server comes from. Nothing after its steps may ask which target it is. */
export interface Target {
  readonly name: 'sandbox' | 'host';
  /** What must be done before the server can be reached: on this computer and at the provider. */
  steps(): Step[];
  /** The server, as soon as it exists. */
  machine(): Promise<Machine | undefined>;
  bucket(): Promise<BucketAccess | undefined>;
  images(): Promise<ImageSource>;
  /** What `destroy` will remove, in words. */
  describeDestroy(): Promise<string[]>;
  destroy(): Promise<void>;
}
