import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { NameCipher } from '../../src/state/names.js';

const KEY = Buffer.alloc(32, 5);
const NAME = { installation: 'tilleuls', kind: 'document', name: 'recovery-key' };

it('gives the same id for the same name, another for every other, and the name back', () => {
  const names = new NameCipher(KEY);
  const id = names.encrypt(NAME);
  expect(id).toMatch(/^[A-Za-z0-9_-]{64,192}$/);
  expect(new NameCipher(KEY).encrypt(NAME)).toBe(id);
  expect(names.decrypt(id)).toEqual(NAME);
  const others = [{ ...NAME, name: 'recovery-key2' }, { ...NAME, installation: 'tilleul' }, { ...NAME, kind: 'lock' }];
  expect(new Set([id, ...others.map((name) => names.encrypt(name))]).size).toBe(4);
  expect(new NameCipher(randomBytes(32)).encrypt(NAME)).not.toBe(id);
});

it('hides how long short names are', () => {
  const names = new NameCipher(KEY);
  expect(names.encrypt({ installation: 'a', kind: 'lock', name: 'b' }).length).toBe(names.encrypt(NAME).length);
});

it('knows an id that it did not make', () => {
  const names = new NameCipher(KEY);
  const id = names.encrypt(NAME);
  const bytes = Buffer.from(id, 'base64url');
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Buffer.from(bytes);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    expect(names.decrypt(flipped.toString('base64url'))).toBeUndefined();
  }
  for (const bad of ['', 'root', 'x', `${id}A`, id.slice(1), new NameCipher(randomBytes(32)).encrypt(NAME)]) expect(names.decrypt(bad)).toBeUndefined();
});

it('has the longest names in an id that every backend takes', () => {
  const id = new NameCipher(KEY).encrypt({ installation: 'a'.repeat(32), kind: 'k'.repeat(20), name: 'n'.repeat(64) });
  expect(id.length).toBeLessThanOrEqual(200);
});

it('is what docs/formats.md says', () => {
  expect(new NameCipher(KEY).encrypt(NAME)).toMatchInlineSnapshot(`"xVWE0WfVeFz8L9yRt6Vz9_usH8QbbgQd5NNQ5MxrT-zUbpSM2JwB4LHZnOcseMk5"`);
});
