import { readFileSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tryLock, unlock } from '../../src/edges/file-lock.js';
import { EXIT, InfraError } from '../../src/errors.js';

let folder: string;
let lock: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-lock-'));
  lock = join(folder, 'some.lock');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const owner = (over: object = {}) =>
  JSON.stringify({ token: 'a'.repeat(16), pid: 999_999_999, boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), space: readlinkSync('/proc/self/ns/pid'), tick: '1', host: hostname(), ...over });

describe('a lock', () => {
  it('is taken by one at a time, and given back', async () => {
    expect(tryLock(lock)).toBeUndefined();
    expect(tryLock(lock)).toMatchObject({ pid: process.pid, host: hostname() });
    unlock(lock);
    unlock(lock);
    expect(await readdir(folder)).toEqual([]);
  });

  it('of the dead is taken over, also when they died while taking over', async () => {
    symlinkSync(owner(), lock);
    symlinkSync(owner({ token: 'b'.repeat(16), pid: process.pid }), `${lock}.${'a'.repeat(16)}`);
    expect(tryLock(lock)).toBeUndefined();
    unlock(lock);
    symlinkSync(owner({ boot: 'before the power cut', space: 'another' }), lock);
    expect(tryLock(lock)).toBeUndefined();
    expect(await readdir(folder)).toEqual(['some.lock']);
  });

  it('of another computer or container stays', () => {
    for (const elsewhere of [{ host: 'elsewhere' }, { space: 'pid:[1]' }]) {
      symlinkSync(owner(elsewhere), lock);
      expect(tryLock(lock)).toMatchObject(elsewhere);
      unlock(lock);
    }
  });

  it('that is something else is named', () => {
    writeFileSync(lock, '');
    let thrown: unknown;
    try {
      tryLock(lock);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(InfraError);
    expect(thrown).toMatchObject({ exitCode: EXIT.busy, message: `the lock ${lock} was not made by this program: nobody can tell whose it is`, hints: [`when no koprogo-infra is running: rm ${lock}`] });
  });
});
