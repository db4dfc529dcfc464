import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freeBytes } from '../../src/edges/files.js';

describe('freeBytes', () => {
  it('asks the nearest directory that exists', async () => {
    const { bavail, bsize } = await statfs(tmpdir());
    const free = await freeBytes(join(tmpdir(), 'not', 'there', 'yet'));
    // Others write as well.
    expect(Math.abs(free - bavail * bsize)).toBeLessThan(5e9);
    expect(await freeBytes('/proc')).toBe(0);
  });
});
