import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openAuditLog } from '../../../src/keys/audit/audit.js';
import { type AuditHead, auditLineSchema, encodeLine, lineHash, NO_LINE, sealKey } from '../../../src/keys/audit/format.js';
import { readAuditLog, verifyAuditLog } from '../../../src/keys/audit/verify.js';

const LINES = 25;
const ROUNDS = 40;
const auditKey = Buffer.alloc(32, 7);
const seed = Number(process.env['TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

let folder: string;
let path: string;
let anchor: AuditHead | undefined;
const genuine: Record<'keyed' | 'bare', string[]> = { keyed: [], bare: [] };

beforeAll(async () => {
  console.log(`audit verify: TEST_SEED=${seed} gives the same changes again`);
  folder = await mkdtemp(join(tmpdir(), 'koprogo-verify-'));
  path = join(folder, 'audit.log');
  genuine.bare = await write(undefined);
  genuine.keyed = await write(auditKey);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function write(key: Uint8Array | undefined): Promise<string[]> {
  await rm(path, { force: true });
  const log = openAuditLog({ enabled: true, path, ...(key ? { auditKey: key } : {}) });
  for (let serial = 1; serial < LINES; serial++) await log.record({ operation: 'encrypt', keyId: 'local:1', object: { installation: 'i', kind: 'k', name: 'n', serial }, result: 'ok' });
  anchor = await log.head();
  await log.close();
  return (await readFile(path, 'utf8')).trimEnd().split('\n');
}

/** Mulberry32: small, seeded, good enough to choose lines. */
function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

const put = (lines: readonly string[]) => writeFile(path, `${lines.join('\n')}\n`, { mode: 0o600 });
const verify = (keyed: boolean, over: object = {}) => verifyAuditLog(path, { auditKeys: keyed ? [auditKey] : [], ...over });

/** Each changes the lines and returns the first place (from 0) that is not as it was. */
const changes: Record<string, (lines: string[], random: (below: number) => number) => number> = {
  'one byte altered': (lines, random) => {
    const at = random(LINES);
    const line = Buffer.from(lines[at] ?? '', 'latin1');
    const where = random(line.length);
    // Not into a newline: that is another change.
    line[where] = (line[where] ?? 0) ^ (1 << random(7));
    if (line[where] === 0x0a) line[where] = 0x21;
    lines[at] = line.toString('latin1');
    return at;
  },
  'a field altered, as a person would': (lines, random) => {
    const at = 1 + random(LINES - 1);
    lines[at] = (lines[at] ?? '').replace('"operation":"encrypt"', '"operation":"decrypt"');
    return at;
  },
  'a line removed': (lines, random) => {
    const at = random(LINES - 1);
    lines.splice(at, 1);
    return at;
  },
  'several lines removed': (lines, random) => {
    const at = random(LINES - 5);
    lines.splice(at, 1 + random(4));
    return at;
  },
  'two lines exchanged': (lines, random) => {
    const at = random(LINES - 1);
    const other = at + 1 + random(LINES - 1 - at);
    [lines[at], lines[other]] = [lines[other] ?? '', lines[at] ?? ''];
    return at;
  },
  'a line moved': (lines, random) => {
    const from = 1 + random(LINES - 1);
    const to = random(from);
    lines.splice(to, 0, ...lines.splice(from, 1));
    return to;
  },
  'a line repeated': (lines, random) => {
    const at = random(LINES);
    const to = at + 1 + random(LINES - at);
    lines.splice(to, 0, lines[at] ?? '');
    return to;
  },
  'a line split': (lines, random) => {
    const at = random(LINES);
    const line = lines[at] ?? '';
    const where = 1 + random(line.length - 1);
    lines.splice(at, 1, line.slice(0, where), line.slice(where));
    return at;
  },
  'an empty line inserted': (lines, random) => {
    const at = random(LINES + 1);
    lines.splice(at, 0, '');
    return at;
  },
  'a line of rubbish inserted': (lines, random) => {
    const at = random(LINES + 1);
    lines.splice(at, 0, 'x'.repeat(random(40_000)));
    return at;
  },
};

describe.each(['keyed', 'bare'] as const)('a %s log', (kind) => {
  const keyed = kind === 'keyed';

  it('is found intact', async () => {
    await put(genuine[kind]);
    expect(await verify(keyed)).toMatchObject({ verdict: 'intact', lines: LINES, findings: [], [keyed ? 'sealedByKey' : 'sealedWithoutKey']: LINES, anchored: false });
  });

  for (const [name, change] of Object.entries(changes)) {
    it(`with ${name} is found out, and where`, async () => {
      const random = randomFrom(seed ^ Number.parseInt(lineHash(name).slice(0, 8), 16));
      for (let round = 0; round < ROUNDS; round++) {
        const lines = [...genuine[kind]];
        const at = change(lines, random);
        await put(lines);
        const { verdict, findings } = await verify(keyed);
        expect({ verdict, round }).toEqual({ verdict: 'tampered', round });
        // The changed line, or the one after it, which no longer follows.
        expect([at + 1, at + 2]).toContain(findings[0]?.line);
      }
    });
  }
});

const unchained = auditLineSchema.strip().omit({ seq: true, prev: true, keyed: true, mac: true, hash: true });

/** What somebody does who can write the file and knows this program, but has no key: a chain that fits from `from` on. */
function forge(lines: readonly string[], from: number, change: (line: Record<string, unknown>) => void, key?: Uint8Array): string[] {
  const kept = lines.slice(0, from);
  const last = kept.at(-1);
  let head: AuditHead = last === undefined ? { seq: 0, hash: NO_LINE } : { seq: kept.length, hash: lineHash(last) };
  for (const line of lines.slice(from)) {
    const rest = unchained.parse(JSON.parse(line));
    change(rest);
    kept.push(encodeLine(rest, head, key && sealKey(key)));
    head = { seq: head.seq + 1, hash: lineHash(kept.at(-1) ?? '') };
  }
  return kept;
}

describe('somebody without the key', () => {
  beforeEach(() => put(genuine.keyed));

  it('cannot write the chain anew from any line on', async () => {
    for (const from of [0, 1, 10, LINES - 1]) {
      await put(forge(genuine.keyed, from, (line) => (line['result'] = 'Error')));
      expect(await verify(true)).toMatchObject({ verdict: 'tampered', findings: expect.arrayContaining([expect.objectContaining({ kind: 'unsealed' })]) as object[] });
    }
  });

  it('cannot pass off another key: what it sealed is called unproven', async () => {
    const other = Buffer.alloc(32, 8);
    await put(forge(genuine.keyed, 10, (line) => (line['result'] = 'Error'), other));
    expect(await verify(true)).toMatchObject({ verdict: 'unproven', sealedByKey: 10, sealedByAnotherKey: LINES - 10 });
    expect(await verify(false)).toMatchObject({ verdict: 'unproven', sealedByAnotherKey: LINES });
    expect(await verifyAuditLog(path, { auditKeys: [other, auditKey] })).toMatchObject({ verdict: 'intact' });
  });

  it('cannot change a line of a key that is not at hand: the line after it no longer follows', async () => {
    const lines = [...genuine.keyed];
    lines[5] = (lines[5] ?? '').replace('encrypt', 'decrypt');
    await put(lines);
    expect(await verifyAuditLog(path, { auditKeys: [Buffer.alloc(32, 9)] })).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'unlinked', line: 7 }] });
  });
});

describe('the anchor', () => {
  it('shows that the end was removed, all of it, or written anew', async () => {
    for (const keep of [LINES - 1, 10, 1]) {
      await put(genuine.keyed.slice(0, keep));
      expect(await verify(true)).toMatchObject({ verdict: 'intact' });
      expect(await verify(true, { anchor })).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'end-missing' }], anchored: true });
    }
    await rm(path);
    expect(await verify(true)).toMatchObject({ verdict: 'empty' });
    expect(await verify(true, { anchor })).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'end-missing', line: 0 }] });
    await put(forge(genuine.keyed, LINES - 1, (line) => (line['operation'] = 'decrypt'), auditKey));
    expect(await verify(true, { anchor })).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'rewritten', line: LINES }] });
  });

  it('fits a log that has gone on', async () => {
    await put(genuine.keyed);
    await openAuditLog({ enabled: true, path, auditKey }).record({ operation: 'rotate', result: 'ok' });
    expect(await verify(true, { anchor })).toMatchObject({ verdict: 'intact', anchored: true });
  });
});

it('reads on behind lines that are none', async () => {
  await put([...genuine.bare.slice(0, 3), 'rubbish', ...genuine.bare.slice(3)]);
  const seen: number[] = [];
  expect(await readAuditLog(path, ({ seq }) => seen.push(seq))).toEqual({ unreadable: 1 });
  expect(seen).toEqual(Array.from({ length: LINES }, (_, n) => n + 1));
});

it('has a format that stays: this line, under this key, for ever', () => {
  const line = encodeLine(
    {
      time: '2026-11-22T10:15:00.123Z',
      operation: 'rotate',
      key: 'local:2',
      object: { installation: 'tilleuls', kind: 'document', name: 'é"\u0001', serial: 4 },
      by: { user: 'marie', uid: 1000, host: 'laptop', pid: 4711, version: '0.1.0' },
      result: 'ok',
    },
    { seq: 16, hash: 'ab'.repeat(32) },
    sealKey(auditKey),
  );
  expect(line).toMatchInlineSnapshot(`"{"seq":17,"time":"2026-11-22T10:15:00.123Z","operation":"rotate","key":"local:2","object":{"installation":"tilleuls","kind":"document","name":"é\\"\\u0001","serial":4},"by":{"user":"marie","uid":1000,"host":"laptop","pid":4711,"version":"0.1.0"},"result":"ok","prev":"abababababababababababababababababababababababababababababababab","keyed":"e24f3c7e725d29fc","mac":"e2a04943ff05626a59295a65039e075778302c4a25f9f313f2ae08105953eb01"}"`);
});
