import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { type Command, CommandFailed, type Host, type Output } from '../../src/edges/command.js';
import { Unreachable } from '../../src/edges/ssh.js';
import { mappingId, VOLUME_LIST } from '../../src/luks/volumes.js';
import { Secret } from '../../src/secret.js';
import type { StateStore } from '../../src/state/store.js';

/** Recorded in a Debian 13 machine with cryptsetup 2.7.5: recovery passphrase in keyslot 0, TPM in keyslot 1. */
export const RECORDED_HEADER = readFileSync(new URL('fixtures/header.json', import.meta.url), 'utf8');

export const DISKS = { postgres: '/dev/disk/by-id/virtio-pgdata-0001', documents: '/dev/disk/by-id/virtio-docs-0001' };

/** What `inspection` prints: each fact with its length, all of it in base64. */
export function encodeFacts(facts: Readonly<Record<string, string>>): string {
  const text = Object.entries(facts).map(([name, value]) => `${name} ${Buffer.byteLength(value)}\n${value}\n`);
  return Buffer.from(text.join('')).toString('base64');
}

/** Documents in memory, stored as text with the secrets revealed, as the real store does. Keeps every version. */
export class MemoryState implements StateStore {
  readonly versions: string[] = [];
  async get<T>(_: string, schema: z.ZodType<T>): Promise<T | undefined> {
    const last = this.versions.at(-1);
    return last === undefined ? undefined : schema.parse(JSON.parse(last));
  }
  async put(_: string, value: unknown): Promise<void> {
    this.versions.push(
      JSON.stringify(value, function (this: Record<string, unknown>, key, shown: unknown) {
        const raw = this[key];
        return raw instanceof Secret ? raw.reveal() : shown;
      }),
    );
  }
  async remove(): Promise<void> {
    this.versions.length = 0;
  }
  async names(): Promise<string[]> {
    return this.versions.length > 0 ? ['luks'] : [];
  }
}

export interface FakeDisk {
  device: string;
  /** What `obstacles` would print when the header is not the expected one. */
  obstacles: string[];
  luks?: { uuid: string; slots: Map<string, string>; tokens: Map<string, string> };
  filesystem: string;
  bytes: number;
  /** How large the file system is. */
  extent: number;
  /** A file system was made on it, and how often: more than once would lose data. */
  formatted: number;
  madeFilesystems: number;
}

export const GIB = 2 ** 30;
/** Of the LUKS header, as recorded. */
const HEADER_BYTES = 16 * 2 ** 20;

const TPM_KEY = 'only the TPM knows';

/** How far an interrupted luksFormat gets. */
export type HalfFormat = 'random bytes' | 'no keyslot' | 'complete';

/** A Debian server with two data disks, as far as this room can see one. Fails on any command that it does not know. */
export class FakeServer implements Host {
  readonly disks = new Map<string, FakeDisk>([
    [DISKS.postgres, blank('/dev/vdb')],
    [DISKS.documents, blank('/dev/vdc')],
  ]);
  readonly open = new Map<string, { id: string; disk: FakeDisk }>();
  readonly mounts = new Map<string, { source: string; options: string }[]>();
  readonly below = new Map<string, { immutable: boolean; entries: number }>();
  readonly files = new Map<string, { content: string; mode: string; owner: string }>([
    ['/etc/crypttab', { content: '# <target name>\t<source device>\n', mode: '0644', owner: 'root:root' }],
    ['/etc/fstab', { content: 'LABEL=root / ext4 errors=remount-ro 0 1\n', mode: '0644', owner: 'root:root' }],
  ]);
  readonly directories = new Map<string, { mode: string; owner: string }>();
  readonly commands: Command[] = [];
  tpm = true;
  /** PCR 7 is no longer what it was at enrolment. */
  tpmRefuses = false;
  docker: 'absent' | 'running' | 'stopped' = 'running';
  loadedDropIns: string[] = [];
  /** Number of the command, from 1, at which the connection breaks, and whether that command still had its effect. */
  cut?: { at: number; when: 'before' | 'after'; halfFormat?: HalfFormat };

  async run(command: Command): Promise<Output> {
    this.commands.push(command);
    const cut = this.cut?.at === this.commands.length ? this.cut : undefined;
    if (cut?.when === 'before') {
      if (cut.halfFormat && command.purpose?.startsWith('format the volume')) this.#halfFormat(args(command), cut.halfFormat, textOf(command));
      throw new Unreachable('the connection was lost');
    }
    const output = this.#answer(command);
    if (cut) throw new Unreachable('the connection was lost');
    if (!(command.accept ?? [0]).includes(output.exitCode)) throw new CommandFailed(command, output, 'the fake server');
    return output;
  }

  disk(path: string): FakeDisk {
    const disk = this.disks.get(path);
    if (!disk) throw new Error(`no disk ${path}`);
    return disk;
  }

  /** Everything that is lost when the machine stops; with a TPM the volumes come back. */
  reboot(): void {
    this.open.clear();
    this.mounts.clear();
    this.directories.clear();
    this.docker = 'stopped';
  }

  #answer(command: Command): Output {
    const { purpose = '' } = command;
    const given = args(command);
    if (command.root !== true) throw new Error(`not as root: ${purpose}`);
    if (purpose === 'look at the encrypted volumes') return said(encodeFacts(this.#facts(given)));
    if (purpose.startsWith('format the volume')) return this.#format(given, textOf(command));
    if (purpose.startsWith('try the recovery passphrase')) return this.#prove(given, textOf(command));
    if (purpose.startsWith('read the key material')) return said(`${materialOf(this.disk(given[0] ?? ''))}\n`);
    if (purpose.startsWith('add a TPM key')) return this.#enroll(given, textOf(command));
    if (purpose.startsWith('remove the TPM key')) return this.#wipeTpm(given, textOf(command));
    if (purpose.startsWith('open the volume')) return this.#open(given, textOf(command));
    if (purpose.startsWith('grow ')) return this.#grow(given, textOf(command));
    if (purpose.startsWith('make the file system')) return this.#makeFilesystem(given);
    if (purpose.startsWith('write ')) return this.#write(given, textOf(command));
    switch (purpose) {
      case 'stop Docker while the volumes are prepared':
        if (this.docker !== 'absent') this.docker = 'stopped';
        return said('');
      case 'make the mount points immutable':
        for (const key of given.slice(1)) this.below.set(key, { immutable: true, entries: 0 });
        return said('');
      case 'mount the volumes':
        return this.#mount();
      case 'make the directories on the volumes':
        for (let at = 0; at < given.length; at += 3) this.directories.set(given[at] ?? '', { owner: given[at + 1] ?? '', mode: given[at + 2] ?? '' });
        return said('');
      case 'start Docker':
        if (this.docker === 'absent') return said('');
        this.docker = 'running';
        return said('started\n');
      default:
        throw new Error(`the fake server does not know: ${purpose}`);
    }
  }

  #facts(given: readonly string[]): Record<string, string> {
    const facts: Record<string, string> = {};
    VOLUME_LIST.forEach((volume, index) => {
      const [key = '', path = '', name = '', mountPoint = '', uuid = '', , size = ''] = given.slice(index * 7, index * 7 + 7);
      const disk = this.disks.get(path);
      if (disk) {
        facts[`${key}.device`] = disk.device;
        facts[`${key}.uuid`] = disk.luks?.uuid ?? '';
        if (disk.luks && disk.luks.uuid === uuid) {
          facts[`${key}.header`] = headerOf(disk);
          if (Number(size) > 0) facts[`${key}.material`] = materialOf(disk);
          if (disk.luks.tokens.size > 0 && this.tpm) facts[`${key}.token`] = this.tpmRefuses ? '1' : '0';
        } else {
          facts[`${key}.obstacles`] = obstaclesOf(disk).join('\n');
        }
      }
      const mapping = this.open.get(name);
      if (mapping) {
        facts[`${key}.mapping`] = `${mapping.id} ${mapping.disk.device.replace('/dev/', '')}`;
        facts[`${key}.filesystem`] = mapping.disk.filesystem;
        if (disk && mapping.disk.filesystem === 'ext4') facts[`${key}.extent`] = `${disk.bytes / 512} ${mapping.disk.extent / 4096} 0 2`;
      }
      const mounts = this.mounts.get(mountPoint) ?? [];
      facts[`${key}.mounts`] = mounts.length === 0 ? '' : JSON.stringify({ filesystems: mounts.map((mount) => ({ ...mount, fstype: 'ext4' })) });
    });
    if (this.below.size > 0) {
      facts['below'] = [...this.below].map(([key, { immutable, entries }]) => `----${immutable ? 'i' : '-'}---------e------- ${entries} /mnt/${key}/`).join('\n');
    }
    const dropIns = this.loadedDropIns.join(' ');
    const written = [...this.files].filter(([path]) => path.startsWith('/etc/koprogo/') || path.startsWith('/usr/local/') || path.includes('.service.d/'));
    return {
      ...facts,
      tpm: this.tpm ? 'yes' : '',
      crypttab: this.files.get('/etc/crypttab')?.content ?? '',
      fstab: this.files.get('/etc/fstab')?.content ?? '',
      docker: `LoadState=${this.docker === 'absent' ? 'not-found' : 'loaded'}\nActiveState=${this.docker === 'running' ? 'active' : 'inactive'}\nDropInPaths=${dropIns}\nNeedDaemonReload=no`,
      directories: [...this.directories].map(([path, { mode, owner }]) => `${mode.replace(/^0/, '')} ${owner} ${path}`).join('\n'),
      files: written.map(([path, { content, mode, owner }]) => `${sha256(content)} ${mode} ${owner} 0:0 ${path}`).join('\n'),
    };
  }

  #format([path = '', uuid = '', name = '', mode = '']: readonly string[], passphrase: string): Output {
    const disk = this.disk(path);
    if (disk.luks?.uuid === uuid && disk.luks.slots.get('0') === passphrase) return said('already\n');
    let found = disk.luks?.uuid === uuid ? (disk.filesystem === '' ? ['data 0'] : ['data 0', 'beyond 17000000']) : obstaclesOf(disk);
    if (mode === 'resume') found = found.filter((line) => !line.startsWith('data '));
    if (found.length > 0) return { exitCode: 20, stdout: `${found.join('\n')}\n`, stderr: '' };
    if (!name.startsWith('koprogo-')) throw new Error(`label ${name}`);
    disk.luks = { uuid, slots: new Map([['0', passphrase]]), tokens: new Map() };
    disk.obstacles = [];
    disk.formatted += 1;
    return said('formatted\n');
  }

  #halfFormat([path = '', uuid = '']: readonly string[], how: HalfFormat, passphrase: string): void {
    const disk = this.disk(path);
    if (how === 'random bytes') disk.obstacles = ['data 32768'];
    else disk.luks = { uuid, slots: new Map(how === 'complete' ? [['0', passphrase]] : []), tokens: new Map() };
  }

  #prove([path = '', uuid = '']: readonly string[], passphrase: string): Output {
    const disk = this.#expect(path, uuid);
    return disk.luks.slots.get('0') === passphrase ? said(headerOf(disk)) : { exitCode: 22, stdout: '', stderr: 'No key available with this passphrase.\n' };
  }

  #enroll([path = '', uuid = '', , ...leftovers]: readonly string[], passphrase: string): Output {
    const { luks } = this.#expect(path, uuid);
    if (luks.slots.get('0') !== passphrase) return failed('No key available with this passphrase.');
    for (const slot of leftovers) luks.slots.delete(slot);
    this.#wipeTpm([path, uuid], passphrase);
    if (!this.tpm) return failed('TPM2 support is not available.');
    luks.slots.set('1', TPM_KEY);
    luks.tokens.set('0', '1');
    this.tpmRefuses = false;
    return said('');
  }

  #wipeTpm([path = '', uuid = '']: readonly string[], passphrase: string): Output {
    const { luks } = this.#expect(path, uuid);
    if (luks.slots.get('0') !== passphrase) return failed('No key available with this passphrase.');
    for (const [token, slot] of luks.tokens) {
      luks.tokens.delete(token);
      luks.slots.delete(slot);
    }
    return said('');
  }

  #open([path = '', uuid = '', name = '', id = '']: readonly string[], passphrase: string): Output {
    const disk = this.#expect(path, uuid);
    if (this.open.has(name)) return said('already\n');
    if (disk.luks.slots.get('0') !== passphrase) return { exitCode: 22, stdout: '', stderr: '' };
    this.open.set(name, { id, disk });
    return said('opened\n');
  }

  #makeFilesystem([path = '', uuid = '', name = '', id = '']: readonly string[]): Output {
    const disk = this.#expect(path, uuid);
    if (this.open.get(name)?.id !== id) return failed('another volume');
    if (disk.filesystem === 'ext4') return said('kept\n');
    disk.filesystem = 'ext4';
    disk.extent = disk.bytes - HEADER_BYTES;
    disk.madeFilesystems += 1;
    return said('made\n');
  }

  #grow([path = '', uuid = '', name = '', id = '']: readonly string[], passphrase: string): Output {
    const disk = this.#expect(path, uuid);
    if (this.open.get(name)?.id !== id) return failed('another volume');
    if (disk.luks.slots.get('0') !== passphrase) return failed('No key available with this passphrase.');
    disk.extent = disk.bytes - HEADER_BYTES;
    return said('');
  }

  #write([path = '', mode = '', owner = '']: readonly string[], content: string): Output {
    this.files.set(path, { content, mode, owner });
    return said('');
  }

  #mount(): Output {
    const fstab = this.files.get('/etc/fstab')?.content ?? '';
    this.loadedDropIns = [...this.files.keys()].filter((path) => path.includes('docker.service.d'));
    for (const { name, mountPoint } of VOLUME_LIST) {
      if (!fstab.includes(`/dev/mapper/${name} ${mountPoint} `)) return failed(`Unit for ${mountPoint} not found.`);
      if (this.open.get(name)?.disk.filesystem !== 'ext4') return failed(`Dependency failed for ${mountPoint}`);
      this.mounts.set(mountPoint, [{ source: `/dev/mapper/${name}`, options: 'rw,nosuid,nodev,noatime' }]);
    }
    return said('');
  }

  #expect(path: string, uuid: string): FakeDisk & { luks: NonNullable<FakeDisk['luks']> } {
    const disk = this.disk(path);
    const { luks } = disk;
    if (luks?.uuid !== uuid) throw new Error(`${path} carries ${luks?.uuid ?? 'nothing'} instead of ${uuid}`);
    return Object.assign(disk, { luks });
  }
}

/** A volume that is open under the name of ours but is another. */
export function openForeign(server: FakeServer, name: string, uuid: string): void {
  const volume = VOLUME_LIST.find((one) => one.name === name);
  if (!volume) throw new Error(name);
  server.open.set(name, { id: mappingId(volume, uuid), disk: server.disk(DISKS[volume.key]) });
}

function blank(device: string): FakeDisk {
  return { device, obstacles: [], filesystem: '', bytes: 4 * GIB, extent: 0, formatted: 0, madeFilesystems: 0 };
}

function obstaclesOf(disk: FakeDisk): string[] {
  if (disk.luks) return [`luks ${disk.luks.uuid} koprogo-other`, 'data 0', 'beyond 16777216'];
  return disk.obstacles;
}

const anyHeader = z.looseObject({ keyslots: z.record(z.string(), z.unknown()), tokens: z.record(z.string(), z.looseObject({ keyslots: z.array(z.string()) })) });

function headerOf({ luks }: FakeDisk): string {
  const header = anyHeader.parse(JSON.parse(RECORDED_HEADER));
  const keyslots = Object.fromEntries([...(luks?.slots.keys() ?? [])].map((slot) => [slot, header.keyslots[slot === '0' ? '0' : '1']]));
  const tokens = Object.fromEntries([...(luks?.tokens ?? [])].map(([token, slot]) => [token, { ...header.tokens['0'], keyslots: [slot] }]));
  return JSON.stringify({ ...header, keyslots, tokens });
}

function materialOf({ luks }: FakeDisk): string {
  return sha256(`${luks?.uuid ?? ''} ${luks?.slots.get('0') ?? ''}`);
}

function args(command: Command): string[] {
  const at = command.argv.indexOf('koprogo');
  return command.argv.slice(at + 1);
}

function textOf({ input }: Command): string {
  if (input instanceof Secret) return input.reveal();
  if (typeof input === 'string') return input;
  throw new Error('a text was expected on standard input');
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

const said = (stdout: string): Output => ({ exitCode: 0, stdout, stderr: '' });
const failed = (stderr: string): Output => ({ exitCode: 1, stdout: '', stderr });
