import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { readDockerArchive } from '../../src/stack/docker-archive.js';
import { dockerArchive, idOf } from './archive-fixture.js';

const IMAGES = [
  { tag: 'stand-in/a:1', configuration: '{"a":1}' },
  { tag: 'stand-in/b:1', configuration: '{"b":1}' },
];
let folder = '';
afterEach(() => rm(folder, { recursive: true, force: true }));

async function archive(place?: (digest: string) => string): Promise<string> {
  const made = await dockerArchive(IMAGES, place);
  folder = made.folder;
  return made.file;
}

describe('readDockerArchive', () => {
  it.each([
    ['as Docker wrote them up to version 24', undefined],
    ['as it writes them since', (digest: string) => `blobs/sha256/${digest}`],
  ])('finds ids and tags in archives %s', async (_, place) => {
    expect(await readDockerArchive(await archive(place))).toEqual(IMAGES.map((image) => ({ id: idOf(image), tags: [image.tag] })));
  });

  it.each<[string, (file: string) => Promise<void>]>([
    ['cut short', (file) => truncate(file, 20_000)],
    ['text', (file) => writeFile(file, 'not a tar '.repeat(200))],
    ['empty', (file) => truncate(file, 0)],
    ['missing', (file) => rm(file)],
    [
      'one with a configuration that the manifest does not name',
      async (file) => {
        const content = await readFile(file);
        const at = content.indexOf('"Config":"');
        content.write('f', at + '"Config":"'.length);
        content.write('0', at + '"Config":"'.length + 1);
        await writeFile(file, content);
      },
    ],
  ])('refuses a file that is %s', async (_, spoil) => {
    const file = await archive();
    await spoil(file);
    await expect(readDockerArchive(file)).rejects.toThrow(InputError);
  });

  it('says where the file is and what is wrong', async () => {
    await archive();
    await expect(readDockerArchive(join(folder, 'no.tar'))).rejects.toThrow(/no\.tar is not a docker-archive.*ENOENT/);
  });
});
