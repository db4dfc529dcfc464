import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { DataKeys } from '../../src/keys/data-keys.js';
import type { KeyProvider, WrappedKey } from '../../src/keys/provider.js';
import { keyMemory, masterKeys } from '../fixtures/store.js';

const BINDING = { installation: 'main', kind: 'document', name: 'x' };
const LIMITS = { enabled: true, ttlSeconds: 60, size: 3 };

/** As if the master keys were kept by a service. */
const service = (): KeyProvider => Object.assign(masterKeys(), { remote: true });

/** Counts what the provider is asked for, as a key service would bill it. */
function counted(): { provider: KeyProvider; unwraps: () => number; fail: (error: Error) => void } {
  const provider = service();
  let unwraps = 0;
  let failure: Error | undefined;
  const unwrap = provider.unwrap.bind(provider);
  provider.unwrap = async (key, binding) => {
    unwraps += 1;
    if (failure) throw failure;
    return unwrap(key, binding);
  };
  return { provider, unwraps: () => unwraps, fail: (error) => (failure = error) };
}

it('asks the provider once for a key that it has just made or unwrapped', async () => {
  const { provider, unwraps } = counted();
  const keys = new DataKeys(provider, LIMITS, keyMemory);
  const { plain, wrapped } = await keys.make(BINDING);
  expect((await keys.unwrap(wrapped, BINDING)).equals(plain)).toBe(true);
  expect(unwraps()).toBe(0);
  const other: WrappedKey = await provider.wrap(randomBytes(32), BINDING);
  await keys.unwrap(other, BINDING);
  await keys.unwrap(other, BINDING);
  expect(unwraps()).toBe(1);
  expect(keys.metrics).toEqual({ hits: 2, misses: 1 });
});

it('gives copies: whoever wipes one spoils nothing', async () => {
  const keys = new DataKeys(service(), LIMITS, keyMemory);
  const { plain, wrapped } = await keys.make(BINDING);
  const expected = Buffer.from(plain);
  plain.fill(0);
  (await keys.unwrap(wrapped, BINDING)).fill(0);
  expect((await keys.unwrap(wrapped, BINDING)).equals(expected)).toBe(true);
});

it('does not find a key that was moved to another object', async () => {
  const keys = new DataKeys(service(), LIMITS, keyMemory);
  const { wrapped } = await keys.make(BINDING);
  await expect(keys.unwrap(wrapped, { ...BINDING, name: 'y' })).rejects.toThrow();
});

it('forgets by age, by number, by use, and when it is told to', async () => {
  const { provider, unwraps } = counted();
  let now = 0;
  const keys = new DataKeys(provider, LIMITS, keyMemory, () => now);
  const { wrapped } = await keys.make(BINDING);
  now = 61_000;
  await keys.unwrap(wrapped, BINDING);
  expect(unwraps()).toBe(1);
  for (let more = 0; more < 3; more++) await keys.make(BINDING);
  expect(keys.cached).toBe(3);
  await keys.unwrap(wrapped, BINDING);
  expect(unwraps()).toBe(2);
  for (let use = 0; use < 1001; use++) await keys.unwrap(wrapped, BINDING);
  expect(unwraps()).toBe(3);
  keys.flush();
  expect(keys.cached).toBe(0);
  await keys.unwrap(wrapped, BINDING);
  expect(unwraps()).toBe(4);
});

it('forgets when the clock is put back: nobody knows how old a key is then', async () => {
  const { provider, unwraps } = counted();
  let now = 1_000_000;
  const keys = new DataKeys(provider, LIMITS, keyMemory, () => now);
  const { wrapped } = await keys.make(BINDING);
  now -= 1;
  await keys.unwrap(wrapped, BINDING);
  expect(unwraps()).toBe(1);
  await keys.unwrap(wrapped, BINDING);
  expect(unwraps()).toBe(1);
});

it('keeps none when it is switched off, and none that could not be unwrapped', async () => {
  const off = new DataKeys(service(), { ...LIMITS, enabled: false }, keyMemory);
  await off.make(BINDING);
  expect(off.cached).toBe(0);
  const { provider, fail } = counted();
  const keys = new DataKeys(provider, LIMITS, keyMemory);
  const wrapped = await provider.wrap(randomBytes(32), BINDING);
  fail(new Error('denied'));
  await expect(keys.unwrap(wrapped, BINDING)).rejects.toThrow('denied');
  expect(keys.cached).toBe(0);
});

it('keeps none where unwrapping asks nobody', async () => {
  const keys = new DataKeys(masterKeys(), LIMITS, keyMemory);
  const { plain, wrapped } = await keys.make(BINDING);
  expect((await keys.unwrap(wrapped, BINDING)).equals(plain)).toBe(true);
  expect(keys.cached).toBe(0);
  expect(keys.limits.enabled).toBe(false);
});
