import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { buildFolder, checkBuild, runBuild } from '../../src/targets/sandbox/build.js';

let cache: string;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'koprogo-cache-'));
});
afterEach(() => rm(cache, { recursive: true, force: true }));

const recipe = { version: 1, packages: ['a'] };
const build = (fill: (folder: string) => Promise<void>) => ({ name: 'thing', recipe, fill });

it('is there whole, under a name that its recipe decides', async () => {
  await runBuild(cache, build((folder) => writeFile(join(folder, 'x'), '1')));
  expect(await readdir(buildFolder(cache, { name: 'thing', recipe }))).toEqual(['x']);
  expect(checkBuild(cache, { name: 'thing', recipe }, 'it').state).toBe('done');
  expect(checkBuild(cache, { name: 'thing', recipe: { ...recipe, version: 2 } }, 'it').state).not.toBe('done');
});

it('leaves nothing behind when it fails', async () => {
  const failure = runBuild(cache, build(async (folder) => {
    await writeFile(join(folder, 'half'), '1');
    throw new Error('disk full');
  }));
  await expect(failure).rejects.toThrow('disk full');
  expect(await readdir(cache)).toEqual([]);
});

it('clears what a killed build left, and not what another is at', async () => {
  await mkdir(join(cache, '.building-99999999-0a0b'));
  await mkdir(join(cache, '.building-1-0a0b'));
  await mkdir(join(cache, 'other-0123'));
  await runBuild(cache, build(() => Promise.resolve()));
  expect((await readdir(cache)).sort()).toEqual(['.building-1-0a0b', 'other-0123', buildFolder('', { name: 'thing', recipe }).replace('/', '')].sort());
});

it('lets the first of two win', async () => {
  await runBuild(cache, build(async (folder) => {
    await writeFile(join(folder, 'second'), '');
    await mkdir(buildFolder(cache, { name: 'thing', recipe }));
    await writeFile(join(buildFolder(cache, { name: 'thing', recipe }), 'first'), '');
  }));
  expect(await readdir(buildFolder(cache, { name: 'thing', recipe }))).toEqual(['first']);
  expect(existsSync(join(cache, 'second'))).toBe(false);
});
