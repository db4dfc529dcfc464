import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { EnvelopeContext } from '../../../src/keys/envelope/envelope-format.js';
import { decrypt, encrypt, open, seal } from '../../../src/keys/envelope/envelope.js';
import { unwrapWith } from '../../../src/keys/envelope/wrap.js';
import { writeEnvelope, writeWrapped } from '../../fixtures/envelope-writer.js';
import { Seeded } from '../../fixtures/random.js';
import { CHUNK, collect, content, CONTEXT, cut, HEAD, KEK, newKey, TAG } from './envelope-support.js';

const PYTHON = '/usr/bin/python3';
const PROGRAM = 'docs/open-envelope.py';
const why = existsSync('/usr/lib/python3/dist-packages/cryptography') ? undefined : 'the Debian package python3-cryptography is not installed';
if (why) console.warn(`tests of the second decryptor left out: ${why}`);

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'));
const vectorFile = z.object({
  keyEncryptionKey: base64,
  keyId: z.string(),
  vectors: z.array(
    z.object({
      title: z.string(),
      context: z.object({ installation: z.string(), kind: z.string(), name: z.string(), serial: z.number() }),
      content: z.object({ repeat: z.string(), bytes: z.number() }),
      dataKey: base64,
      wrapNonce: base64,
      wrapped: base64,
      salt: base64,
      chunkLog2: z.number(),
      bytes: z.number(),
      sha256: z.string(),
      envelope: base64.optional(),
    }),
  ),
});
const { keyEncryptionKey: kek, keyId, vectors } = vectorFile.parse(JSON.parse(readFileSync('test/keys/vectors/envelope-v1.json', 'utf8')));

const cases = vectors.map((vector) => {
  const { repeat, bytes } = vector.content;
  const plain = Buffer.from(repeat.repeat(Math.ceil(bytes / repeat.length)).slice(0, bytes));
  return { ...vector, plain, made: writeEnvelope({ ...vector, keyId, plain }) };
});

describe.each(cases)('the vector $title', ({ context, plain, made, ...vector }) => {
  it('is what the specification makes of its parts', () => {
    expect(writeWrapped(kek, vector.wrapNonce, vector.dataKey, keyId, context).equals(vector.wrapped)).toBe(true);
    expect(made).toHaveLength(vector.bytes);
    expect(createHash('sha256').update(made).digest('hex')).toBe(vector.sha256);
    if (vector.envelope) expect(vector.envelope.equals(made)).toBe(true);
  });

  it('opens, whole and streamed', async () => {
    const unwrap = async (key: { keyId: string; wrapped: Buffer }) => unwrapWith(kek, key.wrapped, key.keyId, context);
    expect((await open(made, context, unwrap)).equals(plain)).toBe(true);
    expect((await collect(decrypt(cut(made, 1021), context, unwrap))).equals(plain)).toBe(true);
  });
});

describe('what the program writes', () => {
  it.each([0, 1, 1000, CHUNK, CHUNK + 1, 2 * CHUNK, 150_000])('of %i bytes is what the specification makes of the same parts', async (size) => {
    const plain = content(size);
    const key = newKey();
    for (const envelope of [seal(key, CONTEXT, plain), seal(key, CONTEXT, plain, 0), await collect(encrypt(cut(plain, 3001), CONTEXT, key))]) {
      const byTheBook = writeEnvelope({ dataKey: key.plain, salt: envelope.subarray(8, 40), chunkLog2: envelope[6] ?? 0, ...key.wrapped, context: CONTEXT, plain });
      expect(byTheBook.equals(envelope)).toBe(true);
    }
  });
});

/** Flips bits, and cuts, in one Python process: for each, what came out and whether it was refused. */
const HARNESS = `
import argparse, io, json, runpy, sys
program = runpy.run_path(sys.argv[1])
job = json.load(sys.stdin)
context = argparse.Namespace(**job["context"])
whole = open(job["file"], "rb").read()
answers = []
for bit, length in job["damages"]:
    bytes_ = bytearray(whole)
    if bit >= 0:
        bytes_[bit >> 3] ^= 1 << (bit & 7)
    out = io.BytesIO()
    try:
        program["decrypt"](io.BytesIO(bytes(bytes_[:length])), out, bytes.fromhex(job["key"]), True, context)
        refused = False
    except program["Refused"]:
        refused = True
    answers.append([refused, out.getvalue().hex()])
print(json.dumps(answers))
`;

describe.skipIf(why !== undefined)('docs/open-envelope.py', () => {
  const directory = mkdtempSync(join(tmpdir(), 'koprogo-py-'));
  afterAll(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  function run(envelope: Uint8Array, context: EnvelopeContext, key: readonly string[], environment: Record<string, string> = {}) {
    const file = join(directory, 'object.bin');
    writeFileSync(file, envelope);
    const { installation, kind, name, serial } = context;
    const args = [PROGRAM, '--installation', installation, '--kind', kind, '--name', name, '--serial', String(serial), ...key, file];
    const { status, stdout, stderr } = spawnSync(PYTHON, args, { env: { PATH: '/usr/bin:/bin', PYTHONDONTWRITEBYTECODE: '1', ...environment }, maxBuffer: 64 * CHUNK, timeout: 30_000 });
    return { status, stdout, stderr: stderr.toString() };
  }

  function keyFile(key: Uint8Array): string {
    const file = join(directory, 'key.b64');
    writeFileSync(file, `${Buffer.from(key).toString('base64')}\n`);
    return file;
  }

  it('is short', () => {
    expect(readFileSync(PROGRAM, 'utf8').split('\n').length).toBeLessThan(150);
  });

  it.each(cases)('opens the vector $title with the key-encryption key and with the data key', ({ context, plain, made, dataKey }) => {
    const byKek = run(made, context, ['--kek-file', keyFile(kek)]);
    expect(byKek).toMatchObject({ status: 0, stderr: '' });
    expect(byKek.stdout.equals(plain)).toBe(true);
    const byDataKey = run(made, context, ['--data-key-env', 'KEY'], { KEY: dataKey.toString('base64') });
    expect(byDataKey).toMatchObject({ status: 0, stderr: '' });
    expect(byDataKey.stdout.equals(plain)).toBe(true);
  });

  it('opens what the program has just written', async () => {
    for (const size of [0, 5000, 2 * CHUNK, 200_001]) {
      const plain = content(size);
      for (const envelope of [seal(newKey(), CONTEXT, plain), await collect(encrypt([plain], CONTEXT, newKey()))]) {
        const { status, stdout } = run(envelope, CONTEXT, ['--kek-file', keyFile(KEK)]);
        expect(status).toBe(0);
        expect(stdout.equals(plain)).toBe(true);
      }
    }
  });

  it('refuses what is damaged, cut, of another object or another key, and writes no chunk of which the tag is wrong', () => {
    const random = new Seeded();
    console.log(`damage for Python: TEST_SEED=${random.seed}`);
    const plain = content(2 * CHUNK + 3000);
    const envelope = seal(newKey(), CONTEXT, plain, 0);
    const file = join(directory, 'damaged.bin');
    writeFileSync(file, envelope);
    const ends = [HEAD - 1, HEAD, HEAD + CHUNK + TAG, HEAD + 2 * (CHUNK + TAG), envelope.length - 1];
    const damages = [
      ...Array.from({ length: 150 }, () => [random.below(HEAD * 8), envelope.length]),
      ...Array.from({ length: 150 }, () => [random.below(envelope.length * 8), envelope.length]),
      ...[...ends, ...Array.from({ length: 50 }, () => random.below(envelope.length))].map((length) => [-1, length]),
    ];
    const job = { file, context: CONTEXT, key: KEK.toString('hex'), damages };
    const answered = execFileSync(PYTHON, ['-B', '-c', HARNESS, PROGRAM], { input: JSON.stringify(job), maxBuffer: 1024 ** 3, timeout: 60_000 });
    const answers = z.array(z.tuple([z.boolean(), z.string()])).parse(JSON.parse(answered.toString()));
    expect(answers).toHaveLength(damages.length);
    for (const [n, [refused, hex]] of answers.entries()) {
      const [bit = -1, length = 0] = damages[n] ?? [];
      const sound = Math.max(0, Math.floor(((bit < 0 ? length : bit >> 3) - HEAD) / (CHUNK + TAG)));
      expect(refused, `damage ${n}`).toBe(true);
      const out = Buffer.from(hex, 'hex');
      // A whole chunk before a cut stays back too, because it is not known to be the last until more has been read.
      expect([sound, sound - 1].map((chunks) => chunks * CHUNK), `damage ${n}`).toContain(out.length);
      expect(out.equals(plain.subarray(0, out.length))).toBe(true);
    }
  });

  it('says what is wrong with a nonzero status, and quotes nothing', () => {
    const envelope = seal(newKey(), CONTEXT, content(300));
    const kekFile = keyFile(KEK);
    const refused = (bytes: Uint8Array, context: EnvelopeContext, key: readonly string[], environment?: Record<string, string>) => {
      const result = run(bytes, context, key, environment);
      expect(result.stdout).toHaveLength(0);
      expect(result.status).toBeGreaterThan(0);
      expect(result.stderr).not.toContain('Traceback');
      return result.stderr;
    };
    expect(refused(envelope, { ...CONTEXT, serial: 4 }, ['--kek-file', kekFile])).toMatch(/document "stack-secrets" of tilleuls is refused: another object/);
    expect(refused(envelope, { ...CONTEXT, name: 'answers' }, ['--kek-file', kekFile])).toMatch(/another key or another object/);
    expect(refused(envelope, CONTEXT, ['--data-key-env', 'KEY'], { KEY: Buffer.alloc(32, 9).toString('base64') })).toMatch(/another key/);
    expect(refused(Buffer.alloc(200 * 1024, 7), CONTEXT, ['--kek-file', kekFile])).toMatch(/not an encrypted object/);
    expect(refused(Buffer.alloc(0), CONTEXT, ['--kek-file', kekFile])).toMatch(/cut short/);
    const newer = Buffer.from(envelope);
    newer[4] = 2;
    expect(refused(newer, CONTEXT, ['--kek-file', kekFile])).toMatch(/version 2, suite 1: this program reads version 1/);
    expect(refused(envelope, CONTEXT, ['--kek-env', 'KEY'])).toMatch(/32 bytes in base64/);
    expect(refused(envelope, CONTEXT, ['--kek-env', 'KEY'], { KEY: 'c2hvcnQ=' })).toMatch(/32 bytes in base64/);
  });
});
