import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CopiesWanted, newestCopy, recordCopy, recoveryCopiesStep } from '../../../src/keys/recovery/copies.js';
import { directoryProblem, writeNewDirectory } from '../../../src/keys/recovery/new-directory.js';
import { RECOVERY_KEY_DOCUMENT } from '../../../src/keys/recovery/recovery-key.js';
import { Secret } from '../../../src/secret.js';
import type { StateStore } from '../../../src/state/store.js';
import { RecordingReporter } from '../../fixtures/reporter.js';
import { testStore } from '../../fixtures/store.js';

const [ONE, OTHER] = ['A'.repeat(40), 'B'.repeat(40)];
let folder: string;
let state: StateStore;
let made: [string, string | undefined][];
let reporter: RecordingReporter;

const newKey = (fingerprint: string) =>
  state.put(RECOVERY_KEY_DOCUMENT, { version: 1, fingerprint, publicKey: '-----BEGIN PGP PUBLIC KEY BLOCK-----', privateKey: new Secret('x'), passphrase: new Secret('y'), created: new Date().toISOString(), shown: true });
let fingerprint = ONE;
const step = (wanted: CopiesWanted, terminal = false) =>
  recoveryCopiesStep({
    state,
    progress: reporter,
    wanted,
    hasTerminal: () => terminal,
    make: async (kind, directory) => {
      made.push([kind, directory]);
      if (directory !== undefined) await writeNewDirectory(directory, [['a.txt', 'a']]);
      return { fingerprint };
    },
  });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'koprogo-copies-'));
  state = (await testStore()).documents('tilleuls');
  [made, reporter, fingerprint] = [[], new RecordingReporter(), ONE];
  await newKey(ONE);
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the step that makes a copy of the recovery key', () => {
  it('makes it once, and again for another key', async () => {
    const directory = join(folder, 'kit');
    const kit = step({ copies: 'kit', directory });
    expect(await kit.check()).toMatchObject({ state: 'needed', changes: [`write the recovery kit to ${directory}, in clear`] });
    await kit.apply();
    expect(await kit.check()).toMatchObject({ state: 'done', detail: expect.stringMatching(/^recovery kit, made on 20/) as unknown });
    expect(reporter.lines.join()).toContain('take it off this computer');
    fingerprint = OTHER;
    await newKey(OTHER);
    expect(await newestCopy(state)).toBeUndefined();
    expect(await kit.check()).toMatchObject({ state: 'blocked', reason: `the directory ${directory} holds something` });
    await step({ copies: 'kit', directory: join(folder, 'second') }).apply();
    expect(await kit.check()).toMatchObject({ state: 'done' });
    expect(made).toHaveLength(2);
  });

  it('makes sheets beside a kit that is there, at a terminal or into a directory', async () => {
    await recordCopy(state, { kind: 'kit', fingerprint: ONE });
    const shown = { copies: 'sheets', directory: '-' } as const;
    expect(await step(shown).check()).toMatchObject({ state: 'blocked', reason: 'there is no terminal to show the sheets at' });
    expect(await step({ copies: 'sheets', directory: join(folder, 's') }).check()).toMatchObject({ state: 'needed' });
    await step(shown, true).apply();
    expect(made).toEqual([['sheets', undefined]]);
    expect(await step(shown).check()).toMatchObject({ state: 'done' });
    expect(await newestCopy(state)).toMatchObject({ kind: 'sheets' });
  });
});

describe('a directory for secrets', () => {
  it('is new, or empty; what is in one is never written over, nor removed', async () => {
    const [fresh, empty, full] = [join(folder, 'fresh'), join(folder, 'empty'), join(folder, 'full')];
    mkdirSync(join(empty, 'lost+found'), { recursive: true });
    mkdirSync(full);
    writeFileSync(join(full, 'mine'), 'x');
    expect(await Promise.all([fresh, empty].map(directoryProblem))).toEqual([undefined, undefined]);
    expect(await directoryProblem(full)).toContain('holds something');
    expect(await directoryProblem(join(full, 'mine'))).toContain('holds something');
    expect(await directoryProblem(join(folder, 'no', 'such'))).toContain(`there is no directory ${join(folder, 'no')}`);
    await writeNewDirectory(empty, [['a', 'a']]);
    expect(readdirSync(empty)).toEqual(['a', 'lost+found']);
    await expect(writeNewDirectory(full, [['mine', 'y']])).rejects.toThrow('holds something');
    const other = join(folder, 'other');
    mkdirSync(other);
    await expect(writeNewDirectory(other, [['a', 'a'], ['no/such', 'b']])).rejects.toThrow('cannot be written');
    expect(readdirSync(other)).toEqual([]);
  });

  it.skipIf(process.getuid?.() === 0)('can be written to (left out for root, who may write anywhere)', async () => {
    chmodSync(folder, 0o500);
    expect(await directoryProblem(join(folder, 'x'))).toContain('nothing can be written');
    chmodSync(folder, 0o700);
  });
});
