import { execFileSync } from 'node:child_process';
import { cpus, loadavg, totalmem } from 'node:os';

/** What the machine is and what else it is doing, the load first. */
export function describeMachine(): string[] {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  const versions = [
    ['node', process.version],
    ['PostgreSQL', version('/usr/lib/postgresql/15/bin/postgres', ['--version'])],
    ['gpg', version('gpg', ['--version'])],
    ['gzip', version('gzip', ['--version'])],
    ['radosgw', version('radosgw', ['--version'])],
    ['s3cmd', version('s3cmd', ['--version'])],
  ] as const;
  return [
    `load ${one.toFixed(1)} ${five.toFixed(1)} ${fifteen.toFixed(1)} (1, 5, 15 minutes) on ${cpus().length} cores`,
    `${cpus()[0]?.model ?? 'unknown processor'}, ${(totalmem() / 1024 ** 3).toFixed(1)} GiB of memory`,
    versions.map(([name, text]) => `${name} ${text}`).join(', '),
  ];
}

function version(program: string, args: string[]): string {
  try {
    const [first = ''] = execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
    return /\d+\.\d+[\w.-]*/.exec(first)?.[0] ?? 'unknown';
  } catch {
    return 'not installed';
  }
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
