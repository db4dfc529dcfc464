import { type Host, script } from '../edges/command.js';
import { say } from './words.js';

/** What wears a server down while nobody looks. */
export interface Upkeep {
  /** The server's clock, in seconds since 1970; undefined where it could not be read. */
  clock: number | undefined;
  /** In KiB; a volume that is not mounted is not among them. */
  disks: { place: string; free: number; total: number }[];
  memory: { available: number; total: number } | undefined;
  /** Names of the packages that wait for a reboot; undefined where none does. */
  reboot: string[] | undefined;
  failedUnits: string[];
  /** When security updates were last installed, or looked for without finding any, in seconds since 1970. */
  updated: number | undefined;
}

/** /run/reboot-required is made by unattended-upgrades and by the kernel's package; the stamps are apt's own. */
const PROBE = `
echo "clock $(date +%s)"
for place in / "$@"; do
  if [ "$place" = / ] || mountpoint -q "$place"; then df -Pk "$place" | awk -v place="$place" 'NR == 2 { print "disk " place " " $4 " " $2 }'; fi
done
awk '/^MemTotal:/ { total = $2 } /^MemAvailable:/ { print "memory " $2 " " total }' /proc/meminfo
if [ -e /run/reboot-required ]; then echo "reboot $(sort -u /run/reboot-required.pkgs 2>/dev/null | head -n 10 | tr '\\n' ' ')"; fi
systemctl list-units --state=failed --plain --no-legend --full 2>/dev/null | head -n 50 | awk '{ print "failed " $1 }'
for stamp in upgrade-stamp unattended-upgrades-stamp; do stat -c 'updated %Y' "/var/lib/apt/periodic/$stamp" 2>/dev/null; done
true
`;

/** One command, which only reads. */
export async function upkeepOf(server: Host, places: readonly string[]): Promise<Upkeep> {
  const { stdout } = await server.run({ ...script(PROBE, ...places), purpose: say('upkeep.look') });
  return parseUpkeep(stdout);
}

export function parseUpkeep(stdout: string): Upkeep {
  const all = (pattern: RegExp): RegExpExecArray[] => [...stdout.matchAll(pattern)];
  const [clock] = all(/^clock (\d{1,12})$/gm);
  const [memory] = all(/^memory (\d{1,15}) (\d{1,15})$/gm);
  const [reboot] = all(/^reboot (.*)$/gm);
  const updated = all(/^updated (\d{1,12})$/gm).map(([, seconds]) => Number(seconds));
  return {
    clock: clock && Number(clock[1]),
    disks: all(/^disk (\/[\w/.-]*) (\d{1,15}) (\d{1,15})$/gm).map(([, place = '', free, total]) => ({ place, free: Number(free), total: Number(total) })),
    memory: memory && { available: Number(memory[1]), total: Number(memory[2]) },
    reboot: reboot && (reboot[1] ?? '').split(' ').filter((name) => /^[a-z0-9][a-z0-9+.-]*$/.test(name)),
    failedUnits: all(/^failed ([\w@:.\\-]+)$/gm).map(([, unit = '']) => unit),
    updated: updated.length === 0 ? undefined : Math.max(...updated),
  };
}
