import { mkdir, rm } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type ImageSource, productionImages, type StackImages } from '../../src/stack/images.js';
import { imagesStep } from '../../src/stack/images-step.js';
import { recordingProgress } from '../server/recording-progress.js';
import { ScriptedHost } from '../server/scripted-host.js';
import { dockerArchive, idOf } from './archive-fixture.js';

const LOOK = 'see which images are on the server';
const images: StackImages = { traefik: 's/traefik:1', postgres: 's/postgres:15', backend: 's/backend:1', frontend: 's/frontend:1' };
const fixtures = Object.values(images).map((tag: string) => ({ tag, configuration: `{"of":"${tag}"}` }));
let folder: string;
let source: Extract<ImageSource, { kind: 'archive' }>;

beforeEach(async () => {
  const archive = await dockerArchive(fixtures);
  folder = archive.folder;
  source = { kind: 'archive', file: archive.file, images, label: 'stand-ins' };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const present = (wanted = fixtures) => wanted.map((image) => `${image.tag} ${idOf(image)}`).join('\n');
const step = (host: ScriptedHost, given: ImageSource, progress = recordingProgress()) => imagesStep({ server: async () => host, images: async () => given, progress });

describe('images from an archive', () => {
  it('are there when the ids are those of the archive', async () => {
    expect(await step(new ScriptedHost({ [LOOK]: present() }), source).check()).toEqual({ state: 'done', detail: 'stand-ins' });
  });

  it('are loaded again when another image has the name', async () => {
    const other = fixtures.map((image, index) => (index === 1 ? { ...image, configuration: '{}' } : image));
    expect(await step(new ScriptedHost({ [LOOK]: present(other) }), source).check()).toEqual({ state: 'needed', changes: ['load s/postgres:15'] });
    expect(await step(new ScriptedHost({ [LOOK]: '' }), source).check()).toMatchObject({ state: 'needed', changes: { length: 4 } });
  });

  it('must all be in the archive', async () => {
    const lacking = { ...source, images: { ...images, backend: 's/backend:2' } };
    await expect(step(new ScriptedHost({ [LOOK]: present() }), lacking).check()).rejects.toThrow(/does not hold the image s\/backend:2/);
  });

  it('travel over standard input, with progress in bytes', async () => {
    const progress = recordingProgress();
    const host = new ScriptedHost({ 'load the container images': '' });
    await step(host, source, progress).apply();
    expect(host.asked[0]).toMatchObject({ argv: ['docker', 'load', '--quiet'], root: true });
    const last = progress.updates.at(-1)?.amount;
    expect(host.asked[0]?.input.length).toBeGreaterThan(70_000);
    expect(last).toMatchObject({ unit: 'bytes' });
    expect(last?.done).toBe(last?.total);
  });

  it('do not look loaded when the archive cannot be read to its end', async () => {
    await rm(source.file);
    await mkdir(source.file);
    await expect(step(new ScriptedHost({ 'load the container images': '' }), source).apply()).rejects.toThrow(/EISDIR/);
  });

  it('name the disk when Docker refuses them', async () => {
    const host = new ScriptedHost({ 'load the container images': { exitCode: 1, stderr: 'no space left on device' } });
    await expect(step(host, source).apply()).rejects.toMatchObject({ message: expect.stringContaining('no space left') as string, hints: [expect.stringContaining('df -h')] });
  });
});

describe('images from registries', () => {
  const registry: ImageSource = { kind: 'registry' };
  const names = Object.values(productionImages()) as string[];

  it('are pulled where they are missing', async () => {
    const host = new ScriptedHost({ [LOOK]: `${names[0] ?? ''} sha256:${'a'.repeat(64)}\n` });
    expect(await step(host, registry).check()).toEqual({ state: 'needed', changes: names.slice(1).map((name) => `pull ${name}`) });
  });

  it('are tried three times, but not when they do not exist', async () => {
    const first = `pull ${names[0] ?? ''}`;
    const flaky = new ScriptedHost({ ...Object.fromEntries(names.map((name) => [`pull ${name}`, 'x: Pulling fs layer\nx: Pull complete\n'])), [first]: (_, times) => (times < 2 ? { exitCode: 1, stderr: 'TLS handshake timeout' } : '') });
    await step(flaky, registry).apply();
    expect(flaky.purposes.filter((purpose) => purpose === first).length).toBe(3);
    const dead = new ScriptedHost({ [first]: { exitCode: 1, stderr: 'TLS handshake timeout' } });
    await expect(step(dead, registry).apply()).rejects.toThrow(/TLS handshake timeout/);
    expect(dead.asked.length).toBe(3);
    const missing = new ScriptedHost({ [first]: { exitCode: 1, stderr: 'manifest unknown' } });
    await expect(step(missing, registry).apply()).rejects.toThrow(/manifest unknown/);
    expect(missing.asked.length).toBe(1);
  });
});
