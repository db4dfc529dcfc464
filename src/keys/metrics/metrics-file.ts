import { closeSync, constants, fchmodSync, fstatSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { errorCode, xdg } from '../../edges/files.js';
import { EXIT, InfraError, InputError, messageOf } from '../../errors.js';
import { tryLock, unlock } from '../../edges/file-lock.js';
import { decodeMetrics, encodeMetrics, GAUGES, type Samples } from './metrics-format.js';
import { say } from './words.js';

const MAX_BYTES = 1024 * 1024;
/** At the end of a process nobody wants to wait long for counters. */
const LOCK_WAIT_MS = 1000;
const LOCK_PAUSE_MS = 5;

/**
 * The file that KOPROGO_METRICS_FILE names, undefined when it is not set: an absolute path, or a name in this program's state
 * folder. It ends in ".prom", because node_exporter reads nothing else. Throws InputError.
 */
export function metricsPath(environment: NodeJS.ProcessEnv): string | undefined {
  const named = environment['KOPROGO_METRICS_FILE'] ?? '';
  if (named === '') return undefined;
  const usable = named.endsWith('.prom') && !/\p{Cc}/u.test(named) && (isAbsolute(named) || (basename(named) === named && !named.startsWith('.')));
  if (!usable) {
    throw new InputError(say('name'), { hints: ['KOPROGO_METRICS_FILE=/var/lib/prometheus/node-exporter/koprogo-infra.prom', 'KOPROGO_METRICS_FILE=metrics.prom'] });
  }
  return isAbsolute(named) ? named : join(xdg.state(), 'koprogo-infra', named);
}

/**
 * Adds counters to those in the file and sets gauges, whole or not at all; of two processes at once each adds its own. All
 * of it is synchronous: it must still work while the process exits. Throws InfraError, and leaves a file that is not ours
 * or damaged as it is.
 */
export function addToMetricsFile(path: string, added: Samples): void {
  const lock = `${path}.lock`;
  try {
    if (dirname(path) === join(xdg.state(), 'koprogo-infra')) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    waitForLock(lock);
    try {
      write(path, encodeMetrics(sum(read(path), added)));
    } finally {
      unlock(lock);
    }
  } catch (error) {
    if (error instanceof InfraError) throw error;
    throw new InfraError(say('unwritable', { path, reason: messageOf(error) }), { hints: [`ls -ld ${dirname(path)}`], cause: error });
  }
}

function sum(before: Samples, added: Samples): Samples {
  const all = new Map(before);
  for (const [name, value] of added) all.set(name, GAUGES.has(name) ? value : (before.get(name) ?? 0) + value);
  return all;
}

function waitForLock(lock: string): void {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  for (const until = Date.now() + LOCK_WAIT_MS; tryLock(lock); ) {
    if (Date.now() > until) throw new InfraError(say('held'), { exitCode: EXIT.busy, hints: [say('held.remove', { lock })] });
    Atomics.wait(sleeper, 0, 0, LOCK_PAUSE_MS);
  }
}

function read(path: string): Samples {
  let descriptor: number;
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return new Map();
    if (errorCode(error) === 'ELOOP') throw notOurs(path, say('link'));
    throw error;
  }
  try {
    const stat = fstatSync(descriptor);
    if (!stat.isFile()) throw notOurs(path, say('irregular'));
    if (stat.size > MAX_BYTES) throw notOurs(path, say('large'));
    const samples = decodeMetrics(readFileSync(descriptor, 'utf8'));
    if (!samples) throw notOurs(path, say('foreign'));
    return samples;
  } finally {
    closeSync(descriptor);
  }
}

/** Under the lock there is one writer: so the temporary file has one name, and what a killed process left of it is used up. Readable by all, as the collector is another user. */
function write(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.tmp`);
  rmSync(temporary, { force: true });
  const descriptor = openSync(temporary, 'wx', 0o644);
  try {
    fchmodSync(descriptor, 0o644);
    writeFileSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, path);
}

function notOurs(path: string, why: string): InfraError {
  return new InfraError(say('left', { path, why }), {
    hints: [say('begin', { path }), say('another')],
  });
}
