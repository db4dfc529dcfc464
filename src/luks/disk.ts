import { InfraError } from '../errors.js';
import { say } from './words.js';

/** Where the data of our volumes begins: the LUKS2 header and its keyslots lie before it. `luksFormat` is told so. */
export const HEADER_BYTES = 16 * 1024 * 1024;
/** A disk below this is a mistake: the header alone takes 16 MiB. */
export const MIN_DISK_BYTES = 1024 ** 3;

/**
 * Shell functions that look at one disk and only read.
 *
 * `luks_uuid DEV` prints the UUID of a LUKS header, or nothing.
 * `obstacles DEV OURS` prints one line for everything that forbids formatting; a blank disk gives no line. A LUKS
 * header with the UUID OURS is no obstacle in itself.
 *
 * Signatures are not enough: random bytes, or a file system whose start was overwritten, have none. So the disk is
 * sampled too: both ends whole, the place behind a LUKS header, and one random block in each of 768 stretches.
 * perl is there on every Debian (perl-base is essential), and one process reads it all in well under a second.
 */
export const LOOK_AT_DISK = String.raw`
# Without this a failure inside $( ) goes unnoticed, and a disk that could not be read would look blank.
shopt -s inherit_errexit
luks_uuid() {
  local field value type='' uuid=''
  while IFS='=' read -r field value; do
    case $field in TYPE) type=$value ;; UUID) uuid=$value ;; esac
  done < <(blkid -p -o export "$1")
  if [ "$type" = crypto_LUKS ]; then echo "$uuid"; fi
}
obstacles() {
  local dev=$1 ours=$2 size type types code=0
  size=$(blockdev --getsize64 "$dev")
  if [ "$size" -lt ${MIN_DISK_BYTES} ]; then echo "small $size"; fi
  if [ "$(blockdev --getro "$dev")" != 0 ]; then echo read-only; fi
  lsblk -nrpo NAME,TYPE,MOUNTPOINTS "$dev" | {
    local first=1 name type where
    while read -r name type where; do
      if [ -n "$where" ]; then echo "mounted $name $where"; fi
      if [ "$first" = 1 ]; then first=0
      elif [ "$type" = part ]; then echo "partition $name"
      else echo "held $name $type"; fi
    done
  }
  types=$(wipefs --noheadings --output TYPE "$dev" | sort -u)
  for type in $types; do
    if [ "$type" != crypto_LUKS ]; then echo "signature $type"
    elif [ "$(luks_uuid "$dev")" != "$ours" ] || [ -z "$ours" ]; then
      echo "luks $(luks_uuid "$dev") $(blkid -p -o value -s LABEL "$dev" || true)"
    fi
  done
  blkid -p "$dev" >/dev/null || code=$?
  if [ "$code" != 2 ] && [ -z "$types" ]; then echo "signature unknown"; fi
  perl -e '
    use strict; use Fcntl qw(:DEFAULT :seek);
    my ($dev, $header) = @ARGV;
    sysopen(my $disk, $dev, O_RDONLY) or die "$dev: $!\n";
    my $size = sysseek($disk, 0, SEEK_END);
    my (%first, $piece);
    my $look = sub {
      my ($at, $length) = @_;
      $at = 0 if $at < 0;
      sysseek($disk, $at, SEEK_SET);
      my $read = sysread($disk, $piece, $length);
      defined $read or die "$dev cannot be read at byte $at: $!\n";
      return unless $piece =~ /[^\0]/;
      my $where = $at + $-[0];
      my $area = $where < $header ? "data" : "beyond";
      $first{$area} = $where if !defined $first{$area} || $where < $first{$area};
    };
    my $mib = 1048576;
    $look->($_ * $mib, $mib) for 0 .. 3;
    $look->($header, $mib);
    $look->($size - $mib, $mib);
    my $stretch = int($size / 768);
    $look->(int(($_ * $stretch + int(rand($stretch))) / 4096) * 4096, 4096) for 0 .. 767;
    print "$_ $first{$_}\n" for sort keys %first;
    sysopen(my $alone, $dev, O_RDONLY | O_EXCL) or print "busy\n";
  ' "$dev" ${HEADER_BYTES}
}
`;

/** One thing that forbids formatting a disk, as the shell function `obstacles` names it. */
export type Obstacle =
  | { code: 'small'; bytes: number }
  | { code: 'read-only' | 'busy' }
  | { code: 'mounted'; device: string; where: string }
  | { code: 'partition'; device: string }
  | { code: 'held'; device: string; by: string }
  | { code: 'signature'; type: string }
  | { code: 'luks'; uuid: string; label: string }
  /** The first byte of the sample that is not zero: `data` inside the area of a LUKS2 header, `beyond` behind it. */
  | { code: 'data' | 'beyond'; at: number };

/** Reads what `obstacles` printed. Throws InfraError on any line that it could not have printed. */
export function parseObstacles(text: string): Obstacle[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map(parseObstacle);
}

function parseObstacle(line: string): Obstacle {
  const [code = '', first = '', ...more] = line.split(' ');
  const rest = more.join(' ').trim();
  switch (code) {
    case 'small':
      return { code, bytes: wholeNumber(first, line) };
    case 'read-only':
    case 'busy':
      return { code };
    case 'mounted':
      return { code, device: first, where: rest };
    case 'partition':
      return { code, device: first };
    case 'held':
      return { code, device: first, by: rest };
    case 'signature':
      return { code, type: first };
    case 'luks':
      return { code, uuid: first, label: rest };
    case 'data':
    case 'beyond':
      return { code, at: wholeNumber(first, line) };
    default:
      throw new InfraError(say('disk.unknownWords', { line: line.slice(0, 80) }));
  }
}

function wholeNumber(text: string, line: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InfraError(say('disk.wrongNumber', { line: line.slice(0, 80) }));
  return Number(text);
}

const PARTITION_TABLES = new Set(['dos', 'gpt', 'PMBR', 'sun', 'sgi', 'bsd', 'mac', 'atari']);

/** What was found, in words that end a sentence beginning with the disk: "it …". */
export function describeObstacle(obstacle: Obstacle): string {
  switch (obstacle.code) {
    case 'small':
      return say('obstacle.small', { mebibytes: (obstacle.bytes / 1024 ** 2).toFixed(0) });
    case 'read-only':
      return say('obstacle.readOnly');
    case 'busy':
      return say('obstacle.busy');
    case 'mounted':
      return obstacle.where === '[SWAP]' ? say('obstacle.swap', { device: obstacle.device }) : say('obstacle.mounted', { device: obstacle.device, where: obstacle.where });
    case 'partition':
      return say('obstacle.partition', { device: obstacle.device });
    case 'held':
      return say('obstacle.held', { device: obstacle.device, by: obstacle.by });
    case 'signature':
      return PARTITION_TABLES.has(obstacle.type) ? say('obstacle.table', { type: obstacle.type }) : say('obstacle.signature', { type: obstacle.type });
    case 'luks':
      return obstacle.label === '' ? say('obstacle.luks', { uuid: obstacle.uuid }) : say('obstacle.luksLabelled', { uuid: obstacle.uuid, label: obstacle.label });
    case 'data':
    case 'beyond':
      return say('obstacle.data', { at: obstacle.at });
  }
}

/** One sentence on a disk that must not be formatted, and what to do about it. */
export function refusal(disk: string, found: readonly Obstacle[]): { reason: string; hints: string[] } {
  const things = found.map(describeObstacle);
  const hints = [say('refusal.look', { disk })];
  if (found.some(({ code }) => code === 'mounted' || code === 'held' || code === 'busy')) {
    hints.push(say('refusal.free'));
  } else if (found.some(({ code }) => code !== 'small' && code !== 'read-only')) {
    hints.push(say('refusal.erase', { disk }));
  } else {
    hints.push(say('refusal.other'));
  }
  return { reason: say('refusal.reason', { disk, things: things.join(say('join')) }), hints };
}
