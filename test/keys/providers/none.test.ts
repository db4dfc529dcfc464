import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type KeyProvider, UnknownKeyVersion, WrongKey } from '../../../src/keys/provider.js';
import { type MasterKeyBytes, MasterKeys } from '../../../src/keys/providers/none.js';
import { keyMemory } from '../../fixtures/store.js';
import { keyProviderContract } from '../../contract/key-provider.js';

const keysOf = new WeakMap<KeyProvider, MasterKeyBytes[]>();

/** The newest first, as the environment has them. */
function withKeys([current, ...older]: MasterKeyBytes[]): KeyProvider {
  if (!current) throw new Error('no key');
  const copy = ({ version, key }: MasterKeyBytes) => ({ version, key: Buffer.from(key) });
  const provider = new MasterKeys(copy(current), older.map(copy), keyMemory);
  keysOf.set(provider, [current, ...older]);
  return provider;
}

describe('master keys from the environment', () => {
  keyProviderContract({
    open: () => Promise.resolve(withKeys([{ version: 1, key: randomBytes(32) }])),
    rotateElsewhere: (provider) => {
      const keys = keysOf.get(provider) ?? [];
      return Promise.resolve(withKeys([{ version: (keys[0]?.version ?? 0) + 1, key: randomBytes(32) }, ...keys]));
    },
    retireElsewhere: (provider, keyId) => Promise.resolve(withKeys((keysOf.get(provider) ?? []).filter(({ version }) => !keyId.endsWith(`:${version}`)))),
  });

  const binding = { installation: 'main', kind: 'document', name: 'x' };

  it('tell another key of the same version from a version that is not set', async () => {
    const wrapped = await withKeys([{ version: 1, key: randomBytes(32) }]).wrap(randomBytes(32), binding);
    await expect(withKeys([{ version: 1, key: randomBytes(32) }]).unwrap(wrapped, binding)).rejects.toThrow(WrongKey);
    await expect(withKeys([{ version: 2, key: randomBytes(32) }]).unwrap(wrapped, binding)).rejects.toThrow(UnknownKeyVersion);
    await expect(withKeys([{ version: 2, key: randomBytes(32) }]).unwrap({ ...wrapped, keyId: 'vault:transit/koprogo:1' }, binding)).rejects.toThrow(UnknownKeyVersion);
  });

  it('say how a rotation is done', async () => {
    await expect(withKeys([{ version: 3, key: randomBytes(32) }]).rotate()).rejects.toMatchObject({
      hints: expect.arrayContaining([expect.stringContaining('MASTER_ENCRYPTION_KEY_V3 to the present key'), expect.stringContaining('ENCRYPTION_KEY_VERSION=4')]) as string[],
    });
  });
});
