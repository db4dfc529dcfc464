import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtempSync, openSync, closeSync, ftruncateSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { script } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { HEADER_BYTES, LOOK_AT_DISK, MIN_DISK_BYTES, type Obstacle, parseObstacles } from '../../src/luks/disk.js';
import { format } from '../../src/luks/format.js';
import { parseHeader } from '../../src/luks/header.js';
import { prove } from '../../src/luks/keyslots.js';
import { VOLUMES } from '../../src/luks/volumes.js';
import { Secret } from '../../src/secret.js';

const MISSING = whatIsMissing();
if (MISSING !== undefined) console.warn(`Tests against real block devices are left out: ${MISSING}`);

const SIZE = MIN_DISK_BYTES + 64 * 1024 * 1024;
const here = new LocalHost();

/** Real block devices (loop devices), and the real wipefs, blkid, lsblk and cryptsetup. Opening a volume needs device-mapper: that is in test/e2e. */
describe.skipIf(MISSING !== undefined)('a real block device', () => {
  let folder: string;
  let image: string;
  let device: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'koprogo-disk-'));
    image = join(folder, 'disk.img');
    makeBlank(image, SIZE);
    device = attach(image);
  });
  afterAll(() => {
    execFileSync('losetup', ['-d', device]);
    rmSync(folder, { recursive: true });
  });
  beforeEach(() => {
    makeBlank(image, SIZE);
    execFileSync('blockdev', ['--flushbufs', device]);
  });

  const obstacles = async (ours = ''): Promise<Obstacle[]> => {
    const { stdout } = await here.run(script(`${LOOK_AT_DISK}\nobstacles "$1" "$2"`, device, ours));
    return parseObstacles(stdout);
  };
  const write = (at: number, bytes: Uint8Array) => {
    const file = openSync(device, 'r+');
    writeSync(file, bytes, 0, bytes.length, at);
    closeSync(file);
    execFileSync('sync', [device]);
  };

  it('is blank when it is', async () => {
    expect(await obstacles()).toEqual([]);
  });

  it.each([
    ['its first byte', 0, 1, 'data'],
    ['its last byte', SIZE - 1, 1, 'beyond'],
    ['the header area, as a killed luksFormat leaves it', 32768, 1024 * 1024, 'data'],
    ['the first sector behind the header area', HEADER_BYTES, 512, 'beyond'],
    // The widest gap between two sampled blocks is below two stretches of a 768th.
    ['random bytes in the middle', SIZE / 2, 4 * 1024 * 1024, 'beyond'],
  ])('is not blank with %s', async (_, at, length, code) => {
    const bytes = randomBytes(length);
    bytes[0] = 1;
    write(at, bytes);
    expect(await obstacles()).toContainEqual({ code, at: expect.any(Number) as number });
  });

  it('shows a file system and a partition table', async () => {
    execFileSync('mkfs.ext4', ['-q', '-F', device]);
    expect(await obstacles()).toContainEqual({ code: 'signature', type: 'ext4' });
    makeBlank(image, SIZE);
    const table = Buffer.alloc(512);
    table.set([0x80, 0, 2, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 0, 1, 0], 446);
    table.set([0x55, 0xaa], 510);
    write(0, table);
    expect(await obstacles()).toContainEqual({ code: 'signature', type: 'dos' });
  });

  it('shows that it is read-only', async () => {
    execFileSync('blockdev', ['--setro', device]);
    const found = await obstacles();
    execFileSync('blockdev', ['--setrw', device]);
    expect(found).toContainEqual({ code: 'read-only' });
  });

  it('is a failure, not a blank disk, when it cannot be read', async () => {
    // wipefs fails on what is no device; the rest of the function must not go on.
    await expect(here.run(script(`${LOOK_AT_DISK}\nfound=$(obstacles "$1" "")\necho "blank:$found"`, '/dev/null'))).rejects.toThrow(/exit status/);
    await expect(here.run(script(`${LOOK_AT_DISK}\nwipefs() { return 1; }\nfound=$(obstacles "$1" "")\necho "blank:$found"`, device))).rejects.toThrow(/exit status/);
  });

  it('is formatted, opens with its passphrase alone, is recognised as ours and as foreign, and is never formatted twice', async () => {
    const request = { volume: VOLUMES.postgres, disk: device, uuid: randomUUID(), passphrase: new Secret('right-horse'), resume: false };
    await format(here, request);
    const proof = await prove(here, VOLUMES.postgres, request);
    expect(proof).toMatchObject({ offset: 32768, size: 258048 });
    expect(await prove(here, VOLUMES.postgres, { ...request, passphrase: new Secret('right-hors') })).toBeUndefined();

    const header = parseHeader(execFileSync('cryptsetup', ['luksDump', '--dump-json-metadata', device], { encoding: 'utf8' }), device);
    expect(Object.keys(header.keyslots)).toEqual(['0']);
    expect(header.segments['0']).toMatchObject({ offset: HEADER_BYTES, encryption: 'aes-xts-plain64', sector_size: 4096 });
    expect(header.keyslots['0']).toMatchObject({ key_size: 64, kdf: { type: 'argon2id', cpus: 1 } });

    expect(await obstacles(request.uuid)).toEqual([{ code: 'data', at: expect.any(Number) as number }]);
    expect(await obstacles()).toContainEqual({ code: 'luks', uuid: request.uuid, label: 'koprogo-postgres' });

    await format(here, { ...request, resume: true });
    await expect(format(here, { ...request, passphrase: new Secret('another') })).rejects.toThrow(/holds data/);
    await expect(format(here, { ...request, uuid: randomUUID(), resume: true })).rejects.toThrow(/another installation/);
    expect(await prove(here, VOLUMES.postgres, request)).toEqual(proof);

    // A header whose keyslots are gone is what a killed luksFormat leaves; it is finished, unless there is data behind it.
    execFileSync('cryptsetup', ['luksKillSlot', '-q', device, '0'], { stdio: 'ignore' });
    write(HEADER_BYTES + 4096 * 5, randomBytes(512));
    await expect(format(here, { ...request, resume: true })).rejects.toThrow(/holds data/);
    write(HEADER_BYTES + 4096 * 5, Buffer.alloc(512));
    await format(here, { ...request, resume: true });
    expect(await prove(here, VOLUMES.postgres, request)).toBeDefined();
  }, 180_000);

  it('refuses to format what is mounted or random, and changes nothing on it', async () => {
    const request = { volume: VOLUMES.postgres, disk: device, uuid: randomUUID(), passphrase: new Secret('right-horse'), resume: false };
    write(700 * 1024 * 1024, randomBytes(8 * 1024 * 1024));
    const before = digestOf(device);
    await expect(format(here, request)).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringMatching(/holds data/) as unknown });
    expect(digestOf(device)).toBe(before);
    execFileSync('mkfs.ext4', ['-q', '-F', device]);
    const mountPoint = join(folder, 'mnt');
    execFileSync('mkdir', ['-p', mountPoint]);
    execFileSync('mount', [device, mountPoint]);
    try {
      await expect(format(here, request)).rejects.toThrow(new RegExp(`is mounted on ${mountPoint}`));
    } finally {
      execFileSync('umount', [mountPoint]);
    }
  }, 60_000);
});

function digestOf(device: string): string {
  return execFileSync('sh', ['-c', 'dd if="$1" bs=1M count=1 status=none | sha256sum', 'sh', device], { encoding: 'utf8' });
}

function makeBlank(path: string, size: number): void {
  const file = openSync(path, 'w');
  ftruncateSync(file, size);
  closeSync(file);
}

function attach(image: string): string {
  return execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
}

function whatIsMissing(): string | undefined {
  if (process.getuid?.() !== 0) return 'they need root';
  for (const tool of ['cryptsetup', 'wipefs', 'blkid', 'losetup', 'mkfs.ext4', 'logger']) {
    try {
      execFileSync('which', [tool], { stdio: 'ignore' });
    } catch {
      return `the program ${tool} is not installed`;
    }
  }
  try {
    execFileSync('losetup', ['--find'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'this machine has no loop devices';
  }
}
