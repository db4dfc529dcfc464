import { execFile } from 'node:child_process';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command, Host, Output } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { InputError } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { disksDown, disksUp } from '../../src/targets/sandbox/disks.js';
import { newDocument, withForwards } from '../../src/targets/sandbox/document.js';
import { layout } from '../../src/targets/sandbox/layout.js';
import { freePorts, portBecomesFree, portIsFree } from '../../src/targets/sandbox/ports.js';
import { packagesStep } from '../../src/targets/sandbox/packages.js';
import { disksSpec, serverSpec } from '../../src/targets/sandbox/spec.js';
import { qemuArguments, serverUp } from '../../src/targets/sandbox/vm.js';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'koprogo-machine-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const serials = { postgres: 'kopg-0a1b2c3d', documents: 'kodocs-0a1b2c3d' };
const server = (forwards: { from: number; to: number }[]) => serverSpec.parse({ directory, serials, cpus: 2, memory: 2048, forwards });

describe('the machine', () => {
  it('names its disks by serial, keeps the flushes, and listens on loopback only', () => {
    const argv = qemuArguments(layout('/srv/a,b'), server([{ from: 20022, to: 22 }, { from: 29999, to: 9999 }]));
    const line = argv.join(' ');
    expect(line).toContain('file=/srv/a,,b/machine/postgres.raw,format=raw,cache=writeback,discard=unmap -device virtio-blk-pci,drive=postgres,serial=kopg-0a1b2c3d');
    expect(line).toContain('drive=documents,serial=kodocs-0a1b2c3d');
    expect(line).not.toMatch(/cache=(unsafe|none)/);
    expect(argv).toContain('user,id=net0,ipv6=off,hostfwd=tcp:127.0.0.1:20022-:22,hostfwd=tcp:127.0.0.1:29999-:9999');
  });

  it('says which port is taken, before anything starts', async () => {
    const [port = 0] = await freePorts(1);
    const other = createServer().listen(port, '127.0.0.1');
    try {
      await expect(serverUp(server([{ from: port, to: 22 }]))).rejects.toThrow(`port ${String(port)} of this computer`);
    } finally {
      other.close();
    }
  });

  it.each([{ serials: { ...serials, postgres: 'a,file=/etc/shadow' } }, { directory: 'relative' }, { forwards: [{ from: 0, to: 22 }] }, { memory: 64 }])('refuses %j', (wrong) => {
    expect(serverSpec.safeParse({ directory, serials, cpus: 2, memory: 2048, forwards: [], ...wrong }).success).toBe(false);
  });
});

const qemuImg = await promisify(execFile)('qemu-img', ['--version']).then(
  () => undefined,
  () => 'qemu-img is not installed',
);
if (qemuImg !== undefined) console.warn(`left out, the tests of the disks: ${qemuImg}`);

describe.skipIf(qemuImg !== undefined)('the disks', () => {
  async function spec() {
    const image = { disk: join(directory, 'image.raw'), kernel: join(directory, 'kernel'), initrd: join(directory, 'initrd') };
    for (const file of Object.values(image)) await writeFile(file, Buffer.alloc(1024 * 1024));
    return disksSpec.parse({ directory: join(directory, 'sandbox'), image, sizes: { postgres: 1, documents: 2 } });
  }

  async function put(path: string, text: string, at: number): Promise<void> {
    const file = await open(path, 'r+');
    await file.write(text, at);
    await file.close();
  }

  it('are made once, and never touched again', async () => {
    const wanted = await spec();
    await disksUp(wanted, new LocalHost());
    const at = layout(wanted.directory);
    await put(at.postgres, 'PRECIOUS', 4096);
    const root = await readFile(at.root);
    await rm(wanted.image.disk);
    await disksUp({ ...wanted, sizes: { postgres: 5, documents: 5 } }, new LocalHost());
    const file = await open(at.postgres, 'r');
    const { size } = await file.stat();
    const { buffer } = await file.read(Buffer.alloc(8), 0, 8, 4096);
    await file.close();
    expect([size, buffer.toString()]).toEqual([1024 ** 3, 'PRECIOUS']);
    expect((await readFile(at.root)).equals(root)).toBe(true);
    expect((await readFile(at.base)).length).toBe(1024 * 1024);
  });

  it('are made whole when their making was cut short', async () => {
    const wanted = await spec();
    await disksUp(wanted, new LocalHost());
    const at = layout(wanted.directory);
    await rm(at.disksMade);
    await rm(at.documents);
    await writeFile(at.root, 'half');
    await disksUp(wanted, new LocalHost());
    expect((await readFile(at.root)).toString('latin1', 0, 3)).toBe('QFI');
  });

  it('are not silently replaced when one is gone', async () => {
    const wanted = await spec();
    await disksUp(wanted, new LocalHost());
    await rm(layout(wanted.directory).documents);
    await expect(disksUp(wanted, new LocalHost())).rejects.toThrow(/a disk of the sandbox's server is gone: .*documents\.raw/);
  });

  it('go away with everything', async () => {
    const wanted = await spec();
    await disksUp(wanted, new LocalHost());
    await disksDown(wanted.directory);
    await expect(readFile(layout(wanted.directory).disksMade)).rejects.toThrow('ENOENT');
    await disksDown(wanted.directory);
  });
});

describe('what a sandbox keeps', () => {
  it('has ports of its own, serials that udev shows whole, and keys', async () => {
    const document = await newDocument();
    expect(new Set(Object.values(document.ports)).size).toBe(4);
    for (const serial of Object.values(document.serials)) expect(serial).toMatch(/^[a-z0-9-]{4,20}$/);
    expect(document.hostKey.publicKey).toMatch(/^ssh-ed25519 /);
    expect(JSON.stringify(document)).not.toContain('OPENSSH PRIVATE KEY');
  });

  it('waits for a port whose program is just ending, and not for ever', async () => {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    expect(await portBecomesFree(port, 0.3)).toBe(false);
    setTimeout(() => server.close(), 300);
    expect(await portBecomesFree(port, 10)).toBe(true);
  });

  it('adds forwards and keeps those it has', async () => {
    const first = await withForwards(await newDocument(), [2375, 9999, 2375]);
    expect(first.forwards.map(({ to }) => to)).toEqual([2375, 9999]);
    expect(await withForwards(first, [9999])).toBe(first);
    const second = await withForwards(first, [5432]);
    expect(second.forwards.slice(0, 2)).toEqual(first.forwards);
    expect(await portIsFree(second.forwards[2]?.from ?? 0)).toBe(true);
  });
});

describe('the programs on this computer', () => {
  function debianWith(installed: readonly string[], ran: string[]): Host {
    return {
      async run({ argv }: Command): Promise<Output> {
        ran.push(argv.join(' '));
        const [program] = argv;
        if (program === 'terraform') return { exitCode: 0, stdout: '{"terraform_version":"1.11.4"}', stderr: '' };
        if (program !== 'dpkg-query' && program !== 'env') throw new Error(`unexpected: ${argv.join(' ')}`);
        return { exitCode: 1, stdout: installed.map((name) => `${name} installed\n`).join('') + 'swtpm config-files\n', stderr: '' };
      },
    };
  }

  it('are named when they are missing, one that was removed too', async () => {
    const check = await packagesStep({ host: debianWith(['qemu-utils'], []), progress: silent }).check();
    expect(JSON.stringify(check)).toMatch(/swtpm.*mmdebstrap.*radosgw/);
    expect(JSON.stringify(check)).not.toContain('qemu-utils');
    expect(check.state).toBe(process.getuid?.() === 0 ? 'needed' : 'blocked');
  });

  it('begin with Terraform, which Debian does not have', async () => {
    const host: Host = { run: ({ argv }) => Promise.reject(new InputError(`the program "${String(argv[0])}" is not installed`)) };
    expect(await packagesStep({ host, progress: silent }).check()).toMatchObject({ state: 'blocked', reason: expect.stringContaining('neither terraform nor tofu') as string });
  });

  it('are installed without recommendations', async () => {
    const ran: string[] = [];
    await packagesStep({ host: debianWith([], ran), progress: silent }).apply();
    expect(ran.at(-1)).toMatch(/^env DEBIAN_FRONTEND=noninteractive apt-get .* install -y --no-install-recommends qemu-system-x86 qemu-utils swtpm /);
  });
});
