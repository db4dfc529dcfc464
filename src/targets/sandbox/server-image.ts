import { chmod, copyFile, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Host } from '../../edges/command.js';
import { InfraError } from '../../errors.js';
import type { Progress } from '../../progress.js';
import { SERVER_PACKAGES } from '../../server/packages.js';
import type { Step } from '../../step.js';
import { buildFolder, checkBuild, debianRoot, runBuild } from './build.js';
import { say } from './words.js';

/** What a provider's cloud image has before anybody installs anything. */
const CLOUD_IMAGE_PACKAGES: readonly string[] = [
  'systemd-sysv', 'libpam-systemd', 'dbus', 'udev', 'kmod', 'linux-image-cloud-amd64', 'initramfs-tools', 'cloud-init', 'netcat-openbsd',
  'openssh-server', 'sudo', 'iproute2', 'iputils-ping', 'procps', 'less', 'logrotate', 'tzdata',
];
const SUITE = 'trixie';
/** The root disk's size in bytes; a sparse file. */
const ROOT_SIZE = 12 * 1024 ** 3;

/**
 * The configuration of a cloud image, for one network card and one source of cloud-init: guessing is slow under emulation.
 * 10.0.2.3 is the name server of QEMU's user network. The last file ends cloud-init's work with the first boot,
 * because looking again costs half a minute on each further one.
 */
const FILES: Readonly<Record<string, { content: string; mode?: number }>> = {
  'etc/fstab': { content: 'LABEL=root / ext4 errors=remount-ro 0 1\n' },
  'etc/hostname': { content: 'koprogo\n' },
  'etc/resolv.conf': { content: 'nameserver 10.0.2.3\n' },
  'etc/machine-id': { content: '' },
  'etc/systemd/network/10-ether.network': { content: '[Match]\nType=ether\nKind=!*\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n\n[DHCPv4]\nUseDNS=no\n' },
  'etc/cloud/cloud.cfg.d/90-sandbox.cfg': { content: 'datasource_list: [NoCloud, None]\nnetwork: {config: disabled}\n' },
  'var/lib/cloud/scripts/per-instance/last-boot': { content: '#!/bin/sh\ntouch /etc/cloud/cloud-init.disabled\n', mode: 0o755 },
};
const LINKS: Readonly<Record<string, string>> = {
  'etc/systemd/system/multi-user.target.wants/systemd-networkd.service': '/usr/lib/systemd/system/systemd-networkd.service',
  'etc/systemd/system/sockets.target.wants/systemd-networkd.socket': '/usr/lib/systemd/system/systemd-networkd.socket',
  'etc/systemd/system/network-online.target.wants/systemd-networkd-wait-online.service': '/usr/lib/systemd/system/systemd-networkd-wait-online.service',
};

const PACKAGES = [...new Set([...CLOUD_IMAGE_PACKAGES, ...SERVER_PACKAGES])];
const IMAGE = { name: 'server-image', recipe: { version: 1, SUITE, PACKAGES, ROOT_SIZE, FILES, LINKS } };

/** The finished image: the root disk as a raw file, and the kernel and initrd that QEMU boots directly. */
export interface ServerImage {
  disk: string;
  kernel: string;
  initrd: string;
}

export function serverImage(cache: string): ServerImage {
  const folder = buildFolder(cache, IMAGE);
  return { disk: join(folder, 'disk.raw'), kernel: join(folder, 'vmlinuz'), initrd: join(folder, 'initrd.img') };
}

/** The Debian 13 image that the sandbox's server starts from, built once and kept in the cache. */
export function serverImageStep(options: { cache: string; host: Host; progress: Progress }): Step {
  const { cache, host, progress } = options;
  return {
    id: 'sandbox-image',
    title: say('image.title'),
    onServer: false,
    check: () => Promise.resolve(checkBuild(cache, IMAGE, say('image'))),
    apply: () =>
      runBuild(cache, {
        ...IMAGE,
        fill: async (folder) => {
          const root = join(folder, 'root');
          await debianRoot(host, { suite: SUITE, variant: 'minbase', packages: PACKAGES, into: root }, say('image'), progress);
          await configure(root);
          await takeKernel(root, folder);
          progress.update(say('image.writing'));
          await writeDisk(host, root, join(folder, 'disk.raw'));
          await rm(root, { recursive: true, force: true });
        },
      }),
  };
}

async function configure(root: string): Promise<void> {
  // Made while the package was installed, and the same in every copy of this image: cloud-init brings the server's own.
  for (const name of await readdir(join(root, 'etc', 'ssh'))) if (name.startsWith('ssh_host_')) await rm(join(root, 'etc', 'ssh', name));
  for (const [path, { content, mode }] of Object.entries(FILES)) {
    const file = join(root, path);
    await mkdir(dirname(file), { recursive: true, mode: 0o755 });
    // It may be a link out of this folder, to a file of this computer.
    await rm(file, { force: true });
    await writeFile(file, content);
    await chmod(file, mode ?? 0o644);
  }
  for (const [path, target] of Object.entries(LINKS)) {
    await mkdir(dirname(join(root, path)), { recursive: true, mode: 0o755 });
    await rm(join(root, path), { force: true });
    await symlink(target, join(root, path));
  }
}

async function takeKernel(root: string, folder: string): Promise<void> {
  const names = (await readdir(join(root, 'boot'))).sort();
  for (const [prefix, to] of [['vmlinuz-', 'vmlinuz'], ['initrd.img-', 'initrd.img']] as const) {
    const name = names.filter((each) => each.startsWith(prefix)).at(-1);
    if (name === undefined) throw new InfraError(say('image.noKernel', { prefix }));
    await copyFile(join(root, 'boot', name), join(folder, to));
  }
}

/** `mke2fs -d` fills the file system from the folder: no loop device, no mount, nothing to clean up. */
async function writeDisk(host: Host, root: string, disk: string): Promise<void> {
  const options = 'root_owner=0:0,lazy_itable_init=1,lazy_journal_init=1';
  await host.run({
    argv: ['mke2fs', '-q', '-F', '-t', 'ext4', '-L', 'root', '-m', '1', '-E', options, '-d', root, disk, `${ROOT_SIZE / 1024}k`],
    timeout: 900,
    purpose: say('image.filesystem'),
  });
  await chmod(disk, 0o444);
}
