import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../../src/keys/envelope/byte-reader.js';

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('a byte reader', () => {
  it('gives the bytes in the portions asked for, however they came', async () => {
    for (const source of [pieces('abcdefghij'), pieces('a', '', 'bc', 'defgh', 'ij'), [Buffer.from('abcd'), new Uint8Array(Buffer.from('efghij'))], Readable.from([Buffer.from('abcde'), Buffer.from('fghij')])]) {
      const reader = new ByteReader(source);
      await reader.fill(3);
      expect(reader.take(3).toString()).toBe('abc');
      expect((await reader.peek(4)).toString()).toBe('defg');
      expect(reader.take(0)).toHaveLength(0);
      await reader.fill(100);
      expect(reader.held).toBe(7);
      expect(reader.take(6).toString()).toBe('defghi');
      expect((await reader.peek(100)).toString()).toBe('j');
      expect(reader.take(1).toString()).toBe('j');
      expect(await reader.peek(1)).toHaveLength(0);
    }
  });

  it('gives no more than it holds', async () => {
    const reader = new ByteReader(pieces('abc'));
    await reader.fill(3);
    for (const count of [4, -1, Number.NaN]) expect(() => reader.take(count)).toThrow(RangeError);
    expect(reader.take(3).toString()).toBe('abc');
  });

  it('reads no further than it must', async () => {
    let given = 0;
    const endless = (function* () {
      for (;;) {
        given += 1;
        yield Buffer.alloc(10);
      }
    })();
    const reader = new ByteReader(endless);
    await reader.fill(25);
    expect(given).toBe(3);
    await reader.peek(30);
    expect(given).toBe(3);
  });

  it('does not copy an object that comes in one piece', async () => {
    const whole = Buffer.alloc(1000);
    const reader = new ByteReader([whole]);
    expect((await reader.peek(10)).buffer).toBe(whole.buffer);
    expect(reader.take(1000).buffer).toBe(whole.buffer);
  });

  it('takes a hundred thousand single bytes in no time', async () => {
    const reader = new ByteReader(Array.from({ length: 100_000 }, (_, i) => Buffer.of(i & 0xff)));
    const began = Date.now();
    await reader.fill(100_000);
    const bytes = reader.take(99_999);
    expect(bytes.every((byte, i) => byte === (i & 0xff))).toBe(true);
    expect(reader.held).toBe(1);
    // One shift() a byte takes twenty times as long as this allows.
    expect(Date.now() - began).toBeLessThan(5000);
  });

  it('lets go of its source once, and never of one that ended or failed', async () => {
    const source = (fail: boolean) => {
      const seen = { returned: 0 };
      const iterator = {
        [Symbol.asyncIterator]: () => iterator,
        next: () => (fail ? Promise.reject(new Error('disk')) : Promise.resolve({ done: false as const, value: Buffer.of(1) })),
        return: () => {
          seen.returned += 1;
          return Promise.reject(new Error('not closed either'));
        },
      };
      return { iterator, seen };
    };
    const early = source(false);
    const reader = new ByteReader(early.iterator);
    await reader.fill(2);
    await reader.close();
    await reader.close();
    expect(early.seen.returned).toBe(1);
    const failing = source(true);
    const other = new ByteReader(failing.iterator);
    await expect(other.fill(1)).rejects.toThrow('disk');
    await other.close();
    expect(failing.seen.returned).toBe(0);
  });
});
