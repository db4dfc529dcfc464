import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { freeBytes } from '../../edges/files.js';
import type { Host } from '../../edges/command.js';
import { InfraError } from '../../errors.js';
import { CLOSED_PORTS } from '../../machine.js';
import { blocked, done, needed, type Step } from '../../step.js';
import { StateStoreTerraformState } from '../../terraform/document-state-store.js';
import { Terraform } from '../../terraform/terraform.js';
import type { ImageSource } from '../target.js';
import { newDocument, readDocument, type SandboxDocument, withForwards, writeDocument } from './document.js';
import { layout } from './layout.js';
import { ensureUser, objectStoreAnswers, userIsThere } from './object-store.js';
import type { SandboxOptions } from './options.js';
import { writeSeed } from './seed.js';
import { serverImage } from './server-image.js';
import { serverPid } from './vm.js';
import { say } from './words.js';

export interface MachineStepOptions extends Required<SandboxOptions> {
  host: Host;
  imageKind: () => Promise<ImageSource['kind']>;
}

/** The disks are sparse: this is what a set-up and its first backups write into them. */
const NEEDED_BYTES = 6e9;
const gigabytes = (bytes: number) => (bytes / 1e9).toFixed(1);

const SERVER = 'terraform_data.server';
const OBJECT_STORE = 'terraform_data.object_store';

/** QEMU, swtpm and Ceph each have characters of their own in options and configuration files. */
const USABLE_PATH = /^[\w@%+=:./-]+$/;

/** The compiled program that the module's provisioners run: it lies beside this file in dist/. */
const PROGRAM = fileURLToPath(new URL('./machine.js', import.meta.url));

export function terraformOf(options: Pick<MachineStepOptions, 'name' | 'state' | 'directory' | 'cacheDirectory' | 'sizes' | 'progress'>, document: SandboxDocument): Terraform {
  const { name, state, directory, cacheDirectory, sizes, progress } = options;
  return new Terraform({
    directory: layout(directory).terraform,
    module: 'sandbox',
    state: new StateStoreTerraformState(state, name, layout(directory).terraformSpool),
    progress,
    variables: {
      node: process.execPath,
      program: PROGRAM,
      directory,
      image: serverImage(cacheDirectory),
      sizes: { postgres: sizes.postgres, documents: sizes.documents },
      serials: document.serials,
      cpus: sizes.cpus,
      memory: sizes.memory,
      ports: document.ports,
      more_forwards: document.forwards,
    },
  });
}

/** The server and the object store exist and run. After a power cut, or a restart of this computer, it switches them on again. */
export function machineStep(options: MachineStepOptions): Step {
  const { name, directory, state, progress, host } = options;
  const at = layout(directory);

  async function notRunning(document: SandboxDocument): Promise<{ resource: string; change: string }[]> {
    const stopped = [];
    if ((await serverPid(directory)) === undefined) stopped.push({ resource: SERVER, change: say('machine.switchOn') });
    if (!(await objectStoreAnswers(at.objectStore, document.ports.object_store))) stopped.push({ resource: OBJECT_STORE, change: say('machine.startStore') });
    return stopped;
  }

  return {
    id: 'sandbox-machine',
    title: say('machine.title'),
    onServer: false,

    async check() {
      if (!USABLE_PATH.test(directory)) return blocked(say('machine.path', { directory }), say('machine.path.hint'));
      const document = await readDocument(state);
      if (!document && existsSync(at.disksMade)) {
        return blocked(say('machine.foreign', { directory }), say('machine.foreign.hint'));
      }
      const free = await freeBytes(directory);
      if (!document && free < NEEDED_BYTES) {
        return blocked(say('machine.room', { needed: gigabytes(NEEDED_BYTES), directory, free: gigabytes(free) }), say('machine.room.hint'));
      }
      const terraform = document && terraformOf(options, document);
      if (!terraform || !(await terraform.hasState())) return needed(say('machine.build'), say('machine.buildStore'));
      const missing = CLOSED_PORTS.filter((port) => !document.forwards.some(({ to }) => to === port));
      if (missing.length > 0) return needed(say('machine.forward', { ports: missing.join(', ') }));
      const stopped = await notRunning(document);
      if (stopped.length > 0) return needed(...stopped.map(({ change }) => change));
      if (!(await userIsThere(at.objectStore, document.objectStore, host))) return needed(say('machine.user'));
      if ((await terraform.plan()) === 'changes') return needed(say('machine.plan'));
      return done(`127.0.0.1:${document.ports.ssh}`);
    },

    async apply() {
      if (!existsSync(PROGRAM)) throw new InfraError(say('machine.notBuilt', { PROGRAM }), { hints: ['npm run build'] });
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const known = (await readDocument(state)) ?? (await newDocument());
      const document = { ...(await withForwards(known, CLOSED_PORTS)), images: known.images ?? (await options.imageKind()) };
      // Stored before anything is made with it: ports, serials and keys of what is half made must be found again.
      await writeDocument(state, document);
      const terraform = terraformOf(options, document);
      progress.update(say('machine.preparing'));
      await terraform.init();
      // Somebody has removed the folder, in which the state is not: nothing that the state names is there any more.
      if (!existsSync(at.machine) && !existsSync(at.objectStore) && (await terraform.resources()).length > 0) await terraform.destroy();
      if (!existsSync(at.seed) || !existsSync(at.disksMade)) {
        const firstBoot = { hostname: hostName(name), user: 'debian', publicKey: await options.sshPublicKey(), hostKey: document.hostKey };
        await writeSeed(at.seed, firstBoot, document.instanceId, host);
      }
      const made = await terraform.resources();
      const stopped = (await notRunning(document)).map(({ resource }) => resource);
      await terraform.apply(stopped.filter((resource) => made.includes(resource)));
      await ensureUser(at.objectStore, document.objectStore, host);
    },
  };
}

function hostName(name: string): string {
  const plain = name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+|-+$/g, '').slice(0, 50);
  return plain === '' ? 'koprogo' : `koprogo-${plain}`;
}
