import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { SeenFile } from '../../src/state/seen.js';

let home: string;
let path: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-seen-'));
  path = join(home, 'state', 'seen-1');
});
afterEach(async () => {
  await rm(home, { recursive: true, force: true });
});

it('remembers the highest serial of each object, for the next process too', async () => {
  const seen = new SeenFile(path);
  expect(await seen.serial('a')).toBe(0);
  await seen.note('a', 5);
  await seen.note('a', 3);
  await seen.note('b', 1);
  expect(await seen.serial('a')).toBe(5);
  const again = new SeenFile(path);
  expect([await again.serial('a'), await again.serial('b')]).toEqual([5, 1]);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
});

it('takes a lower one only when told so', async () => {
  const seen = new SeenFile(path);
  await seen.note('a', 5);
  await seen.accept('a', 2);
  expect(await new SeenFile(path).serial('a')).toBe(2);
});

it('reads on past a line that was cut, and past rubbish', async () => {
  const seen = new SeenFile(path);
  await seen.note('a', 5);
  await appendFile(path, 'ffff\n12 \nzzzz 9\n\0\0\0\n');
  await appendFile(path, (await readFile(path, 'utf8')).split('\n')[0]?.slice(0, 30) ?? '');
  expect(await new SeenFile(path).serial('a')).toBe(5);
});

it('stays short', async () => {
  const seen = new SeenFile(path);
  for (let serial = 1; serial <= 700; serial++) await seen.note('a', serial);
  const again = new SeenFile(path);
  expect(await again.serial('a')).toBe(700);
  expect((await readFile(path, 'utf8')).split('\n')).toHaveLength(2);
});
