import { describe, expect, it } from 'vitest';
import { encryptedAsAsked } from '../../src/edges/object-store.js';
import { MAX_PARTS, partBytes, uploadStream } from '../../src/edges/object-upload.js';
import { objectStoreContract } from '../contract/object-store.js';
import { MemoryStore } from '../fixtures/memory-store.js';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

describe('a bucket in memory', () => {
  const store = new MemoryStore();
  objectStoreContract(() => store);
});

describe('part sizes', () => {
  const total = (expected: number) => Array.from({ length: MAX_PARTS }, (_, i) => partBytes(i + 1, expected)).reduce((a, b) => a + b, 0);

  it('hold 29 GiB in 1,000 parts when nothing is known, and four times what is expected', () => {
    expect(total(0)).toBeGreaterThan(29 * GIB);
    expect(total(100 * GIB)).toBeGreaterThan(400 * GIB);
  });

  it('are equal for the first 4 GiB', () => {
    expect(new Set(Array.from({ length: 500 }, (_, i) => partBytes(i + 1)))).toEqual(new Set([8 * MIB]));
    expect(partBytes(501)).toBe(16 * MIB);
  });
});

describe('uploading a stream', () => {
  it('takes from the source only as fast as parts are stored', async () => {
    const store = new MemoryStore();
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = Object.assign(Object.create(store) as MemoryStore, {
      startUpload: async (key: string) => {
        const upload = await store.startUpload(key);
        return { ...upload, writePart: (number: number, bytes: Uint8Array) => gate.then(() => upload.writePart(number, bytes)) };
      },
    });
    let taken = 0;
    async function* source() {
      for (let i = 0; i < 80; i += 1) {
        taken += MIB;
        yield Buffer.alloc(MIB);
      }
    }
    const upload = uploadStream(slow, 'slow', source());
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(taken).toBeLessThanOrEqual(25 * MIB);
    release();
    expect(await upload).toBe(80 * MIB);
  });

  it('stops at the first part that cannot be sent', async () => {
    const store = new MemoryStore();
    let parts = 0;
    store.fail.set('writePart', () => (++parts === 2 ? new Error('the line is cut') : undefined));
    let taken = 0;
    let ended = false;
    async function* source() {
      try {
        for (;;) {
          taken += MIB;
          yield Buffer.alloc(MIB);
        }
      } finally {
        ended = true;
      }
    }
    await expect(uploadStream(store, 'cut', source())).rejects.toThrow('the line is cut');
    expect(taken).toBeLessThan(60 * MIB);
    expect(ended).toBe(true);
    expect(store.uploads.size).toBe(0);
    expect(store.objects.size).toBe(0);
  });
});

describe('encryption as asked', () => {
  const kms = { mode: 'aws:kms', keyId: 'key-1' } as const;
  const shown = (mode: string, keyId?: string) => ({ encryption: { mode, keyId } });
  it.each([
    ['none is asked', { mode: 'none' } as const, { encryption: undefined }, true],
    ['nothing is shown', { mode: 'AES256' } as const, { encryption: undefined }, false],
    ['AES256 is shown', { mode: 'AES256' } as const, shown('AES256'), true],
    ['another mode is shown', { mode: 'AES256' } as const, shown('aws:kms', 'x'), false],
    ['the key is shown', kms, shown('aws:kms', 'key-1'), true],
    ["the key's ARN is shown", kms, shown('aws:kms', 'arn:aws:kms:eu-west-1:1:key/key-1'), true],
    ['another key is shown', kms, shown('aws:kms', 'key-2'), false],
    ['an alias was asked for', { mode: 'aws:kms', keyId: 'alias/backups' } as const, shown('aws:kms', 'arn:aws:kms:eu-west-1:1:key/key-1'), true],
  ])('when %s', (_, asked, head, expected) => {
    expect(encryptedAsAsked(asked, head)).toBe(expected);
  });
});
