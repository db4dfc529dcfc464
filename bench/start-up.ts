import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { median } from './machine.js';

const RUNS = 15;
/** The promise: showing the help takes at most so many times as long as starting Node. */
const LIMIT = 3;

/** Measures turn by turn, so that other work on the machine falls on both alike. False when the promise is broken. */
export function startUp(root: string, say: (line: string) => void): boolean {
  const time = (args: string[]) => {
    const from = process.hrtime.bigint();
    execFileSync(process.execPath, args, { stdio: 'ignore' });
    return Number(process.hrtime.bigint() - from) / 1e6;
  };
  const help: number[] = [];
  const bare: number[] = [];
  for (let run = 0; run <= RUNS; run += 1) {
    const both = [time([join(root, 'bin', 'koprogo-infra.js'), '--help']), time(['-e', '0'])] as const;
    // The first fills the page cache.
    if (run === 0) continue;
    help.push(both[0]);
    bare.push(both[1]);
  }
  const ratio = median(help) / median(bare);
  say(`start-up: koprogo-infra --help ${median(help).toFixed(0)} ms, node -e 0 ${median(bare).toFixed(0)} ms (medians of ${RUNS}): ${ratio.toFixed(2)} times, at most ${LIMIT} allowed`);
  return ratio <= LIMIT;
}
