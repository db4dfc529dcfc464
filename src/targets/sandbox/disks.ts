import { constants, existsSync } from 'node:fs';
import { copyFile, link, mkdir, open, rm } from 'node:fs/promises';
import type { Host } from '../../edges/command.js';
import { errorCode, writeDurably } from '../../edges/files.js';
import { InfraError } from '../../errors.js';
import { layout } from './layout.js';
import { objectStoreDown } from './object-store.js';
import type { DisksSpec } from './spec.js';
import { stopServer } from './vm.js';
import { say } from './words.js';

const GIB = 1024 ** 3;

/** Makes the machine's disks where they are missing. A disk that exists is never touched, whatever its content. */
export async function disksUp(spec: DisksSpec, host: Host): Promise<void> {
  const at = layout(spec.directory);
  await mkdir(at.tpm, { recursive: true, mode: 0o700 });
  if (existsSync(at.disksMade)) {
    for (const disk of [at.base, at.root, at.postgres, at.documents]) {
      if (!existsSync(disk)) throw new InfraError(say('disks.gone', { disk }), { hints: [say('disks.hint')] });
    }
    return;
  }
  await linkOrCopy(spec.image.disk, at.base);
  await linkOrCopy(spec.image.kernel, at.kernel);
  await linkOrCopy(spec.image.initrd, at.initrd);
  // Nothing has booted before the note below exists: a half-made overlay is thrown away.
  await rm(at.root, { force: true });
  await host.run({ argv: ['qemu-img', 'create', '-q', '-f', 'qcow2', '-F', 'raw', '-b', at.base, at.root], purpose: say('disks.root') });
  await sparseFile(at.postgres, spec.sizes.postgres * GIB);
  await sparseFile(at.documents, spec.sizes.documents * GIB);
  await writeDurably(at.disksMade, JSON.stringify({ sizes: spec.sizes }));
}

/** Takes the disks, the TPM's state, the seed and all objects away. What still uses them is ended first. */
export async function disksDown(directory: string): Promise<void> {
  const at = layout(directory);
  await stopServer(directory);
  await objectStoreDown(at.objectStore);
  // First the note: an interrupted removal must not look like a finished set of disks.
  await rm(at.disksMade, { force: true });
  await rm(at.machine, { recursive: true, force: true });
  await rm(at.objectStore, { recursive: true, force: true });
}

async function sparseFile(path: string, size: number): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.truncate(size);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  try {
    await link(from, to);
  } catch (error) {
    // Another file system, or one without links.
    if (!['EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP'].includes(errorCode(error) ?? '')) throw error;
    await copyFile(from, to, constants.COPYFILE_FICLONE);
  }
}
