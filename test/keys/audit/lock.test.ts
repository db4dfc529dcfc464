import { readFileSync, symlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../../src/errors.js';
import { open, path, useFreshFolder } from './fresh-log.js';

useFreshFolder();

describe('the lock of the audit log', () => {
  const owner = (over: object = {}) =>
    JSON.stringify({ token: 'a'.repeat(16), pid: 999_999_999, boot: readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim(), space: '', tick: '1', host: hostname(), ...over });

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
});
