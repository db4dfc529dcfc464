import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { coreDumps } from '../../../src/keys/hardening/core-dumps.js';
import { type KeyMemorySettings, openKeyMemory } from '../../../src/keys/hardening/locked-memory.js';
import { limitOf } from '../../../src/keys/hardening/proc-self.js';
import { equalInConstantTime, Secret } from '../../../src/secret.js';
import { bundleProgram } from '../../fixtures/bundle.js';

const on = { locking: true, guardPages: true };
const require = createRequire(import.meta.url);
const sodiumUnavailable = ((): string | undefined => {
  try {
    require('sodium-native');
    return process.platform === 'linux' ? undefined : 'these tests read /proc';
  } catch {
    return 'sodium-native does not load here';
  }
})();
if (sodiumUnavailable !== undefined) console.warn(`left out: ${sodiumUnavailable}`);

const bytesOf = (text: string) => Buffer.from(text, 'latin1');
const missing = () => {
  throw new Error("Cannot find package 'sodium-native'\nand a stack");
};

const kinds: [string, KeyMemorySettings, (() => unknown) | undefined][] = [
  ['without sodium-native', on, missing],
  ['switched off', { locking: false, guardPages: false }, undefined],
  ...(sodiumUnavailable === undefined
    ? ([
        ['locked and guarded', on, undefined],
        ['guarded only', { locking: false, guardPages: true }, undefined],
        ['locked only', { locking: true, guardPages: false }, undefined],
      ] as [string, KeyMemorySettings, undefined][])
    : []),
];

describe.each(kinds)('key memory %s', (_name, settings, load) => {
  it('takes bytes over, gives them for the time of a use, and no more once they are wiped', () => {
    const memory = openKeyMemory(settings, load);
    const given = bytesOf('a key of 16 byte');
    const key = memory.keep(given);
    expect(given).toEqual(Buffer.alloc(16));
    const other = memory.keep(bytesOf('an other 16 byte'));
    expect(key.use((bytes) => Buffer.from(bytes).toString('latin1') + other.use((inner) => Buffer.from(inner).toString('latin1')))).toBe('a key of 16 bytean other 16 byte');
    expect(key.use((outer) => key.use((inner) => inner.length) + outer.length)).toBe(32);
    expect(() => key.use(() => { throw new RangeError('from the work'); })).toThrow(RangeError);
    expect(() => key.use(async () => 1)).toThrow(/asynchronous/);
    expect(() => { key.use(() => { key.wipe(); }); }).toThrow(/in use/);
    expect(key.use((bytes) => bytes[0])).toBe('a'.charCodeAt(0));
    key.wipe();
    key.wipe();
    expect(() => key.use(() => 0)).toThrow(/wiped/);
    const next = memory.keep(bytesOf('the next key, 16'));
    expect(next.use((bytes) => Buffer.from(bytes).toString('latin1'))).toBe('the next key, 16');
    expect(other.use((bytes) => Buffer.from(bytes).toString('latin1'))).toBe('an other 16 byte');
    expect(() => memory.keep(new Uint8Array(0))).toThrow(RangeError);
  });
});

it('says why it protects nothing where sodium-native does not load, or is something else', () => {
  expect(openKeyMemory(on, missing).memoryProtection()).toEqual({ locked: false, guardPages: false, why: "sodium-native cannot be loaded (Cannot find package 'sodium-native')" });
  expect(openKeyMemory(on, () => ({})).memoryProtection()).toMatchObject({ locked: false, why: expect.stringContaining('it has no sodium_malloc') as string });
  expect(openKeyMemory({ locking: false, guardPages: false }).memoryProtection()).toEqual({ locked: false, guardPages: false });
});

describe.skipIf(sodiumUnavailable !== undefined)('with sodium-native', () => {
  it('is found locked and guarded, as far as it was asked for', () => {
    expect(openKeyMemory(on).memoryProtection()).toEqual({ locked: true, guardPages: true });
    expect(openKeyMemory({ locking: false, guardPages: true }).memoryProtection()).toEqual({ locked: false, guardPages: true });
    expect(openKeyMemory({ locking: true, guardPages: false }).memoryProtection()).toEqual({ locked: true, guardPages: false });
  });

  it('uses the memory of wiped keys again: ten thousand data keys need no more than one', () => {
    const memory = openKeyMemory(on);
    const locked = () => Number(/VmLck:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
    memory.keep(Buffer.alloc(32, 1)).wipe();
    const before = locked();
    for (let count = 0; count < 10_000; count++) memory.keep(Buffer.alloc(32, 1)).wipe();
    expect(locked()).toBe(before);
    expect(memory.memoryProtection()).toEqual({ locked: true, guardPages: true });
  });

  it('believes nothing that it does not see', () => {
    const real = require('sodium-native') as Record<string, unknown>;
    const pretends = { ...real, sodium_malloc: (size: number) => Buffer.alloc(size), sodium_mprotect_noaccess: () => undefined, sodium_mprotect_readwrite: () => undefined };
    expect(openKeyMemory(on, () => pretends).memoryProtection()).toMatchObject({ locked: false, guardPages: false, why: expect.stringMatching(/could not be locked \(the limit is \d+ bytes\); the guard pages were not found/) as string });
  });
});

describe.skipIf(sodiumUnavailable !== undefined)('a process of its own', { timeout: 60_000 }, () => {
  let folder: string;
  let program: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'koprogo-memory-'));
    program = await bundleProgram(folder, 'memory', PROGRAM.replace('SODIUM', JSON.stringify(require.resolve('sodium-native'))));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  /** Starts it with these limits; `line` gives its next line, `go` lets it go on. */
  function start(job: string, limits: readonly string[] = []) {
    const child = spawn('prlimit', [...limits, '--', process.execPath, '--expose-gc', program, job], { stdio: ['pipe', 'pipe', 'inherit'], cwd: folder });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const ended = new Promise<string | number | null>((resolve) => child.on('close', (code, signal) => { resolve(signal ?? code); }));
    return { pid: () => child.pid ?? 0, line: async () => String((await lines.next()).value), go: () => child.stdin.write('\n'), ended };
  }

  it('ends at once when a kept key is read or written outside of a use, or written during one', async () => {
    for (const job of ['read-after', 'write-during', 'write-after']) {
      const { line, ended } = start(job);
      expect(await line()).toBe('now');
      expect(await ended, job).toBe('SIGSEGV');
    }
    expect((await readdir(folder)).filter((name) => name.startsWith('core'))).toEqual([]);
  });

  it('holds a kept key in one place, and nowhere once it is wiped', async () => {
    for (const job of ['wipe-guarded', 'wipe-plain']) {
      const { pid, line, go, ended } = start(job);
      expect(await line()).toBe('kept');
      expect(occurrences(pid(), PATTERN), job).toBe(1);
      go();
      expect(await line()).toBe('wiped');
      expect(occurrences(pid(), PATTERN), job).toBe(0);
      go();
      expect(await ended).toBe(0);
    }
  });

  it('says that memory is not locked when the limit is too small, from the first or from a later key on', async () => {
    const unprivileged = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-ipc_lock', '--inh-caps=-ipc_lock'] : [];
    for (const [limit, job, first] of [['0', 'protection', false], ['65536', 'protection', true], ['65536', 'many', false]] as const) {
      const argv = [`--memlock=${limit}`, '--', ...unprivileged, process.execPath, program, job];
      const child = spawn('prlimit', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await new Promise((resolve) => child.on('close', resolve));
      const protection = JSON.parse(said) as { why?: string };
      expect(protection).toMatchObject({ locked: first, guardPages: true });
      if (!first) expect(protection.why).toBe(`memory could not be locked (the limit is ${limit} bytes)`);
    }
  });

  it('leaves no core dump once they are turned off', async ({ skip }) => {
    if (limitOf('core file size')?.hard !== Infinity) return skip('the hard limit forbids core dumps here anyway');
    const { line, ended } = start('no-core', ['--core=unlimited']);
    expect(JSON.parse(await line())).toEqual({ off: false, why: expect.any(String) as string });
    expect(JSON.parse(await line())).toEqual({ off: true, why: 'the limit of this process forbids them' });
    expect(await ended).toBe('SIGSEGV');
    expect((await readdir(folder)).filter((name) => name.startsWith('core'))).toEqual([]);
    expect(typeof coreDumps().off).toBe('boolean');
  });
});

describe('secrets compared', () => {
  it('are equal or not, whatever their lengths', () => {
    expect(equalInConstantTime(bytesOf('one'), bytesOf('one'))).toBe(true);
    expect(equalInConstantTime(new Secret('é'), Buffer.from('é', 'utf8'))).toBe(true);
    expect(equalInConstantTime(new Secret(''), new Secret(''))).toBe(true);
    for (const other of ['on', 'onee', 'two', '', 'one\0']) expect(equalInConstantTime(bytesOf('one'), bytesOf(other))).toBe(false);
  });
});

/** Made by arithmetic in both processes: whatever is sent or derived leaves copies of its own in memory. */
const PATTERN = Buffer.from(Array.from({ length: 32 }, (_, at) => (at * 37 + 11) ^ 0xa5));

const PROGRAM = `
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { openKeyMemory } from './src/keys/hardening/locked-memory.js';
import { wipeableBytes } from './src/keys/hardening/wipeable-bytes.js';
import { preventCoreDumps, coreDumps } from './src/keys/hardening/core-dumps.js';
const job = process.argv[2];
const say = (text) => process.stdout.write(text + '\\n');
const go = () => once(process.stdin, 'data');
// Not require(): the bundler would take the library in, and it would not find its native part.
const load = () => createRequire(import.meta.url)(SODIUM);
const guarded = openKeyMemory({ locking: true, guardPages: true }, load);
const pattern = () => { const bytes = wipeableBytes(32); for (let at = 0; at < 32; at++) bytes[at] = (at * 37 + 11) ^ 0xa5; return bytes; };
if (!guarded.memoryProtection().guardPages) throw new Error('not guarded: nothing would be tested');
if (job !== 'no-core') await preventCoreDumps();
if (job === 'read-after') { let leaked; guarded.keep(pattern()).use((bytes) => { leaked = bytes; }); say('now'); await new Promise((r) => setTimeout(r, 100)); say(String(leaked[0])); }
if (job === 'write-during') { const key = guarded.keep(pattern()); say('now'); await new Promise((r) => setTimeout(r, 100)); key.use((bytes) => bytes.fill(0)); }
if (job === 'write-after') { let leaked; guarded.keep(pattern()).use((bytes) => { leaked = bytes; }); say('now'); await new Promise((r) => setTimeout(r, 100)); leaked[0] = 1; }
if (job === 'wipe-guarded' || job === 'wipe-plain') {
  const memory = job === 'wipe-plain' ? openKeyMemory({ locking: false, guardPages: false }) : guarded;
  const key = memory.keep(pattern());
  key.use((bytes) => bytes.length);
  // The garbage collector moves what is on its heap: nothing of a key may be there.
  gc(); gc();
  say('kept'); await go();
  key.wipe();
  say('wiped'); await go();
  process.exit(0);
}
if (job === 'protection') say(JSON.stringify(guarded.memoryProtection()));
if (job === 'many') { for (let count = 0; count < 40; count++) guarded.keep(pattern()); say(JSON.stringify(guarded.memoryProtection())); }
if (job === 'no-core') { say(JSON.stringify(coreDumps())); say(JSON.stringify(await preventCoreDumps())); await new Promise((r) => setTimeout(r, 100)); process.kill(process.pid, 'SIGSEGV'); setTimeout(() => {}, 5000); }
`;

/** How often the pattern lies in the memory of a process, closed pages included: /proc/PID/mem does not ask for the pages' rights. */
function occurrences(pid: number, pattern: Buffer): number {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  let found = 0;
  try {
    for (const line of readFileSync(`/proc/${pid}/maps`, 'latin1').split('\n')) {
      const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+) /.exec(line) ?? [];
      if (from === undefined || to === undefined || line.endsWith('[vvar]') || line.endsWith('[vsyscall]')) continue;
      const start = Number.parseInt(from, 16);
      const length = Number.parseInt(to, 16) - start;
      // V8 reserves terabytes that are closed and empty; a closed page with a key is small.
      if (rights?.startsWith('---') === true && length > 1024 * 1024) continue;
      for (let at = 0; at < length; at += CHUNK) found += count(memory, start + at, Math.min(CHUNK + pattern.length - 1, length - at), pattern);
    }
  } finally {
    closeSync(memory);
  }
  return found;
}

const CHUNK = 4 * 1024 * 1024;
const buffer = Buffer.alloc(CHUNK + 64);

function count(memory: number, position: number, length: number, pattern: Buffer): number {
  let read: number;
  try {
    read = readSync(memory, buffer, 0, length, position);
  } catch {
    // A guard page proper has nothing behind it.
    return 0;
  }
  let found = 0;
  for (let at = buffer.subarray(0, read).indexOf(pattern); at >= 0; at = buffer.subarray(0, read).indexOf(pattern, at + 1)) found += 1;
  return found;
}
