import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, type Host, script } from '../../edges/command.js';
import { LocalHost } from '../../edges/process.js';
import type { Progress } from '../../progress.js';
import { readTemplate } from '../../server/templates.js';
import { describeLabel, type ImageSource, type StackImages, STANDIN_LABEL } from '../../stack/images.js';
import { type Check, done, needed, type Step } from '../../step.js';
import { buildFolder, runBuild } from './build.js';
import { STANDIN_IMAGES, standinDefaults } from './containers-images.js';
import { writeDockerArchive } from './docker-archive.js';
import { say } from './words.js';

/** What this computer needs to build them, besides mmdebstrap. */
export const CONTAINERS_PACKAGES: readonly string[] = ['zstd'];

export interface ContainersDeps {
  /** Of this user alone; finished builds stay there for every installation. */
  cacheDirectory: string;
  progress: Progress;
  host?: Host;
  /** Where the images come from: they are only built for 'archive'. Default: 'archive'. */
  kind?: () => Promise<ImageSource['kind']>;
}

/** Debian 12, because it packages PostgreSQL 15, the version that KoproGo uses. */
const SUITE = 'bookworm';
/** What these depend on comes along; bash is what asks the health paths, because none of these images has curl or wget. */
const PACKAGES = ['base-files', 'bash', 'coreutils', 'dash', 'findutils', 'grep', 'sed', 'libc-bin', 'perl-base', 'tzdata', 'postgresql-15', 'nginx-light'];
const TEMPLATES = ['make-layer.sh', 'standin-postgres.sh', 'standin-backend.pl', 'standin-traefik.pl', 'standin-frontend.conf', 'standin-frontend.html'];
const ARCHIVE = 'images.tar';
const BUILD_SECONDS = 1800;

/** Where the archive is, and what is in it, whether it exists yet or not. */
export function standinImages(cacheDirectory: string): { file: string; images: StackImages; label: string } {
  return { file: join(buildFolder(cacheDirectory, recipe()), ARCHIVE), images: STANDIN_IMAGES, label: STANDIN_LABEL };
}

/**
 * The stand-in images for KoproGo's stack, in a docker-archive in the cache: built once for each recipe, from Debian
 * packages, with no container registry, no root and no mount.
 */
export function containersStep({ cacheDirectory, progress, host = new LocalHost(), kind = () => Promise.resolve('archive') }: ContainersDeps): Step {
  const { file } = standinImages(cacheDirectory);
  return {
    id: 'sandbox-containers',
    title: say('standins.title'),
    onServer: false,
    async check(): Promise<Check> {
      if ((await kind()) === 'registry') return done(say('standins.registry'));
      return existsSync(file) ? done(describeLabel(STANDIN_LABEL)) : needed(say('standins.build'));
    },
    apply: () => runBuild(cacheDirectory, { ...recipe(), fill: (folder) => fill(folder, host, progress) }),
  };
}

function recipe() {
  const templates = TEMPLATES.map((name) => readTemplate(`sandbox-images/${name}`));
  return { name: 'containers', recipe: { version: 1, suite: SUITE, packages: PACKAGES, templates, images: standinDefaults() } };
}

/** Leaves the archive alone in the folder. */
async function fill(folder: string, host: Host, progress: Progress): Promise<void> {
  const root = join(folder, 'root');
  const layer = join(folder, 'layer.tar');
  await host.run({ ...unpackPackages(root, folder), onOutput: report(progress) });
  progress.update(say('standins.packing'));
  await host.run(makeLayer(root, layer));
  await writeDockerArchive(join(folder, ARCHIVE), { tar: layer, compressed: `${layer}.zst` }, standinDefaults());
  for (const entry of await readdir(folder)) {
    if (entry !== ARCHIVE) await rm(join(folder, entry), { recursive: true });
  }
}

/**
 * Unpacks the packages and what they depend on. Nothing is configured and no package's script runs, so there is no
 * chroot, no mount and no need for root, and a kill leaves nothing but files in `temporary`. mmdebstrap ends with this
 * program; an apt or tar that it had just started meets a closed pipe or a removed folder soon after.
 */
export function unpackPackages(root: string, temporary: string): Command {
  const argv = ['mmdebstrap', '--mode=chrootless', '--variant=extract', '--format=directory', '--architectures=amd64', `--include=${PACKAGES.join(',')}`, '--aptopt=APT::Install-Recommends "false"', SUITE, root];
  return {
    ...script('export TMPDIR=$1; shift; exec setpriv --pdeathsig TERM "$@" 2>&1', temporary, ...argv),
    timeout: BUILD_SECONDS,
    purpose: say('standins.unpack'),
  };
}

/** Takes away what the stand-ins do not need, adds their own files, and packs the folder into a tar of the layer. */
export function makeLayer(root: string, layer: string): Command {
  const templates = fileURLToPath(new URL('../../../templates/sandbox-images', import.meta.url));
  return { ...script(readTemplate('sandbox-images/make-layer.sh'), root, templates, layer), timeout: 600, purpose: say('standins.pack') };
}

function report(progress: Progress): (text: string) => void {
  return (text) => {
    for (const [, phase = ''] of text.matchAll(/^I: ((?:running apt|downloading|extracting)[^\n]*)$/gm)) {
      progress.update(say('standins.phase', { phase: phase.replace(/\.\.\.$/, '') }));
    }
  };
}
