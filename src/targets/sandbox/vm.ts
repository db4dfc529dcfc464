import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import { CommandFailed } from '../../edges/command.js';
import { LocalHost } from '../../edges/process.js';
import { InfraError } from '../../errors.js';
import { type Daemon, pidOf, stopDaemon } from './daemons.js';
import { layout, type Layout } from './layout.js';
import { portBecomesFree } from './ports.js';
import type { ServerSpec } from './spec.js';
import { say } from './words.js';

const SHUTDOWN_SECONDS = 5;

/** Starts the server's machine, a QEMU process in the background, unless it runs. Returns when QEMU has taken its disks; the guest boots on. */
export async function serverUp(spec: ServerSpec): Promise<void> {
  const at = layout(spec.directory);
  if ((await pidOf(qemuOf(at))) !== undefined) return;
  await stopDaemon(swtpmOf(at));
  for (const { from } of spec.forwards) {
    if (!(await portBecomesFree(from))) {
      throw new InfraError(say('vm.portTaken', { from }), { hints: [`ss -ltnp 'sport = :${from}'`] });
    }
  }
  await rm(at.qmp, { force: true });
  // In the machine's own folder, with sockets named relative to it: the path of a socket cannot be longer than 107 bytes.
  const host = new LocalHost({ cwd: at.machine });
  await host.run({ argv: swtpmArguments(at), purpose: say('vm.tpm') });
  try {
    await host.run({ argv: qemuArguments(at, spec), timeout: 120, purpose: say('vm.machine') });
  } catch (error) {
    await stopDaemon(swtpmOf(at));
    if (!(error instanceof CommandFailed)) throw error;
    throw new InfraError(error.message, { hints: [`tail -n 20 ${at.console}`, 'df -h; free -m'], cause: error });
  }
}

/** Switches the machine off without asking the guest: what is about to be deleted or restarted needs no good-bye. */
export async function stopServer(directory: string): Promise<void> {
  const at = layout(directory);
  await stopDaemon(qemuOf(at), SHUTDOWN_SECONDS);
  await stopDaemon(swtpmOf(at));
}

/** The pid of the running machine, undefined when it does not run. */
export function serverPid(directory: string): Promise<number | undefined> {
  return pidOf(qemuOf(layout(directory)));
}

function qemuOf(at: Layout): Daemon {
  return { program: 'qemu-system-x86_64', pidFile: at.qemuPid, marker: at.root };
}

function swtpmOf(at: Layout): Daemon {
  return { program: 'swtpm', pidFile: at.swtpmPid, marker: at.tpm };
}

/** `--terminate`: it ends when QEMU goes away, so that none is left behind after a power cut. */
function swtpmArguments(at: Layout): string[] {
  return ['swtpm', 'socket', '--tpm2', '--tpmstate', `dir=${at.tpm},mode=0600`, '--ctrl', 'type=unixio,path=swtpm.sock', '--flags', 'not-need-init', '--terminate', '--daemon', '--pid', `file=${at.swtpmPid}`];
}

/**
 * Disks are named by serial: letters move between boots. `cache=writeback` keeps the guest's flushes, so that what it was
 * told to be on disk survives a power cut, as on a real server.
 */
export function qemuArguments(at: Layout, spec: ServerSpec): string[] {
  const disk = (id: string, file: string, format: string, serial: string) => [
    '-drive', `if=none,id=${id},file=${escaped(file)},format=${format},cache=writeback,discard=unmap`,
    '-device', `virtio-blk-pci,drive=${id},serial=${serial}`,
  ];
  const forwards = spec.forwards.map(({ from, to }) => `,hostfwd=tcp:127.0.0.1:${from}-:${to}`).join('');
  return [
    'qemu-system-x86_64', '-name', 'koprogo-sandbox', '-nodefaults', '-machine', 'q35,usb=off',
    ...(kvmWorks() ? ['-accel', 'kvm', '-cpu', 'host'] : ['-accel', 'tcg,thread=multi', '-cpu', 'max']),
    '-smp', String(spec.cpus), '-m', String(spec.memory),
    '-kernel', at.kernel, '-initrd', at.initrd, '-append', 'root=LABEL=root rw console=ttyS0 quiet systemd.show_status=1',
    ...disk('root', at.root, 'qcow2', 'root'),
    ...disk('postgres', at.postgres, 'raw', spec.serials.postgres),
    ...disk('documents', at.documents, 'raw', spec.serials.documents),
    '-drive', `if=none,id=seed,file=${escaped(at.seed)},format=raw,readonly=on`, '-device', 'virtio-blk-pci,drive=seed,serial=seed',
    '-chardev', 'socket,id=chrtpm,path=swtpm.sock', '-tpmdev', 'emulator,id=tpm0,chardev=chrtpm', '-device', 'tpm-crb,tpmdev=tpm0',
    '-netdev', `user,id=net0,ipv6=off${forwards}`, '-device', 'virtio-net-pci,netdev=net0,romfile=',
    '-device', 'virtio-rng-pci', '-display', 'none',
    '-serial', `file:${basename(at.console)}`, '-qmp', `unix:${basename(at.qmp)},server=on,wait=off`,
    '-daemonize', '-pidfile', at.qemuPid,
  ];
}

/** In the value of a QEMU option a comma is written twice. */
function escaped(value: string): string {
  return value.replaceAll(',', ',,');
}

/** Whether this processor can really virtualise: /dev/kvm may exist and open where it cannot. */
function kvmWorks(): boolean {
  try {
    closeSync(openSync('/dev/kvm', constants.O_RDWR));
    return /^flags\s*:.*\b(vmx|svm)\b/m.test(readFileSync('/proc/cpuinfo', 'utf8'));
  } catch {
    return false;
  }
}
