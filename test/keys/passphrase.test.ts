import { expect, it } from 'vitest';
import { generatePassphrase } from '../../src/keys/passphrase.js';

it('is 26 characters of 32 kinds in groups of five', () => {
  const made = new Set(Array.from({ length: 200 }, () => generatePassphrase().reveal()));
  expect(made.size).toBe(200);
  for (const text of made) expect(text).toMatch(/^(?:[0-9a-hjkmnp-tv-z]{5}-){5}[0-9a-hjkmnp-tv-z]$/);
  expect(generatePassphrase(256).reveal().replaceAll('-', '')).toHaveLength(52);
  expect(() => generatePassphrase(64)).toThrow(RangeError);
  expect(() => generatePassphrase(Number.NaN)).toThrow(RangeError);
});
