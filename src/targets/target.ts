import type { Bucket, Machine } from '../machine.js';
import type { Secret } from '../secret.js';
import type { ImageSource, StackImages } from '../stack/images.js';
import type { Step } from '../step.js';

export interface BucketAccess {
  bucket: Bucket;
  accessKeyId: string;
  secretAccessKey: Secret;
}

export type { ImageSource, StackImages };

export interface DestroyChoice {
  /** What holds data and is to be destroyed none the less, each by its name as a person typed it. */
  named: readonly string[];
}

/** Where the server comes from. Nothing after its steps may ask which target it is. */
export interface Target {
  readonly name: 'sandbox' | 'host' | 'ovh';
  /** What set-up will do outside the server, in words, before anything is agreed to. */
  describeSetup(): string[] | Promise<string[]>;
  /** What must be done before the server can be reached: on this computer and at the provider. */
  steps(): Step[];
  /** The server, as soon as it exists. */
  machine(): Promise<Machine | undefined>;
  bucket(): Promise<BucketAccess | undefined>;
  images(): Promise<ImageSource>;
  /** Disks that this target itself made blank for this installation: formatting them needs no typed confirmation. */
  freshDisks(): Promise<string[]>;
  /** In words: what `destroy` will remove, and what stays with its data unless it is named. */
  describeDestroy(choice?: DestroyChoice): Promise<{ goes: string[]; stays: string[] }>;
  /** Returns the names of what was not removed because it holds data and was not named. While something stays, so must the state. */
  destroy(choice?: DestroyChoice): Promise<string[]>;
}
