import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { InfraError, InputError } from '../../src/errors.js';
import { type KeyBinding, type KeyProvider, type KeyVersion, UnknownKeyVersion, type WrappedKey, WrongKey } from '../../src/keys/provider.js';

/** What the contract must know of a provider, because services differ in it. */
export interface ProviderUnderTest {
  /** A provider over keys that no other test uses, at their first version. */
  open(): Promise<KeyProvider>;
  /** false where a rotation leaves the key id as it is (AWS KMS). Default true. */
  numbered?: boolean;
  /** Where versions are made elsewhere: does what the operator does there, and gives the provider as it is then. */
  rotateElsewhere?(provider: KeyProvider): Promise<KeyProvider>;
  /** Where versions are taken away elsewhere, likewise. */
  retireElsewhere?(provider: KeyProvider, keyId: string): Promise<KeyProvider>;
}

const BINDING: KeyBinding = { installation: 'rue-haute-12', kind: 'document', name: 'secrets' };

/** Every binding that differs from BINDING in one part, or has its letters at another boundary. */
const OTHERS: readonly KeyBinding[] = [
  { ...BINDING, installation: 'rue-haute-13' },
  { ...BINDING, kind: 'lock' },
  { ...BINDING, name: 'Secrets' },
  { ...BINDING, name: '' },
  { installation: BINDING.installation, kind: `${BINDING.kind}s`, name: 'ecrets' },
  { installation: BINDING.kind, kind: BINDING.installation, name: BINDING.name },
];

/** What every provider of keys must do. */
export function keyProviderContract(subject: ProviderUnderTest): void {
  const numbered = subject.numbered ?? true;

  async function rotated(provider: KeyProvider): Promise<KeyProvider> {
    if (subject.rotateElsewhere) return subject.rotateElsewhere(provider);
    const keyId = await provider.rotate();
    expect(keyId).toBe((await current(provider)).keyId);
    return provider;
  }

  async function retired(provider: KeyProvider, keyId: string): Promise<KeyProvider> {
    if (subject.retireElsewhere) return subject.retireElsewhere(provider, keyId);
    await provider.retire(keyId);
    return provider;
  }

  it('gives back the data key that it wrapped', async () => {
    const provider = await subject.open();
    for (const binding of [BINDING, ...OTHERS, { installation: 'é'.repeat(100), kind: '\0', name: 'x'.repeat(5000) }]) {
      const key = randomBytes(32);
      const given = Uint8Array.from(key);
      const wrapped = await provider.wrap(given, binding);
      expect(given, 'the data key belongs to the caller').toEqual(Uint8Array.from(key));
      expect((await provider.unwrap(wrapped, binding)).equals(key)).toBe(true);
    }
  });

  it('wraps into what an envelope can hold, never twice the same, and nothing of the key in it', async () => {
    const provider = await subject.open();
    const key = randomBytes(32);
    const one = await provider.wrap(key, BINDING);
    const two = await provider.wrap(key, BINDING);
    for (const { keyId, wrapped } of [one, two]) {
      expect(keyId).toMatch(/^[\x20-\x7e]{1,255}$/);
      expect(wrapped.length).toBeGreaterThan(32);
      expect(wrapped.length).toBeLessThanOrEqual(4096);
      expect(holdsKey(wrapped.toString('latin1'), key)).toBe(false);
    }
    expect(one.wrapped.equals(two.wrapped)).toBe(false);
  });

  it('wraps nothing but data keys of 32 bytes', async () => {
    const provider = await subject.open();
    for (const size of [0, 16, 31, 33, 64]) await expect(provider.wrap(randomBytes(size), BINDING)).rejects.toThrow(/32 bytes/);
  });

  it('refuses another binding', async () => {
    const provider = await subject.open();
    const key = randomBytes(32);
    const wrapped = await provider.wrap(key, BINDING);
    for (const other of OTHERS) {
      expect(await failure(provider.unwrap(wrapped, other), key)).toBeInstanceOf(WrongKey);
      // A service that re-wraps without seeing the binding (Vault) cannot refuse; but it must not move the key to the other binding.
      const moved = await provider.rewrap(wrapped, other).catch((error: unknown) => error);
      if (moved instanceof Error) expect(moved).toBeInstanceOf(WrongKey);
      else expect(await failure(provider.unwrap(moved as WrappedKey, other), key)).toBeInstanceOf(WrongKey);
    }
  });

  it('refuses a wrapped key with a flipped bit, cut short, or longer', async () => {
    const provider = await subject.open();
    const key = randomBytes(32);
    const { keyId, wrapped } = await provider.wrap(key, BINDING);
    const positions = [0, 1, wrapped.length >> 1, wrapped.length - 2, wrapped.length - 1, ...Array.from({ length: 15 }, () => Math.floor(Math.random() * wrapped.length))];
    for (const position of positions) {
      const flipped = Buffer.from(wrapped);
      flipped.writeUInt8(flipped.readUInt8(position) ^ (1 << (position % 8)), position);
      expect(await failure(provider.unwrap({ keyId, wrapped: flipped }, BINDING), key), `bit flipped at ${position}`).toBeInstanceOf(WrongKey);
    }
    const damaged = [wrapped.subarray(0, -1), wrapped.subarray(0, 5), Buffer.alloc(1), Buffer.concat([wrapped, Buffer.alloc(1)]), randomBytes(4096)];
    for (const bytes of damaged) expect(await failure(provider.unwrap({ keyId, wrapped: bytes }, BINDING), key)).toBeInstanceOf(WrongKey);
  });

  it('says UnknownKeyVersion of key ids that are not its own', async () => {
    const provider = await subject.open();
    const key = randomBytes(32);
    const { keyId, wrapped } = await provider.wrap(key, BINDING);
    for (const other of ['somebody:else:1', 'x', ' ', 'y'.repeat(255), `${keyId.slice(0, 250)}9999`]) {
      expect(await failure(provider.unwrap({ keyId: other, wrapped }, BINDING), key), other).toBeInstanceOf(UnknownKeyVersion);
    }
  });

  it('has exactly one current version, and wraps with it', async () => {
    let provider = await subject.open();
    for (let round = 1; round <= 3; round += 1) {
      const versions = await provider.versions();
      const { keyId } = await current(provider);
      expect((await provider.wrap(randomBytes(32), BINDING)).keyId).toBe(keyId);
      expect(versions.length).toBe(numbered ? round : 1);
      if (numbered) {
        expect(versions.map(({ version }) => version ?? 0)).toEqual(versions.map((_, index) => index + 1));
        expect(versions.at(-1)?.current, 'the newest is the last').toBe(true);
      }
      for (const { created } of versions) if (created) expect(Math.abs(Date.now() - created.getTime())).toBeLessThan(3_600_000);
      if (round < 3) provider = await rotated(provider);
    }
  });

  it('rotates: a new current version, under which older wraps still unwrap', async () => {
    const before = await subject.open();
    const key = randomBytes(32);
    const old = await before.wrap(key, BINDING);
    const provider = await rotated(before);
    expect((await current(provider)).keyId === old.keyId).toBe(!numbered);
    expect((await provider.unwrap(old, BINDING)).equals(key)).toBe(true);
    const fresh = await provider.wrap(key, BINDING);
    expect((await provider.unwrap(fresh, BINDING)).equals(key)).toBe(true);
  });

  it('re-wraps the same data key under the current version', async () => {
    const before = await subject.open();
    const key = randomBytes(32);
    const old = await before.wrap(key, BINDING);
    const provider = await rotated(before);
    const renewed = await provider.rewrap(old, BINDING);
    expect(renewed.keyId).toBe((await current(provider)).keyId);
    expect(renewed.keyId === old.keyId).toBe(!numbered);
    expect(renewed.wrapped.equals(old.wrapped)).toBe(false);
    expect((await provider.unwrap(renewed, BINDING)).equals(key)).toBe(true);
    for (const other of OTHERS) expect(await failure(provider.unwrap(renewed, other), key)).toBeInstanceOf(WrongKey);
    if (numbered) expect(await failure(provider.unwrap({ ...renewed, keyId: old.keyId }, BINDING), key)).toBeInstanceOf(WrongKey);
  });

  it('refuses to retire the current version, or one that there is not', async () => {
    const provider = await subject.open();
    const { keyId } = await current(provider);
    expect(await failure(provider.retire(keyId))).toBeInstanceOf(InputError);
    expect(await failure(provider.retire('somebody:else:1'))).toBeInstanceOf(InfraError);
    const key = randomBytes(32);
    const wrapped = await provider.wrap(key, BINDING);
    expect((await provider.unwrap(wrapped, BINDING)).equals(key)).toBe(true);
  });

  if (subject.rotateElsewhere || !numbered) {
    it('says how versions are made or taken away where it cannot do it', async () => {
      const provider = await subject.open();
      if (subject.rotateElsewhere) expectHints(await failure(provider.rotate()));
      const { keyId } = await provider.wrap(randomBytes(32), BINDING);
      expectHints(await failure(provider.retire(keyId)));
    });
  }

  if (numbered) {
    it('retires: that version unwraps nothing any more, the current one does', async () => {
      const key = randomBytes(32);
      const first = await subject.open();
      const old = await first.wrap(key, BINDING);
      const second = await rotated(first);
      const fresh = await second.wrap(key, BINDING);
      const provider = await retired(second, old.keyId);
      expect(await failure(provider.unwrap(old, BINDING), key)).toBeInstanceOf(UnknownKeyVersion);
      expect(await failure(provider.rewrap(old, BINDING), key)).toBeInstanceOf(UnknownKeyVersion);
      expect((await provider.unwrap(fresh, BINDING)).equals(key)).toBe(true);
      expect((await provider.versions()).map(({ keyId }) => keyId)).toEqual([fresh.keyId]);
    });
  }
}

async function current(provider: KeyProvider): Promise<KeyVersion> {
  const versions = await provider.versions();
  const [only, ...more] = versions.filter((version) => version.current);
  if (!only || more.length > 0) throw new Error(`${String(more.length + (only ? 1 : 0))} versions are current`);
  expect(new Set(versions.map(({ keyId }) => keyId)).size).toBe(versions.length);
  return only;
}

/** What it failed with: an expected failure that says nothing of the data key, in no form. */
async function failure(work: Promise<unknown>, key?: Buffer): Promise<unknown> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(InfraError);
  if (key) expect(holdsKey(everythingOf(error), key)).toBe(false);
  return error;
}

function expectHints(error: unknown): void {
  expect(error).toBeInstanceOf(InputError);
  expect((error as InputError).hints.length).toBeGreaterThan(0);
}

/** Message, hints, stack and causes: all that a log or a crash report may show. */
export function everythingOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const hints = error instanceof InfraError ? error.hints.join('\n') : '';
  return [error.message, hints, error.stack ?? '', JSON.stringify(error), error.cause === undefined ? '' : everythingOf(error.cause)].join('\n');
}

function holdsKey(text: string, key: Buffer): boolean {
  return [key.toString('base64'), key.toString('base64url'), key.toString('hex'), key.toString('latin1')].some((form) => text.includes(form) || text.includes(form.slice(4, 24)));
}
