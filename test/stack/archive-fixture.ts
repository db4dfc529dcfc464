import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface FixtureImage {
  tag: string;
  /** The configuration's text; the id is its digest. */
  configuration: string;
}

export const idOf = ({ configuration }: FixtureImage) => `sha256:${createHash('sha256').update(configuration).digest('hex')}`;

/** A docker-archive made by tar, in a folder of its own. `place` gives the configuration's path in it. */
export async function dockerArchive(images: readonly FixtureImage[], place = (digest: string) => `${digest}.json`): Promise<{ folder: string; file: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'koprogo-archive-'));
  const content = join(folder, 'content');
  await mkdir(content);
  const manifest = images.map((image) => ({ Config: place(idOf(image).slice(7)), RepoTags: [image.tag], Layers: ['layer.tar'] }));
  for (const [index, image] of images.entries()) {
    const path = join(content, manifest[index]?.Config ?? '');
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, image.configuration);
  }
  await writeFile(join(content, 'layer.tar'), Buffer.alloc(70_000, 7));
  await writeFile(join(content, 'manifest.json'), JSON.stringify(manifest));
  const file = join(folder, 'images.tar');
  execFileSync('tar', ['-cf', file, '-C', content, '.']);
  return { folder, file };
}
