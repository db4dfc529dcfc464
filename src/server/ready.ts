import { type Host, script } from '../edges/command.js';
import type { Progress } from '../progress.js';
import { blocked, type Check, done, type Step } from '../step.js';
import { type Clock, realClock, waitForFirstBoot } from './connect.js';
import { say } from './words.js';

export interface ServerReadyOptions {
  server: () => Promise<Host>;
  progress: Progress;
  clock?: Clock;
}

const MiB = 1024;
const LEAST_DISK_KIB = 5 * 1024 * MiB;
const WANTED_MEMORY_KIB = 1900 * MiB; // "2 GB" of a provider, less what the kernel keeps for itself
const CLOCK_TOLERANCE_SECONDS = 60;

/** Runs as the login user: whether sudo works is one of the questions. os-release is data, never sourced. */
const PROBE = `
sed 's/^/os /' /etc/os-release
echo "arch $(uname -m)"
if [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null; then echo "sudo yes"; else echo "sudo no"; fi
echo "disk $(df -Pk / | awk 'NR == 2 { print $4 }')"
echo "memory $(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)"
echo "clock $(date +%s)"
echo "user $(id -un)"
echo "systemd $(systemctl is-system-running 2>/dev/null || true)"
echo "port \${SSH_CONNECTION##* }"
`;

/** The server has ended its first boot and is one that the next steps can work with. Only looks; there is nothing to apply. */
export function serverReadyStep({ server, progress, clock = realClock }: ServerReadyOptions): Step {
  return {
    id: 'server-ready',
    title: say('ready.title'),
    onServer: true,
    async check() {
      const host = await server();
      await waitForFirstBoot(host, { progress, clock });
      const before = clock.now();
      const { stdout } = await host.run({ ...script(PROBE), purpose: say('ready.look') });
      return judge(parseProbe(stdout), { before, after: clock.now() }, progress);
    },
    apply: () => Promise.resolve(),
  };
}

export interface ServerFacts {
  os: ReadonlyMap<string, string>;
  values: ReadonlyMap<string, string>;
}

export function parseProbe(stdout: string): ServerFacts {
  const os = new Map<string, string>();
  const values = new Map<string, string>();
  for (const line of stdout.split('\n')) {
    const osLine = /^os ([A-Z_]+)=(?:"([^"]*)"|'([^']*)'|([^"'\s]*))$/.exec(line);
    if (osLine) os.set(osLine[1] ?? '', osLine[2] ?? osLine[3] ?? osLine[4] ?? '');
    const valueLine = /^(arch|sudo|disk|memory|clock|user|systemd|port) (\S*)$/.exec(line);
    if (valueLine) values.set(valueLine[1] ?? '', valueLine[2] ?? '');
  }
  return { os, values };
}

function judge({ os, values }: ServerFacts, asked: { before: number; after: number }, progress: Progress): Check {
  const number = (name: string) => Number(values.get(name) ?? Number.NaN);
  const system = `${os.get('ID') ?? say('unknown')} ${os.get('VERSION_ID') ?? ''}`.trim();
  if (system !== 'debian 13') {
    return blocked(say('ready.system', { system }), say('ready.rebuild'));
  }
  const arch = values.get('arch') ?? '';
  if (arch !== 'x86_64' && arch !== 'aarch64') return blocked(say('ready.processor', { arch }), say('ready.otherType'));

  const user = /^[a-z_][a-z0-9_-]*$/.exec(values.get('user') ?? '')?.[0] ?? 'USER';
  if (values.get('sudo') !== 'yes') {
    return blocked(
      say('ready.sudo', { user }),
      say('ready.sudo.hint', { user }),
    );
  }
  if (!(number('disk') >= LEAST_DISK_KIB)) {
    return blocked(say('ready.disk', { free: gib(number('disk')) }), say('ready.disk.hint'));
  }
  const port = values.get('port');
  if (port !== undefined && port !== '' && port !== '22') {
    return blocked(say('ready.port', { port }), say('ready.port.hint'));
  }
  const systemd = values.get('systemd') ?? '';
  if (!['running', 'degraded', 'starting'].includes(systemd)) {
    return blocked(say('ready.systemd', { systemd }), say('ready.systemd.hint'));
  }

  // The answer was made between the question and its arrival here.
  const clock = number('clock');
  const early = asked.before / 1000 - CLOCK_TOLERANCE_SECONDS - 1;
  const late = asked.after / 1000 + CLOCK_TOLERANCE_SECONDS;
  if (!(clock >= early && clock <= late)) {
    const off = Math.round(clock - asked.after / 1000);
    return blocked(
      off < 0 ? say('ready.clock.behind', { seconds: -off }) : say('ready.clock.ahead', { seconds: off }),
      say('ready.clock.look'),
      say('ready.clock.hint'),
    );
  }
  const memory = number('memory');
  if (!(memory >= WANTED_MEMORY_KIB)) progress.warn(say('ready.memory', { memory: gib(memory) }));
  if (systemd === 'degraded') progress.note(say('ready.degraded'));
  return done(say('ready.done', { arch, memory: gib(memory), free: gib(number('disk')) }));
}

const gib = (kib: number) => (kib / 1024 / 1024).toFixed(1);
