import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { chmod, chown } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { takeOverPrevious } from '../../src/state/take-over.js';
import { testStore } from '../fixtures/store.js';

/** Two installations as version 0.1 wrote them: one under a key file, one under a passphrase. */
const FIXTURE = fileURLToPath(new URL('../fixtures/previous-state', import.meta.url));
const PASSPHRASE = 'a passphrase of the previous format';
let home: string;
let root: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-previous-'));
  root = join(home, 'state', 'koprogo-infra');
  vi.stubEnv('XDG_CONFIG_HOME', join(home, 'config'));
  vi.stubEnv('KOPROGO_STATE_PASSPHRASE_FILE', join(home, 'passphrase'));
  await mkdir(root, { recursive: true });
  await mkdir(join(home, 'config', 'koprogo-infra'), { recursive: true });
  for (const name of ['tilleuls', 'peupliers']) {
    await cp(join(FIXTURE, name), join(root, name), { recursive: true });
    await chmod(join(root, name), 0o700);
    await chown(join(root, name), process.getuid?.() ?? 0, process.getgid?.() ?? 0);
  }
  await cp(join(FIXTURE, 'state.key'), join(home, 'config', 'koprogo-infra', 'state.key'));
  await writeFile(join(home, 'passphrase'), `${PASSPHRASE}\n`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

it('moves every document, and wipes what is left', async () => {
  const store = await testStore();
  expect(await takeOverPrevious(store, root)).toEqual(['peupliers', 'tilleuls']);
  expect(await store.installations()).toEqual(['peupliers', 'tilleuls']);
  const documents = store.documents('tilleuls');
  expect(await documents.names()).toEqual(['answers', 'luks', 'recovery-key']);
  expect(await documents.get('luks', z.unknown())).toEqual({ passphrase: 'planted-previous-1' });
  expect(await documents.get('recovery-key', z.unknown())).toEqual({ list: [1, 2, 'é'] });
  expect(await store.documents('peupliers').get('answers', z.unknown())).toEqual({ target: 'host', secret: 'planted-previous-2' });
  expect(await readdir(root)).toEqual([]);
  await expect(stat(join(home, 'config', 'koprogo-infra', 'state.key'))).rejects.toThrow(/ENOENT/);
  expect(await takeOverPrevious(store, root)).toEqual([]);
});

it('leaves other files of an installation where they are', async () => {
  await writeFile(join(root, 'tilleuls', 'notes.txt'), 'mine');
  await takeOverPrevious(await testStore(), root);
  expect(await readdir(join(root, 'tilleuls'))).toEqual(['notes.txt']);
});

it('goes on where it was killed: half copied, or half wiped', async () => {
  const store = await testStore();
  await store.documents('tilleuls').putText('luks', '{"passphrase":"planted-previous-1"}');
  await rm(join(root, 'tilleuls', 'answers.sealed'));
  await writeFile(join(root, 'tilleuls', 'answers.sealed.wiping'), Buffer.alloc(80));
  await store.documents('tilleuls').putText('answers', '{"target":"sandbox"}');
  await takeOverPrevious(store, root);
  expect(await store.documents('tilleuls').names()).toEqual(['answers', 'luks', 'recovery-key']);
  expect(await readdir(root)).toEqual([]);
});

it('finishes a wipe that was killed at its very end', async () => {
  await takeOverPrevious(await testStore(), root);
  await mkdir(join(root, 'tilleuls'), { mode: 0o700 });
  await writeFile(join(root, 'tilleuls', 'header.json.wiping'), Buffer.alloc(101));
  await writeFile(join(home, 'config', 'koprogo-infra', 'state.key.wiping'), Buffer.alloc(45));
  await takeOverPrevious(await testStore(), root);
  expect(await readdir(root)).toEqual([]);
  expect(await readdir(join(home, 'config', 'koprogo-infra'))).toEqual([]);
});

it('removes nothing when a document is there twice and differs', async () => {
  const store = await testStore();
  await store.documents('tilleuls').put('luks', { passphrase: 'newer' });
  await expect(takeOverPrevious(store, root)).rejects.toThrow(/"luks" of installation tilleuls is there twice and differs/);
  expect(await readdir(join(root, 'tilleuls'))).toContain('luks.sealed');
  expect(await store.documents('tilleuls').get('luks', z.unknown())).toEqual({ passphrase: 'newer' });
});

it('removes nothing without the right key, the right passphrase, or the header', async () => {
  const store = await testStore();
  const key = join(home, 'config', 'koprogo-infra', 'state.key');
  await writeFile(join(home, 'passphrase'), 'wrong');
  await expect(takeOverPrevious(store, root)).rejects.toThrow(/peupliers was made with another key or passphrase/);
  await writeFile(join(home, 'passphrase'), PASSPHRASE);
  await writeFile(key, `${Buffer.alloc(32, 7).toString('base64')}\n`);
  await expect(takeOverPrevious(store, root)).rejects.toThrow(/tilleuls was made with another key/);
  await rm(key);
  await expect(takeOverPrevious(store, root)).rejects.toThrow(/state.key is missing/);
  await rm(join(root, 'tilleuls', 'header.json'));
  await expect(takeOverPrevious(store, root)).rejects.toThrow(/header of installation tilleuls is missing/);
  expect((await readdir(join(root, 'tilleuls'))).sort()).toEqual(['answers.sealed', 'luks.sealed', 'recovery-key.sealed']);
});

it('removes nothing when a file is damaged', async () => {
  await writeFile(join(root, 'tilleuls', 'luks.sealed'), Buffer.alloc(60, 1));
  await expect(takeOverPrevious(await testStore(), root)).rejects.toThrow(/"luks" of the previous format is damaged/);
  expect(await readdir(join(root, 'tilleuls'))).toContain('answers.sealed');
});
