import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../../src/errors.js';
import { folder, open, path, useFreshFolder } from './fresh-log.js';

useFreshFolder();

describe('the lock', () => {
  const owner = (over: object = {}) =>
    JSON.stringify({ token: 'a'.repeat(16), pid: 999_999_999, boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), space: '', tick: '1', host: hostname(), ...over });

  it('of the dead is taken over, also when they died while taking over', async () => {
    const space = await import('node:fs').then(({ readlinkSync }) => readlinkSync('/proc/self/ns/pid'));
    symlinkSync(owner({ space }), `${path}.lock`);
    symlinkSync(owner({ space, token: 'b'.repeat(16), pid: process.pid }), `${path}.lock.${'a'.repeat(16)}`);
    await open().record({ operation: 'rotate', result: 'ok' });
    symlinkSync(owner({ boot: 'before the power cut', space: 'another' }), `${path}.lock`);
    await open().record({ operation: 'rotate', result: 'ok' });
    expect(await readdir(folder)).toEqual(['audit.log']);
  });

  it('of another computer or container stays: the wait ends, and says whose it is', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    try {
      for (const elsewhere of [{ host: 'elsewhere' }, { space: 'pid:[1]' }]) {
        symlinkSync(owner(elsewhere), `${path}.lock`);
        const wait = open().record({ operation: 'rotate', result: 'ok' });
        vi.setSystemTime(Date.now() + 6000);
        await expect(wait).rejects.toMatchObject({ exitCode: EXIT.busy, hints: expect.arrayContaining([expect.stringContaining(`rm ${path}.lock`)]) as string[] });
        await rm(`${path}.lock`);
      }
    } finally {
      vi.useRealTimers();
    }
  });

  it('that is something else is named', async () => {
    writeFileSync(`${path}.lock`, '');
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toThrow(/not made by this program/);
  });
});
