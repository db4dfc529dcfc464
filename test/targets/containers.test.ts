import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Command, CommandFailed, type Host, type Output } from '../../src/edges/command.js';
import { silent } from '../../src/progress.js';
import { readDockerArchive } from '../../src/stack/docker-archive.js';
import { containersStep, makeLayer, standinImages, unpackPackages } from '../../src/targets/sandbox/containers.js';

let cacheDirectory: string;
beforeEach(async () => {
  cacheDirectory = await mkdtemp(join(tmpdir(), 'koprogo-cache-'));
});
afterEach(() => rm(cacheDirectory, { recursive: true, force: true }));

/** Does what mmdebstrap and the packing script would leave behind, in small; knows no other command. */
class Builder implements Host {
  readonly purposes: string[] = [];
  constructor(private readonly failAt?: string) {}

  async run(command: Command): Promise<Output> {
    const output = { exitCode: 0, stdout: '', stderr: '' };
    this.purposes.push(command.purpose ?? '');
    const layer = command.argv.at(-1) ?? '';
    const root = join(dirname(layer), 'root');
    if (command.purpose === this.failAt) throw new CommandFailed(command, { ...output, exitCode: 100, stderr: 'E: no network' }, 'this computer');
    if (same(command, unpackPackages(layer, dirname(layer)))) await mkdir(join(layer, 'bin'), { recursive: true });
    else if (same(command, makeLayer(root, layer)) && existsSync(join(root, 'bin'))) {
      await writeFile(layer, 'the layer');
      await writeFile(`${layer}.zst`, 'the layer, small');
    } else throw new Error(`unexpected command: ${command.argv.join(' ')}`);
    return output;
  }
}
const same = (one: Command, two: Command) => JSON.stringify(one.argv) === JSON.stringify(two.argv);

it('builds the archive once, and leaves nothing else', async () => {
  const host = new Builder();
  const step = containersStep({ cacheDirectory, progress: silent, host });
  expect((await step.check()).state).toBe('needed');
  await step.apply();
  expect(await step.check()).toEqual({ state: 'done', detail: standinImages(cacheDirectory).label });
  const { file, images } = standinImages(cacheDirectory);
  expect(await readdir(cacheDirectory)).toHaveLength(1);
  expect(await readdir(dirname(file))).toEqual(['images.tar']);
  expect((await readDockerArchive(file)).flatMap(({ tags }) => tags).sort()).toEqual(Object.values(images).sort());
  expect(host.purposes).toEqual(['unpack Debian packages for the stand-in images', 'pack the layer of the stand-in images']);
});

it.each(['unpack Debian packages for the stand-in images', 'pack the layer of the stand-in images'])('leaves nothing behind when it cannot %s', async (failAt) => {
  const step = containersStep({ cacheDirectory, progress: silent, host: new Builder(failAt) });
  await expect(step.apply()).rejects.toThrow('E: no network');
  expect(await readdir(cacheDirectory)).toEqual([]);
  expect((await step.check()).state).toBe('needed');
});

it('builds nothing where the real images can be pulled', async () => {
  const step = containersStep({ cacheDirectory, progress: silent, host: new Builder(), kind: () => Promise.resolve('registry') });
  expect((await step.check()).state).toBe('done');
});

it('unpacks packages without root, without a mount, and ends with this program', () => {
  const { argv, root } = unpackPackages('/cache/root', '/cache');
  expect(root).toBeUndefined();
  expect(argv.slice(0, 5)).toEqual(['bash', '--norc', '-euo', 'pipefail', '-c']);
  expect(argv[5]).toBe('export TMPDIR=$1; shift; exec setpriv --pdeathsig TERM "$@" 2>&1');
  expect(argv.slice(7, 11)).toEqual(['/cache', 'mmdebstrap', '--mode=chrootless', '--variant=extract']);
  expect(argv.slice(-2)).toEqual(['bookworm', '/cache/root']);
});

it('says in every image and name that it is a stand-in', () => {
  const { images, label } = standinImages(cacheDirectory);
  for (const name of Object.values(images)) expect(name).toMatch(/^koprogo-standin\/[a-z]+:[0-9]+$/);
  expect(label).toContain('stand-in');
});
