import { describe, expect, it } from 'vitest';
import type { InfraError } from '../../../src/errors.js';
import { MAX_HEAD_BYTES } from '../../../src/keys/envelope/envelope-format.js';
import { decrypt, EnvelopeDamaged, open, seal } from '../../../src/keys/envelope/envelope.js';
import { WrongKey } from '../../../src/keys/provider.js';
import { flipBit, Seeded } from '../../fixtures/random.js';
import { CHUNK, collect, content, CONTEXT, cut, HEAD, newKey, PLANTED, TAG, unwrapFor } from './envelope-support.js';

const random = new Seeded();
const seeded = `TEST_SEED=${random.seed}`;
console.log(`damage at random places: ${seeded} gives the same again`);

const small = seal(newKey(), CONTEXT, content(300));
const chunked = seal(newKey(), CONTEXT, content(2 * CHUNK + 5000), 0);
const STEP = CHUNK + TAG;
const chunkOf = (n: number) => chunked.subarray(HEAD + n * STEP, HEAD + (n + 1) * STEP);

/** Opens what must not open, whole and streamed: the error names the object and nothing that was in it. */
async function refused(bytes: Buffer, what: string, context = CONTEXT, unwrap = unwrapFor(context)): Promise<InfraError> {
  let last: unknown;
  for (const attempt of [() => open(bytes, context, unwrap), () => collect(decrypt(cut(bytes, 50_021), context, unwrap))]) {
    last = await attempt().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (!(last instanceof EnvelopeDamaged || last instanceof WrongKey)) throw new Error(`${what} was not refused as it must be (${seeded})`, { cause: last });
    const said = [last.message, ...last.hints, String(last.cause)].join('\n');
    expect(said, what).toContain(`${context.kind} "${context.name}" of installation ${context.installation}`);
    expect(said, what).not.toContain(PLANTED.slice(0, 8));
    expect(said.replaceAll('\n', ''), what).toMatch(/^[ -~]*$/);
  }
  return last as InfraError;
}

describe('is refused', () => {
  it('one bit turned over, at 2,000 random places', async () => {
    for (let n = 0; n < 2000; n += 1) {
      // Half of them in a small object, where head and tag are most of it.
      const object = n % 2 === 0 ? small : chunked;
      const bit = random.below(object.length * 8);
      await refused(flipBit(object, bit), `bit ${bit} of ${object.length} bytes`);
    }
  });

  it('every bit of the head turned over', async () => {
    for (let bit = 0; bit < HEAD * 8; bit += 1) await refused(flipBit(small, bit), `bit ${bit} of the head`);
  });

  it('every length of a small object, and random ones of a chunked one', async () => {
    for (let length = 0; length < small.length; length += 1) await refused(small.subarray(0, length), `cut to ${length}`);
    const lengths = [HEAD, HEAD + STEP - 1, HEAD + STEP, HEAD + STEP + 1, HEAD + 2 * STEP, HEAD + 2 * STEP + TAG, chunked.length - 1];
    for (let n = 0; n < 200; n += 1) lengths.push(random.below(chunked.length));
    for (const length of lengths) await refused(chunked.subarray(0, length), `cut to ${length}`);
  });

  it('chunks swapped, left out, doubled, or added', async () => {
    const head = chunked.subarray(0, HEAD);
    const [a, b, c] = [chunkOf(0), chunkOf(1), chunkOf(2)];
    const orders = [[b, a, c], [a, c], [b, c], [a, b], [a, a, b, c], [a, b, b, c], [a, b, c, c], [c], [a, b, c, Buffer.alloc(1)], [a, b, c, Buffer.alloc(STEP)], [a, b, c, small.subarray(HEAD)]];
    for (const [n, order] of orders.entries()) await refused(Buffer.concat([head, ...order]), `order ${n}`);
  });

  it('a chunk, a head or a wrapped key of another object under the same key', async () => {
    const other = seal(newKey(), CONTEXT, content(2 * CHUNK + 5000), 0);
    const end = (bytes: Buffer, from: number) => bytes.subarray(from);
    await refused(Buffer.concat([chunked.subarray(0, HEAD + STEP), end(other, HEAD + STEP)]), 'tail of another');
    await refused(Buffer.concat([other.subarray(0, HEAD), end(chunked, HEAD)]), 'head of another');
    const second = seal(newKey(CONTEXT, 0x33), CONTEXT, content(300));
    expect((await refused(Buffer.concat([small.subarray(0, 72), second.subarray(72, HEAD), end(small, HEAD)]), 'key of another')).message).toContain('not what was stored under this name');
  });

  it('another object in its place, or an older one of the same name', async () => {
    const elsewhere = [{ installation: 'acacias' }, { kind: 'lock' }, { name: 'stack-secret' }];
    for (const change of elsewhere) {
      const context = { ...CONTEXT, ...change };
      await refused(small, 'two objects swapped', context);
      // Also when the key gives way, as the cached key of a careless provider would.
      const error = await refused(small, 'two objects swapped', context, async () => Buffer.alloc(32, 0x22));
      expect(error).toBeInstanceOf(EnvelopeDamaged);
    }
    for (const serial of [1, 2, 4, 33]) expect((await refused(small, 'older', { ...CONTEXT, serial })).message).toMatch(/older copy/);
  });

  it('under another data key, at the commitment, before any chunk', async () => {
    const error = await refused(small, 'other data key', CONTEXT, async () => Buffer.alloc(32, 0x23));
    expect(error.message).toContain('not what was stored under this name');
  });

  it('rubbish, nothing, and heads that make no sense', async () => {
    expect((await refused(random.bytes(200 * 1024), '200 KB of rubbish')).message).toMatch(/does not begin as an encrypted object does/);
    expect((await refused(Buffer.alloc(0), 'nothing')).message).toMatch(/cut short/);
    const changed = (at: number, ...bytes: number[]) => Buffer.concat([small.subarray(0, at), Buffer.from(bytes), small.subarray(at + bytes.length)]);
    const newer = await refused(changed(4, 2), 'version 2');
    expect(newer.message).toMatch(/format version is 2 and this program reads 1/);
    expect(newer.hints[0]).toMatch(/newest koprogo-infra/);
    // A newer head may be shorter than ours: it is told all the same.
    expect((await refused(changed(4, 2).subarray(0, 30), 'short version 2')).message).toMatch(/format version is 2/);
    expect((await refused(changed(4, 0), 'version 0')).message).toMatch(/head is damaged/);
    expect((await refused(changed(5, 9), 'suite 9')).message).toMatch(/cipher suite is 9/);
    expect((await refused(changed(5, 0), 'suite 0')).message).toMatch(/head is damaged/);
    for (const log2 of [0, 9, 25, 31, 63, 255]) expect((await refused(changed(6, log2), `chunks of 2^${log2}`)).message).toMatch(/size of its chunks is out of range/);
    // In range, but not what was committed to.
    for (const log2 of [10, 17, 24]) expect((await refused(changed(6, log2), `chunks of 2^${log2}`)).message).toMatch(/not what was stored/);
    expect((await refused(changed(7, 1), 'reserved')).message).toMatch(/head is damaged/);
    for (const length of [0, 256, 65_535]) expect((await refused(changed(72, length >> 8, length & 0xff), `key id of ${length}`)).message).toMatch(/length is out of range/);
    for (const length of [0, 4097, 65_535]) expect((await refused(changed(80, length >> 8, length & 0xff), `wrapped key of ${length}`)).message).toMatch(/length is out of range/);
    expect((await refused(changed(80, 0x10, 0), 'wrapped key of 4096')).message).toMatch(/cut short/);
    expect((await refused(changed(74, 0x1b), 'escape in the key id')).message).toMatch(/key id is not printable/);
  });

  it('an endless stream, after no more than the longest head', async () => {
    let given = 0;
    const endless = (function* () {
      for (;;) {
        given += 1000;
        yield Buffer.alloc(1000, 0x4b);
      }
    })();
    await expect(collect(decrypt(endless, CONTEXT, unwrapFor()))).rejects.toThrow(EnvelopeDamaged);
    expect(given).toBeLessThan(MAX_HEAD_BYTES + 1000);
  });
});
