import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { decodeHead, encodeParts, MAX_CHUNK_LOG2, replaceKey } from '../../../src/keys/envelope/envelope-format.js';
import { decrypt, encrypt, open, seal } from '../../../src/keys/envelope/envelope.js';
import { KeyServiceFailed } from '../../../src/keys/provider.js';
import { wrapWith } from '../../../src/keys/envelope/wrap.js';
import { CHUNK, collect, content, CONTEXT, cut, HEAD, KEK, KEY_ID, newKey, TAG, unwrapFor } from './envelope-support.js';

const MIB = 1024 * 1024;

describe('an object comes back', () => {
  const sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK - 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK + 777];

  it.each(sizes)('of %i bytes, streamed byte by byte, in odd pieces and whole, both ways round', async (size) => {
    const plain = content(size);
    const stored = [seal(newKey(), CONTEXT, plain), seal(newKey(), CONTEXT, plain, 0)];
    for (const piece of [1, 977, 65_537, Math.max(size, 1)]) stored.push(await collect(encrypt(cut(plain, piece), CONTEXT, newKey())));
    for (const envelope of stored) expect((await open(envelope, CONTEXT, unwrapFor())).equals(plain)).toBe(true);
    for (const [i, envelope] of stored.slice(0, 3).entries()) {
      for (const piece of [i === 2 ? 1 : 4099, 977, envelope.length]) {
        expect((await collect(decrypt(cut(envelope, piece), CONTEXT, unwrapFor()))).equals(plain)).toBe(true);
      }
    }
    const chunks = Math.max(1, Math.ceil(size / CHUNK));
    for (const envelope of stored.slice(1)) expect(envelope).toHaveLength(HEAD + size + chunks * TAG);
    expect(stored[0]).toHaveLength(HEAD + size + TAG);
  });

  it.each([
    [MIB - 1, 20, 1],
    [MIB, 20, 1],
    [MIB + 1, 16, 17],
  ])('of %i bytes at the limit of one piece', async (size, log2, chunks) => {
    const plain = content(size);
    const envelope = seal(newKey(), CONTEXT, plain);
    expect(envelope[6]).toBe(log2);
    expect(envelope).toHaveLength(HEAD + size + chunks * TAG);
    expect((await open(envelope, CONTEXT, unwrapFor())).equals(plain)).toBe(true);
    expect((await collect(decrypt(cut(envelope, 99_991), CONTEXT, unwrapFor()))).equals(plain)).toBe(true);
  });

  it('of more than the largest piece of the format, whatever limit was asked for', async () => {
    const plain = Buffer.alloc(2 ** MAX_CHUNK_LOG2 + 1, 7);
    const envelope = seal(newKey(), CONTEXT, plain, 2 ** 30);
    expect(envelope[6]).toBe(16);
    expect((await open(envelope, CONTEXT, unwrapFor())).equals(plain)).toBe(true);
    expect(seal(newKey(), CONTEXT, plain.subarray(1), 2 ** 30)[6]).toBe(MAX_CHUNK_LOG2);
  });

  it('through Node’s streams', async () => {
    const plain = content(200_000);
    const sealed = Readable.from(encrypt(Readable.from(cut(plain, 7001)), CONTEXT, newKey()));
    expect((await collect(decrypt(sealed, CONTEXT, unwrapFor()))).equals(plain)).toBe(true);
  });

  it('never the same twice, though key and content are', () => {
    const [a, b] = [seal(newKey(), CONTEXT, content(100)), seal(newKey(), CONTEXT, content(100))];
    expect(a.subarray(8, 40).equals(b.subarray(8, 40))).toBe(false);
    expect(a.subarray(HEAD).equals(b.subarray(HEAD))).toBe(false);
  });
});

describe('what is handed out was authenticated', () => {
  it('and nothing of a chunk comes before the whole chunk was read and its tag compared', async () => {
    const plain = content(3 * CHUNK + 100);
    const envelope = await collect(encrypt([plain], CONTEXT, newKey()));
    let given = 0;
    const watched = (function* () {
      for (const piece of cut(envelope, 1000)) {
        given += piece.length;
        yield piece;
      }
    })();
    let out = 0;
    for await (const part of decrypt(watched, CONTEXT, unwrapFor())) {
      out += part.length;
      expect(given).toBeGreaterThanOrEqual(HEAD + out + Math.ceil(out / CHUNK) * TAG);
    }
    expect(out).toBe(plain.length);
  });

  it.each([0, 1, 2, 3])('with chunk %i damaged, exactly the chunks before it come out', async (damaged) => {
    const plain = content(3 * CHUNK + 100);
    const envelope = await collect(encrypt([plain], CONTEXT, newKey()));
    const at = HEAD + damaged * (CHUNK + TAG) + 50;
    envelope[at] = (envelope[at] ?? 0) ^ 1;
    for (const piece of [997, envelope.length]) {
      const parts: Buffer[] = [];
      await expect(async () => {
        for await (const part of decrypt(cut(envelope, piece), CONTEXT, unwrapFor())) parts.push(part);
      }).rejects.toThrow(`chunk ${damaged + 1} does not match its tag`);
      expect(Buffer.concat(parts).equals(plain.subarray(0, damaged * CHUNK))).toBe(true);
    }
  });
});

describe('the source of a stream', () => {
  const watch = (bytes: Buffer) => {
    const seen = { closed: false };
    const source = async function* () {
      try {
        yield* cut(bytes, 5000);
      } finally {
        seen.closed = true;
      }
    };
    return { seen, source: source() };
  };

  it('is closed when the consumer stops early', async () => {
    const plain = content(5 * CHUNK);
    const sealing = watch(plain);
    for await (const piece of encrypt(sealing.source, CONTEXT, newKey())) if (piece.length > HEAD) break;
    expect(sealing.seen.closed).toBe(true);
    const opening = watch(seal(newKey(), CONTEXT, plain, 0));
    for await (const piece of decrypt(opening.source, CONTEXT, unwrapFor())) if (piece.length > 0) break;
    expect(opening.seen.closed).toBe(true);
  });

  it('is closed when the object is damaged, no object, or the key cannot be had', async () => {
    const envelope = seal(newKey(), CONTEXT, content(5 * CHUNK), 0);
    envelope[HEAD + CHUNK] = (envelope[HEAD + CHUNK] ?? 0) ^ 1;
    for (const bytes of [envelope, Buffer.alloc(50_000)]) {
      const { seen, source } = watch(bytes);
      await expect(collect(decrypt(source, CONTEXT, unwrapFor()))).rejects.toThrow(/cannot be opened/);
      expect(seen.closed).toBe(true);
    }
    const { seen, source } = watch(envelope);
    const down = new KeyServiceFailed('Vault does not answer', { transient: true });
    await expect(collect(decrypt(source, CONTEXT, () => Promise.reject(down)))).rejects.toBe(down);
    expect(seen.closed).toBe(true);
  });

  it('that fails ends the work with its own error', async () => {
    const failing = async function* () {
      yield content(1000);
      throw new Error('the network went away');
    };
    await expect(collect(encrypt(failing(), CONTEXT, newKey()))).rejects.toThrow('the network went away');
    await expect(collect(decrypt(failing(), CONTEXT, unwrapFor()))).rejects.toThrow('the network went away');
  });

  it('streams 200 MB without growing', async () => {
    const block = Buffer.alloc(MIB, 1);
    let peak = 0;
    const endless = async function* () {
      for (let i = 0; i < 200; i += 1) {
        yield block;
        // The first pieces bring the buffers in; from then on nothing may be added.
        if (i === 20) peak = process.memoryUsage().rss;
      }
    };
    let bytes = 0;
    let most = 0;
    for await (const part of decrypt(encrypt(endless(), CONTEXT, newKey()), CONTEXT, unwrapFor())) {
      bytes += part.length;
      if (bytes % (4 * MIB) === 0) most = Math.max(most, process.memoryUsage().rss);
    }
    expect(bytes).toBe(200 * MIB);
    expect((most - peak) / MIB).toBeLessThan(80);
  });
});

describe('keys', () => {
  it('are wiped: the unwrapped one always, the caller’s own never', async () => {
    const key = newKey();
    const envelope = seal(key, CONTEXT, content(10));
    expect(key.plain.equals(Buffer.alloc(32, 0x22))).toBe(true);
    for (const context of [CONTEXT, { ...CONTEXT, serial: 4 }]) {
      const unwrapped = Buffer.from(key.plain);
      await open(envelope, context, async () => unwrapped).catch(() => undefined);
      expect(unwrapped.equals(Buffer.alloc(32))).toBe(true);
    }
    const short = Buffer.alloc(16, 1);
    await expect(open(envelope, CONTEXT, async () => short)).rejects.toThrow(/"stack-secrets".*not a data key/);
    expect(short.equals(Buffer.alloc(16))).toBe(true);
  });

  it('may be wiped by the caller once a stream has begun', async () => {
    const key = newKey();
    const stream = encrypt(cut(content(200_000), 1000), CONTEXT, key);
    const head = await stream.next();
    key.plain.fill(0);
    const rest = await collect(stream);
    const envelope = Buffer.concat([head.value as Buffer, rest]);
    expect((await open(envelope, CONTEXT, unwrapFor())).equals(content(200_000))).toBe(true);
  });

  it('are replaced without a byte of the body being touched', async () => {
    const plain = content(3 * CHUNK);
    const before = seal(newKey(), CONTEXT, plain, 0);
    const kek = Buffer.alloc(32, 0x77);
    const keyId = 'another-provider:arn:aws:kms:eu-west-3:1:key/2';
    const after = replaceKey(before, { keyId, wrapped: wrapWith(kek, Buffer.alloc(32, 0x22), keyId, CONTEXT) });
    expect(decodeHead(after)?.key.keyId).toBe(keyId);
    expect(after.subarray(0, 72).equals(before.subarray(0, 72))).toBe(true);
    expect(after.subarray(-(3 * (CHUNK + TAG))).equals(before.subarray(HEAD))).toBe(true);
    expect((await open(after, CONTEXT, async () => Buffer.alloc(32, 0x22))).equals(plain)).toBe(true);
    await expect(open(after, CONTEXT, unwrapFor())).rejects.toThrow(/"stack-secrets".*does not open its data key/);
    for (const wrong of [{ keyId: '', wrapped: Buffer.alloc(60) }, { keyId: 'a'.repeat(256), wrapped: Buffer.alloc(60) }, { keyId: 'é', wrapped: Buffer.alloc(60) }, { keyId: KEY_ID, wrapped: Buffer.alloc(0) }, { keyId: KEY_ID, wrapped: Buffer.alloc(4097) }]) {
      expect(() => replaceKey(before, wrong)).toThrow(RangeError);
    }
    expect(() => replaceKey(before.subarray(0, 100), { keyId, wrapped: KEK })).toThrow(/cut short/);
  });
});

describe('a context', () => {
  it('has one reading, wherever its parts begin and end', async () => {
    expect(encodeParts(['a', 'bc']).equals(encodeParts(['ab', 'c']))).toBe(false);
    expect(encodeParts(['', 'a']).equals(encodeParts(['a', '']))).toBe(false);
    const moved = { installation: 'tilleulsd', kind: 'ocument', name: 'stack-secrets', serial: 3 };
    const envelope = seal(newKey(), CONTEXT, content(10));
    await expect(open(envelope, moved, unwrapFor(CONTEXT))).rejects.toThrow(/not what was stored/);
  });

  it('that UTF-8 cannot hold, or whose writes are not counted from 1, is refused', () => {
    expect(() => seal(newKey(), { ...CONTEXT, name: 'a\ud800' }, content(10))).toThrow(RangeError);
    for (const serial of [0, -1, 1.5, Number.NaN, 2 ** 53]) expect(() => seal(newKey(), { ...CONTEXT, serial }, content(10))).toThrow(RangeError);
  });
});
