import { availableParallelism } from 'node:os';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

const compress = promisify(gzip);

const MEMBER_BYTES = 1024 * 1024;
/**
 * Measured on a plain dump of 365 MB: level 1 costs 5.2 s of processor time for 149 MB, level 6 9.2 s for 140 MB, level 9
 * 15.7 s for 140 MB; levels 2 to 4 are hardly better than 1. The server has a site to serve at the same time, and
 * compression is what a backup spends its time on. docs/backup.md has the table.
 */
export const GZIP_LEVEL = 1;

/**
 * Compresses a stream on zlib's thread pool: members of 1 MiB side by side, given out in their order. Members one after
 * another are one valid gzip file (RFC 1952, section 2.2), which every gunzip reads. Takes no more from the source than is
 * being compressed. An empty source gives one empty member, since no bytes at all are not a gzip file.
 */
export async function* gzipMembers(source: AsyncIterable<Uint8Array>, level = GZIP_LEVEL): AsyncGenerator<Buffer, void, undefined> {
  const sideBySide = availableParallelism() + 1;
  const members: Promise<Buffer>[] = [];
  const begin = (member: Uint8Array) => {
    // One output buffer as large as the input: with the default of 16 KiB every member makes 20 trips to the pool.
    const compressed = compress(member, { level, chunkSize: MEMBER_BYTES });
    // Looked at in its turn; until then a failure must not count as unhandled.
    compressed.catch(() => undefined);
    members.push(compressed);
  };
  let count = 0;
  for await (const member of piecesOf(source, MEMBER_BYTES)) {
    begin(member);
    count += 1;
    if (members.length >= sideBySide) yield* first(members);
  }
  if (count === 0) begin(Buffer.alloc(0));
  while (members.length > 0) yield* first(members);
}

async function* first(members: Promise<Buffer>[]) {
  const member = await members.shift();
  if (member) yield member;
}

/** The same bytes in pieces of `size`, the last one shorter. Each piece is memory of its own. */
async function* piecesOf(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer, void, undefined> {
  let piece = Buffer.allocUnsafeSlow(size);
  let filled = 0;
  for await (const chunk of source) {
    let rest = chunk;
    while (rest.length > 0) {
      const taken = Math.min(rest.length, size - filled);
      piece.set(rest.subarray(0, taken), filled);
      filled += taken;
      rest = rest.subarray(taken);
      if (filled === size) {
        yield piece;
        piece = Buffer.allocUnsafeSlow(size);
        filled = 0;
      }
    }
  }
  if (filled > 0) yield piece.subarray(0, filled);
}
