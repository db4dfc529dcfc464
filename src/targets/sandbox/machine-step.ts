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
    if ((await serverPid(directory)) === undefined) stopped.push({ resource: SERVER, change: 'switch the server on' });
    if (!(await objectStoreAnswers(at.objectStore, document.ports.object_store))) stopped.push({ resource: OBJECT_STORE, change: 'start the object store' });
    return stopped;
  }

  return {
    id: 'sandbox-machine',
    title: 'Server and object store',
    onServer: false,

    async check() {
      if (!USABLE_PATH.test(directory)) return blocked(`the sandbox cannot lie in ${directory}: the programs that it starts do not take such a path`, 'export XDG_DATA_HOME=/a/plainer/path');
      const document = await readDocument(state);
      if (!document && existsSync(at.disksMade)) {
        return blocked(`${directory} holds the disks of an earlier sandbox, whose keys and addresses are not in this state`, 'to remove them: koprogo-infra destroy');
      }
      const free = await freeBytes(directory);
      if (!document && free < NEEDED_BYTES) {
        return blocked(`the sandbox needs ${gigabytes(NEEDED_BYTES)} GB for its disks in ${directory}, where ${gigabytes(free)} GB are free`, 'make room, or: export XDG_DATA_HOME=/a/larger/disk');
      }
      const terraform = document && terraformOf(options, document);
      if (!terraform || !(await terraform.hasState())) return needed('build the server with Terraform: a virtual machine with two data disks and a TPM', 'start an object store (S3) beside it');
      const missing = CLOSED_PORTS.filter((port) => !document.forwards.some(({ to }) => to === port));
      if (missing.length > 0) return needed(`restart the server, with ports ${missing.join(', ')} forwarded to it`);
      const stopped = await notRunning(document);
      if (stopped.length > 0) return needed(...stopped.map(({ change }) => change));
      if (!(await userIsThere(at.objectStore, document.objectStore, host))) return needed("set the object store's user up");
      if ((await terraform.plan()) === 'changes') return needed('bring the server to what Terraform plans');
      return done(`127.0.0.1:${document.ports.ssh}`);
    },

    async apply() {
      if (!existsSync(PROGRAM)) throw new InfraError(`koprogo-infra is not built: ${PROGRAM} is missing`, { hints: ['npm run build'] });
      await mkdir(directory, { recursive: true, mode: 0o700 });
      const known = (await readDocument(state)) ?? (await newDocument());
      const document = { ...(await withForwards(known, CLOSED_PORTS)), images: known.images ?? (await options.imageKind()) };
      // Stored before anything is made with it: ports, serials and keys of what is half made must be found again.
      await writeDocument(state, document);
      const terraform = terraformOf(options, document);
      progress.update('preparing Terraform');
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
