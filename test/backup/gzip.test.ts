import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { gzipMembers } from '../../src/backup/gzip.js';

const MIB = 1024 * 1024;

async function* pieces(content: Uint8Array, size: number) {
  for (let at = 0; at < content.length; at += size) {
    await Promise.resolve();
    yield content.subarray(at, at + size);
  }
}

async function compressed(content: Uint8Array, size: number): Promise<Buffer> {
  const members = [];
  for await (const member of gzipMembers(pieces(content, size))) members.push(member);
  return Buffer.concat(members);
}

describe('gzip in members', () => {
  it.each([0, 1, MIB - 1, MIB, MIB + 1, 7 * MIB + 12345])('gives %i bytes back by zlib and by gunzip', async (size) => {
    // Half of it compresses, half does not, and each member differs, so that a wrong order shows.
    const content = Buffer.concat([randomBytes(Math.floor(size / 2)), Buffer.alloc(size - Math.floor(size / 2), 'koprogo ')]);
    const gz = await compressed(content, 70_001);
    expect(gunzipSync(gz).equals(content)).toBe(true);
    expect(execFileSync('gunzip', { input: gz, maxBuffer: 64 * MIB }).equals(content)).toBe(true);
  });

  it('takes from its source only what it can compress', async () => {
    let taken = 0;
    async function* source() {
      for (;;) {
        taken += 1;
        yield randomBytes(MIB);
      }
    }
    const members = gzipMembers(source());
    await members.next();
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(taken).toBeLessThan(40);
    await members.return();
  });

  it('passes on that its source broke, and ends it when nobody reads any more', async () => {
    async function* breaking() {
      yield randomBytes(3 * MIB);
      throw new Error('broken');
    }
    const read = async () => {
      for await (const member of gzipMembers(breaking())) expect(member.length).toBeGreaterThan(0);
    };
    await expect(read()).rejects.toThrow('broken');

    let ended = false;
    async function* endless() {
      try {
        for (;;) yield randomBytes(MIB);
      } finally {
        ended = true;
      }
    }
    for await (const member of gzipMembers(endless())) {
      expect(member.length).toBeGreaterThan(0);
      break;
    }
    expect(ended).toBe(true);
  });
});
