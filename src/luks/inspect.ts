import { z } from 'zod';
import { type Command, type Host, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import { type ManagedFile, readFiles } from '../server/files.js';
import { LOOK_AT_DISK, type Obstacle, parseObstacles } from './disk.js';
import { gateFiles } from './gate.js';
import { type LuksHeader, parseHeader } from './header.js';
import type { LuksDocument } from './record.js';
import { DIRECTORIES, type DiskId, VOLUME_LIST, type VolumeKey, VOLUMES_ROOT } from './volumes.js';
import { say } from './words.js';

/** What is known of one volume's disk, mapping and mount point. */
export interface VolumeFacts {
  /** The kernel's name of the disk, such as /dev/vdb; undefined when no such disk is there. */
  device?: string;
  /** UUID of the LUKS header on the disk. */
  uuid?: string;
  /** Only looked for where the header is not the expected one. */
  obstacles: Obstacle[];
  /** Undefined where the header is not the expected one, or is damaged. */
  header?: LuksHeader;
  /** SHA-256 of the key material of the recovery passphrase's keyslot. */
  material?: string;
  /** The TPM opened the volume just now; undefined where there is no TPM or no token. */
  tpmOpens?: boolean;
  /** The open volume below /dev/mapper: its id in the kernel, the disk below it, its file system ('' for none). */
  mapping?: { id: string; device: string; filesystem: string };
  /** Bytes of the disk, and of the ext4 on the open volume; undefined where either is not there. */
  extent?: { disk: number; filesystem: number };
  mounts: { source: string; fstype: string; options: string }[];
  /** The directory of the root disk below the mount. */
  below?: { immutable: boolean; entries: number };
}

export interface ServerFacts {
  volumes: Record<VolumeKey, VolumeFacts>;
  tpm: boolean;
  crypttab: string;
  fstab: string;
  docker: { installed: boolean; active: boolean; dropIns: string[]; needsReload: boolean };
  directories: Map<string, { mode: string; owner: string }>;
  /** What `readFiles` printed about the files of the gate. */
  files: string;
}

/**
 * Every fact is a line with its name and the number of its bytes, then those bytes: no text of the machine can pass for
 * another fact. All of it together is base64, so that no locale or terminal can change it. Few processes are started,
 * because each costs tens of milliseconds on an emulated machine.
 */
const INSPECT = String.raw`
PATH=/usr/sbin:/usr/bin:/sbin:/bin
LC_ALL=C
${LOOK_AT_DISK}
for tool in cryptsetup systemd-cryptenroll blkid wipefs lsblk findmnt perl flock mkfs.ext4 e2fsck chattr logger; do
  command -v "$tool" >/dev/null || { echo "the program $tool is not installed (packages cryptsetup, systemd-cryptsetup, e2fsprogs, util-linux)" >&2; exit 1; }
done
say() { printf '%s %d\n%s\n' "$1" "${'${#2}'}" "$2"; }
contents() { local text=''; if [ -e "$2" ]; then text=$(cat "$2"; printf x); text=${'${text%x}'}; fi; say "$1" "$text"; }
volume() {
  local key=$1 disk=$2 name=$3 mount=$4 uuid=$5 offset=$6 size=$7 dev found header code=0 mapping below text sectors='' blocks
  if [ -b "$disk" ]; then
    dev=$(readlink -f "$disk")
    read -r sectors <"/sys/class/block/${'${dev##*/}'}/size"
    say "$key.device" "$dev"
    found=$(luks_uuid "$dev")
    say "$key.uuid" "$found"
    if [ -n "$found" ] && [ "$found" = "$uuid" ]; then
      header=$(cryptsetup luksDump --dump-json-metadata "$dev" 2>/dev/null || true)
      say "$key.header" "$header"
      if [ "$size" -gt 0 ]; then
        text=$(dd if="$dev" bs=1M iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$size" status=none | sha256sum)
        say "$key.material" "${'${text%% *}'}"
      fi
      if [[ $header == *'"systemd-tpm2"'* ]] && [ -e /dev/tpmrm0 ]; then
        timeout 30 cryptsetup open --test-passphrase --token-only --token-type systemd-tpm2 "$dev" </dev/null >/dev/null 2>&1 || code=$?
        say "$key.token" "$code"
      fi
    else
      text=$(obstacles "$dev" "$uuid")
      say "$key.obstacles" "$text"
    fi
  fi
  if [ -e "/dev/mapper/$name" ]; then
    mapping=$(readlink -f "/dev/mapper/$name")
    below=("/sys/class/block/${'${mapping##*/}'}/slaves"/*)
    say "$key.mapping" "$(cat "/sys/class/block/${'${mapping##*/}'}/dm/uuid") ${'${below[*]##*/}'}"
    text=$(blkid -p -o value -s TYPE "/dev/mapper/$name" || true)
    say "$key.filesystem" "$text"
    if [ "$text" = ext4 ] && [ -n "$sectors" ]; then
      # Of the superblock: the number of blocks, its lower half and its upper, and how large one is.
      blocks=($(od -An -v -tu4 -w336 -j1028 -N336 "/dev/mapper/$name"))
      say "$key.extent" "$sectors ${'${blocks[0]} ${blocks[83]} ${blocks[5]}'}"
    fi
  fi
  text=$(findmnt -J -o SOURCE,FSTYPE,OPTIONS --mountpoint "$mount" || true)
  say "$key.mounts" "$text"
}
all() {
  local text count
  for _ in 1 2; do volume "$1" "$2" "$3" "$4" "$5" "$6" "$7"; shift 7; done
  if [ -d "$1" ]; then
    # Bound elsewhere without what is mounted inside it, the folder shows the directories below the mounts.
    text=$(unshare -m bash -euc '
      shopt -s nullglob dotglob
      mount --bind "$1" /mnt
      folders=(/mnt/*/)
      if [ "${'${#folders[@]}'}" -gt 0 ]; then
        lsattr -d "${'${folders[@]}'}" | while read -r flags folder; do entries=("$folder"*); echo "$flags ${'${#entries[@]}'} $folder"; done
      fi
    ' below "$1")
    say below "$text"
  fi
  text=''
  if [ -e /dev/tpmrm0 ]; then text=yes; fi
  say tpm "$text"
  contents crypttab /etc/crypttab
  contents fstab /etc/fstab
  text=$(systemctl show docker.service -p LoadState,ActiveState,DropInPaths,NeedDaemonReload)
  say docker "$text"
  count=$2
  shift 2
  text=$(stat -c '%a %u:%g %n' "${'${@:1:$count}'}" 2>/dev/null || true)
  say directories "$text"
  shift "$count"
  text=$("$@")
  say files "$text"
}
all "$@" | base64 -w0
`;

export interface Look {
  disks: Readonly<Record<VolumeKey, DiskId>>;
  /** What was prepared or made before; without it no header is ours. */
  document?: LuksDocument | undefined;
}

/** One command that reads everything about both volumes. Read its output with `parseFacts`. */
export function inspection({ disks, document }: Look): Command {
  const volumes = VOLUME_LIST.flatMap((volume) => {
    const record = document?.volumes[volume.key];
    const { offset = 0, size = 0 } = record?.proof ?? {};
    return [volume.key, disks[volume.key], volume.name, volume.mountPoint, record?.uuid ?? '', String(offset), String(size)];
  });
  const files: readonly ManagedFile[] = document ? gateFiles(document) : [];
  const directories = DIRECTORIES.map(({ path }) => path);
  return {
    ...script(INSPECT, ...volumes, VOLUMES_ROOT, String(directories.length), ...directories, ...readFiles(files).argv),
    root: true,
    timeout: 300,
    purpose: say('inspect.purpose'),
  };
}

/** Runs `inspection` and reads what it says. */
export async function inspect(server: Host, look: Look): Promise<ServerFacts> {
  const { stdout } = await server.run(inspection(look));
  return parseFacts(stdout, look.disks);
}

/** Throws InfraError on anything that `inspection` could not have printed, a cut output included. */
export function parseFacts(stdout: string, disks: Look['disks']): ServerFacts {
  const said = readFacts(stdout);
  const volumes = { postgres: volumeFacts('postgres', said, disks), documents: volumeFacts('documents', said, disks) };
  const docker = Object.fromEntries(linesOf(said.get('docker')).map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
  return {
    volumes,
    tpm: said.get('tpm') !== '',
    crypttab: said.get('crypttab') ?? '',
    fstab: said.get('fstab') ?? '',
    docker: {
      installed: docker['LoadState'] === 'loaded',
      active: docker['ActiveState'] === 'active' || docker['ActiveState'] === 'activating',
      dropIns: (docker['DropInPaths'] ?? '').split(' ').filter((path) => path !== ''),
      needsReload: docker['NeedDaemonReload'] === 'yes',
    },
    directories: new Map(linesOf(said.get('directories')).map(directoryOf)),
    files: said.get('files') ?? '',
  };
}

const VOLUME_FIELDS = ['device', 'uuid', 'header', 'material', 'token', 'obstacles', 'mapping', 'filesystem', 'extent', 'mounts'];
const SERVER_FIELDS = ['below', 'tpm', 'crypttab', 'fstab', 'docker', 'directories', 'files'];
const FIELDS = new Set([...SERVER_FIELDS, ...VOLUME_LIST.flatMap(({ key }) => VOLUME_FIELDS.map((field) => `${key}.${field}`))]);
/** There in every complete output. */
const REQUIRED = [...SERVER_FIELDS.filter((field) => field !== 'below'), ...VOLUME_LIST.map(({ key }) => `${key}.mounts`)];

function readFacts(stdout: string): Map<string, string> {
  const encoded = stdout.trim();
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(encoded) || encoded.length % 4 !== 0) throw unreadable(say('unreadable.base64'));
  const bytes = Buffer.from(encoded, 'base64');
  const said = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const lineEnd = bytes.indexOf(0x0a, at);
    const [, field = '', length = ''] = /^([a-z.]{1,40}) (\d{1,8})$/.exec(bytes.toString('latin1', at, lineEnd < 0 ? at : lineEnd)) ?? [];
    const start = lineEnd + 1;
    const end = start + Number(length);
    if (!FIELDS.has(field) || said.has(field) || bytes[end] !== 0x0a) throw unreadable(say('unreadable.byte', { at }));
    const value = bytes.subarray(start, end);
    const text = value.toString('utf8');
    // A table that is not UTF-8 would come back changed.
    if (!Buffer.from(text, 'utf8').equals(value)) throw unreadable(say('unreadable.utf8', { field }));
    said.set(field, text);
    at = end + 1;
  }
  for (const field of REQUIRED) if (!said.has(field)) throw unreadable(say('unreadable.missing', { field }));
  return said;
}

const mountsSchema = z.object({
  filesystems: z.array(z.object({ source: z.string(), fstype: z.string(), options: z.string() })),
});

function volumeFacts(key: VolumeKey, said: ReadonlyMap<string, string>, disks: Look['disks']): VolumeFacts {
  const get = (field: string) => said.get(`${key}.${field}`)?.trim();
  const device = get('device');
  const uuid = get('uuid');
  const header = get('header');
  const material = get('material');
  const token = get('token');
  const [id, below, ...others] = (get('mapping') ?? '').split(' ');
  const extent = get('extent');
  const mounts = get('mounts') ?? '';
  const dir = linesOf(said.get('below')).find((line) => line.endsWith(` /mnt/${key}/`));
  return {
    obstacles: parseObstacles(get('obstacles') ?? ''),
    mounts: mounts === '' ? [] : parseMounts(mounts),
    ...(device ? { device } : {}),
    ...(uuid ? { uuid } : {}),
    ...(header ? { header: parseHeader(header, disks[key]) } : {}),
    ...(material ? { material } : {}),
    ...(token ? { tpmOpens: token === '0' } : {}),
    ...(id ? { mapping: { id, device: others.length === 0 && below ? `/dev/${below}` : '', filesystem: get('filesystem') ?? '' } } : {}),
    ...(extent ? { extent: extentOf(extent) } : {}),
    ...(dir ? { below: belowOf(dir) } : {}),
  };
}

function parseMounts(text: string): VolumeFacts['mounts'] {
  try {
    return mountsSchema.parse(JSON.parse(text)).filesystems;
  } catch (cause) {
    throw unreadable(say('unreadable.findmnt'), cause);
  }
}

function extentOf(text: string): NonNullable<VolumeFacts['extent']> {
  const [, sectors, low, high, log] = /^(\d{1,12}) (\d{1,10}) (\d{1,10}) ([0-6])$/.exec(text) ?? [];
  if (log === undefined) throw unreadable(`"${text.slice(0, 60)}"`);
  return { disk: Number(sectors) * 512, filesystem: (Number(high) * 2 ** 32 + Number(low)) * 1024 * 2 ** Number(log) };
}

function belowOf(line: string): { immutable: boolean; entries: number } {
  const [, flags, entries] = /^(\S+) (\d+) \S+$/.exec(line) ?? [];
  if (flags === undefined || entries === undefined) throw unreadable(`"${line.slice(0, 60)}"`);
  return { immutable: flags.includes('i'), entries: Number(entries) };
}

function directoryOf(line: string): [string, { mode: string; owner: string }] {
  const [, mode, owner, path] = /^([0-7]{1,4}) (\d+:\d+) (\/.*)$/.exec(line) ?? [];
  if (mode === undefined || owner === undefined || path === undefined) throw unreadable(`"${line.slice(0, 60)}"`);
  return [path, { mode: mode.padStart(4, '0'), owner }];
}

function linesOf(text: string | undefined): string[] {
  return (text ?? '').split('\n').filter((line) => line !== '');
}

function unreadable(what: string, cause?: unknown): InfraError {
  return new InfraError(say('unreadable', { what }), {
    hints: ['koprogo-infra setup --plan', say('unreadable.login')],
    cause,
  });
}
