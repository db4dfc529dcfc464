import { LocalHost } from '../../edges/process.js';
import { corePattern, limitOf } from './proc-self.js';
import { say } from './words.js';

/**
 * A core dump is a copy of all memory in a file: keys, passphrases, the state in clear. (The guarded memory of sodium is
 * left out of it, ordinary memory is not.)
 */
export interface CoreDumps {
  off: boolean;
  /** By what, or why not; one phrase. */
  why: string;
}

/**
 * The limit 0 stops dumps into files only; Linux ignores it where kernel.core_pattern names a program ("|…"). The limit 1
 * is too small for a file, and stops the other kind too (core(5) does not say so; fs/coredump.c does).
 */
const NO_DUMP = 1;

/** What holds at this moment. */
export function coreDumps(): CoreDumps {
  const limit = limitOf('core file size')?.soft;
  const pattern = corePattern();
  if (limit === undefined || pattern === undefined) return { off: false, why: say('dump.unknown') };
  if (pattern.startsWith('@')) return { off: false, why: say('dump.socket') };
  if (limit === NO_DUMP) return { off: true, why: say('dump.forbidden') };
  if (pattern.startsWith('|')) return { off: false, why: say('dump.program') };
  if (limit === 0) return { off: true, why: say('dump.zero') };
  return { off: false, why: say('dump.allowed') };
}

/**
 * Turns core dumps off for this process and those that it will start, by prlimit of util-linux: Node.js itself has no way.
 * Node's own crash reports, which hold the environment, are turned off too. Says what holds afterwards; never throws.
 */
export async function preventCoreDumps(): Promise<CoreDumps> {
  Object.assign(process.report, { reportOnFatalError: false, reportOnSignal: false, reportOnUncaughtException: false });
  const before = coreDumps();
  if (before.off || process.platform !== 'linux') return before;
  try {
    // Only the soft limit: whoever needs a dump to find a fault can raise it again.
    await new LocalHost().run({ argv: ['prlimit', '--pid', String(process.pid), `--core=${NO_DUMP}:`], timeout: 5, purpose: 'forbid core dumps' });
  } catch {
    return { off: false, why: say('dump.failed', { why: before.why }) };
  }
  return coreDumps();
}
