import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Host } from '../../edges/command.js';
import { LocalHost } from '../../edges/process.js';
import type { Machine } from '../../machine.js';
import type { Terraform } from '../../terraform/terraform.js';
import type { BucketAccess, ImageSource, Target } from '../target.js';
import { containersStep, standinImages } from './containers.js';
import { disksDown } from './disks.js';
import { readDocument, removeDocument, type SandboxDocument } from './document.js';
import { layout } from './layout.js';
import { machineStep, terraformOf } from './machine-step.js';
import { KMS_KEY_ID, objectStoreAnswers } from './object-store.js';
import { DEFAULT_SIZES, type SandboxOptions } from './options.js';
import { packagesStep } from './packages.js';
import { registriesAnswer } from './registry.js';
import { serverImageStep } from './server-image.js';
import { type Outputs, outputsSchema } from './spec.js';
import { serverPid } from './vm.js';
import { say } from './words.js';

const BUCKET = 'koprogo-backups';
/** RGW accepts any name here but this one without a location constraint. */
const REGION = 'us-east-1';

/** A server on this computer: QEMU, started by Terraform, with an S3 server beside it. */
export function createSandbox(options: SandboxOptions): Target {
  const { directory, cacheDirectory, state, progress } = options;
  const host: Host = new LocalHost();
  const settings = { ...options, sizes: options.sizes ?? DEFAULT_SIZES, host };
  let decided: Promise<ImageSource['kind']> | undefined;

  const imageKind = (): Promise<ImageSource['kind']> => {
    decided ??= readDocument(state).then(async (document) => document?.images ?? ((await registriesAnswer()) ? 'registry' : 'archive'));
    return decided;
  };
  const terraform = (document: SandboxDocument): Terraform => terraformOf(settings, document);
  let known: Promise<Outputs> | undefined;
  // Asked once: what was built has the same address until it is destroyed.
  const outputs = (document: SandboxDocument): Promise<Outputs> => {
    known ??= terraform(document)
      .output(outputsSchema)
      .catch((error: unknown) => {
        known = undefined;
        throw error;
      });
    return known;
  };

  return {
    name: 'sandbox',
    describeSetup: () => [
      say('setup.install'),
      say('setup.build', { cacheDirectory }),
      say('setup.start', { cpus: settings.sizes.cpus, memory: settings.sizes.memory, directory }),
    ],
    steps: () => [
      packagesStep({ host, progress }),
      serverImageStep({ cache: cacheDirectory, host, progress }),
      containersStep({ cacheDirectory, host, progress, kind: imageKind }),
      machineStep({ ...settings, imageKind }),
    ],

    async machine(): Promise<Machine | undefined> {
      const document = await readDocument(state);
      if (!document || (await serverPid(directory)) === undefined) return undefined;
      const { ssh, web, disks } = await outputs(document);
      const closed = document.forwards.map(({ from, to }) => ({ port: to, host: ssh.host, at: from }));
      return { address: { ...ssh, hostKey: document.hostKey.publicKey }, disks, web, closed, forwarder: true };
    },

    async bucket(): Promise<BucketAccess | undefined> {
      const document = await readDocument(state);
      if (!document || !(await objectStoreAnswers(layout(directory).objectStore, document.ports.object_store))) return undefined;
      const { object_store: at } = await outputs(document);
      return {
        bucket: { endpoint: at.from_server, endpointFromHere: at.from_here, region: REGION, bucket: BUCKET, encryption: { mode: 'aws:kms', keyId: KMS_KEY_ID } },
        accessKeyId: document.objectStore.accessKey,
        secretAccessKey: document.objectStore.secretKey,
      };
    },

    async images(): Promise<ImageSource> {
      if ((await imageKind()) === 'registry') return { kind: 'registry' };
      return { kind: 'archive', ...standinImages(cacheDirectory) };
    },

    async freshDisks(): Promise<string[]> {
      const document = await readDocument(state);
      return document ? Object.values(document.serials).map((serial) => `/dev/disk/by-id/virtio-${serial}`) : [];
    },

    describeDestroy: () => {
      const { machine, objectStore } = layout(directory);
      const goes = existsSync(directory) ? [say('destroy.server'), say('destroy.disks', { machine }), say('destroy.store', { store: objectStore })] : [];
      return Promise.resolve({ goes, stays: [] });
    },

    async destroy(): Promise<string[]> {
      known = undefined;
      const document = await readDocument(state);
      const built = document && terraform(document);
      if (built && (await built.hasState())) {
        await built.init();
        await built.destroy();
      }
      // Also what Terraform never came to know of, because it was killed.
      await disksDown(directory);
      await rm(directory, { recursive: true, force: true });
      await removeDocument(state);
      return [];
    },
  };
}
