import { describe, expect, it } from 'vitest';
import { WrongKey } from '../../../src/keys/provider.js';
import { unwrapWith, wrapWith } from '../../../src/keys/envelope/wrap.js';
import { writeWrapped } from '../../fixtures/envelope-writer.js';
import { flipBit } from '../../fixtures/random.js';

const KEK = Buffer.alloc(32, 1);
const DATA_KEY = Buffer.from(Array.from({ length: 32 }, (_, i) => i));
const BINDING = { installation: 'tilleuls', kind: 'document', name: 'answers' };

describe('a wrapped data key', () => {
  it('unwraps under the same key, key id and object only', () => {
    const wrapped = wrapWith(KEK, DATA_KEY, 'local:1', BINDING);
    expect(wrapped).toHaveLength(60);
    expect(unwrapWith(KEK, wrapped, 'local:1', BINDING).equals(DATA_KEY)).toBe(true);
    const wrong: (() => Buffer)[] = [
      () => unwrapWith(Buffer.alloc(32, 2), wrapped, 'local:1', BINDING),
      () => unwrapWith(KEK, wrapped, 'local:2', BINDING),
      ...[{ installation: 'acacias' }, { kind: 'lock' }, { name: 'answer' }, { kind: 'documenta', name: 'nswers' }].map((change) => () => unwrapWith(KEK, wrapped, 'local:1', { ...BINDING, ...change })),
    ];
    for (const attempt of wrong) expect(attempt).toThrow(WrongKey);
  });

  it('is refused with any bit turned over, and at any other length', () => {
    const wrapped = wrapWith(KEK, DATA_KEY, 'local:1', BINDING);
    for (let bit = 0; bit < wrapped.length * 8; bit += 1) expect(() => unwrapWith(KEK, flipBit(wrapped, bit), 'local:1', BINDING)).toThrow(WrongKey);
    for (let length = 0; length < wrapped.length; length += 1) expect(() => unwrapWith(KEK, wrapped.subarray(0, length), 'local:1', BINDING)).toThrow(/wrapped data key has/);
    expect(() => unwrapWith(KEK, Buffer.concat([wrapped, Buffer.alloc(1)]), 'local:1', BINDING)).toThrow(WrongKey);
  });

  it('has a nonce of its own each time, and is what the specification says', () => {
    const made = Array.from({ length: 100 }, () => wrapWith(KEK, DATA_KEY, 'local:1', BINDING));
    expect(new Set(made.map((wrapped) => wrapped.subarray(0, 12).toString('hex'))).size).toBe(100);
    for (const wrapped of made) expect(writeWrapped(KEK, wrapped.subarray(0, 12), DATA_KEY, 'local:1', { ...BINDING, serial: 1 }).equals(wrapped)).toBe(true);
  });

  it('is never made with a key of another length', () => {
    for (const bytes of [0, 16, 31, 33]) {
      expect(() => wrapWith(Buffer.alloc(bytes), DATA_KEY, 'local:1', BINDING)).toThrow(RangeError);
      expect(() => wrapWith(KEK, Buffer.alloc(bytes), 'local:1', BINDING)).toThrow(RangeError);
    }
  });
});
