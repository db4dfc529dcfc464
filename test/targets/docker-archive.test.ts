import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { readDockerArchive } from '../../src/stack/docker-archive.js';
import { type ImageDefaults, writeDockerArchive } from '../../src/targets/sandbox/docker-archive.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-archive-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const image = (tag: string): ImageDefaults => ({
  tag,
  user: '999:999',
  env: { PATH: '/bin', TAG: tag },
  entrypoint: ['/bin/start', 'x'],
  workingDirectory: '/app',
  labels: { 'be.koprogo.standin': 'true' },
  ports: ['80/tcp'],
  stopSignal: 'SIGINT',
});
const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest('hex');

async function written(name: string, layer: Uint8Array, tags = ['koprogo-standin/a:1', 'koprogo-standin/b:2']): Promise<string> {
  const [tar, compressed, archive] = [join(folder, `${name}.tar`), join(folder, `${name}.gz`), join(folder, `${name}.archive`)];
  await writeFile(tar, layer);
  await writeFile(compressed, gzipSync(layer));
  await writeDockerArchive(archive, { tar, compressed }, tags.map(image));
  return archive;
}
/** What tar, and not this program's own reader, finds in it. */
const member = (archive: string, name: string) => execFileSync('tar', ['-xOf', archive, name]);
const manifestSchema = z.array(z.strictObject({ Config: z.string(), RepoTags: z.array(z.string()), Layers: z.array(z.string()) }));

it('is a tar with a manifest, a configuration for each image, and the layer once', async () => {
  const layer = randomBytes(70_000);
  const archive = await written('x', layer);
  const manifest = manifestSchema.parse(JSON.parse(member(archive, 'manifest.json').toString()));
  expect(manifest.map(({ RepoTags }) => RepoTags)).toEqual([['koprogo-standin/a:1'], ['koprogo-standin/b:2']]);
  const layerName = `${sha256(layer)}/layer.tar`;
  for (const { Config, Layers, RepoTags } of manifest) {
    expect(Layers).toEqual([layerName]);
    const configuration = member(archive, Config);
    expect(Config).toBe(`${sha256(configuration)}.json`);
    expect(JSON.parse(configuration.toString())).toEqual({
      architecture: 'amd64',
      os: 'linux',
      config: {
        User: '999:999',
        ExposedPorts: { '80/tcp': {} },
        Env: ['PATH=/bin', `TAG=${RepoTags.join()}`],
        Entrypoint: ['/bin/start', 'x'],
        WorkingDir: '/app',
        Labels: { 'be.koprogo.standin': 'true' },
        StopSignal: 'SIGINT',
      },
      // Of the layer as it is unpacked: Docker refuses to load it otherwise.
      rootfs: { type: 'layers', diff_ids: [`sha256:${sha256(layer)}`] },
      history: [{ created_by: 'koprogo-infra, from Debian packages' }],
    });
  }
  expect(member(archive, layerName).equals(gzipSync(layer))).toBe(true);
  const names = execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n');
  expect(names.filter((name) => name === layerName)).toHaveLength(1);
});

it.each([0, 1, 511, 512, 513, 1024])('holds a layer of %i bytes whole', async (size) => {
  const tar = join(folder, 'l');
  await writeFile(tar, Buffer.alloc(size, 7));
  const archive = join(folder, 'archive');
  await writeDockerArchive(archive, { tar, compressed: tar }, [image('a:1')]);
  expect(member(archive, `${sha256(Buffer.alloc(size, 7))}/layer.tar`)).toHaveLength(size);
  expect((await readFile(archive)).length % 512).toBe(0);
});

it('tells the ids that Docker will give', async () => {
  const archive = await written('x', Buffer.from('layer'));
  const manifest = manifestSchema.parse(JSON.parse(member(archive, 'manifest.json').toString()));
  expect(await readDockerArchive(archive)).toEqual(manifest.map(({ Config, RepoTags }) => ({ id: `sha256:${Config.replace('.json', '')}`, tags: RepoTags })));
});

it('is the same, byte for byte, for the same layer, and has other ids for another', async () => {
  const [one, two, other] = [await written('one', Buffer.from('layer')), await written('two', Buffer.from('layer')), await written('other', Buffer.from('layes'))];
  expect((await readFile(one)).equals(await readFile(two))).toBe(true);
  const ids = async (path: string) => (await readDockerArchive(path)).map(({ id }) => id);
  for (const id of await ids(other)) expect(await ids(one)).not.toContain(id);
});

it('holds a configuration once that two names share', async () => {
  const archive = await written('x', Buffer.from('layer'), ['a:1', 'a:1']);
  expect(execFileSync('tar', ['-tf', archive], { encoding: 'utf8' }).trim().split('\n')).toHaveLength(3);
});

it('never writes over a file', async () => {
  await written('x', Buffer.from('layer'));
  await expect(written('x', Buffer.from('layer'))).rejects.toThrow('EEXIST');
});
