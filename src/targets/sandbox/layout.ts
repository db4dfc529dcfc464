import { join } from 'node:path';

/** Where everything of one sandbox lies, below its directory. */
export function layout(directory: string) {
  const machine = join(directory, 'machine');
  return {
    terraform: join(directory, 'terraform'),
    /** A state of Terraform's that could not be stored yet, encrypted. */
    terraformSpool: join(directory, 'terraform', 'unstored-state.sealed'),
    objectStore: join(directory, 'object-store'),
    machine,
    /** The image's disk, kernel and initrd, linked or copied here so that an emptied cache does not break the server. */
    base: join(machine, 'base.raw'),
    kernel: join(machine, 'vmlinuz'),
    initrd: join(machine, 'initrd.img'),
    root: join(machine, 'root.qcow2'),
    postgres: join(machine, 'postgres.raw'),
    documents: join(machine, 'documents.raw'),
    seed: join(machine, 'seed.iso'),
    tpm: join(machine, 'tpm'),
    /** Says that all disks were made; written last. */
    disksMade: join(machine, 'made.json'),
    qemuPid: join(machine, 'qemu.pid'),
    swtpmPid: join(machine, 'swtpm.pid'),
    console: join(machine, 'console.log'),
    /** Control socket of the machine: QMP, where a test can cut the power. */
    qmp: join(machine, 'qmp.sock'),
  };
}
export type Layout = ReturnType<typeof layout>;
