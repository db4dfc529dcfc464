import { createHash, randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Host, script } from '../../edges/command.js';
import { syncDirectory } from '../../edges/files.js';
import { InfraError } from '../../errors.js';
import type { Progress } from '../../progress.js';
import { type Check, blocked, done, needed } from '../../step.js';
import { say } from './words.js';

/** Something that is built once into a folder of the cache and then only read. */
export interface Build {
  /** "server-image": the folder is called so, with the key behind it. */
  name: string;
  /** Everything that decides what comes out; another recipe is another folder. */
  recipe: unknown;
  /** Fills the folder, which is new and empty. */
  fill(folder: string): Promise<void>;
}

/** Where the finished build is, whether it exists yet or not. */
export function buildFolder(cache: string, build: Pick<Build, 'name' | 'recipe'>): string {
  const key = createHash('sha256').update(JSON.stringify(build.recipe)).digest('hex').slice(0, 16);
  return join(cache, `${build.name}-${key}`);
}

export function checkBuild(cache: string, build: Pick<Build, 'name' | 'recipe'>, what: string): Check {
  const folder = buildFolder(cache, build);
  if (existsSync(folder)) return done(folder);
  if (process.getuid?.() !== 0) return blocked(say('build.root', { what }), say('build.root.hint'));
  return needed(say('build.needed', { what }));
}

/**
 * Builds under a temporary name and renames, so that a finished folder is whole. What a killed build left is
 * removed first; one that is still at work keeps its folder, and the later to finish finds the place taken.
 */
export async function runBuild(cache: string, build: Build): Promise<void> {
  await mkdir(cache, { recursive: true, mode: 0o700 });
  const folder = buildFolder(cache, build);
  for (const entry of await readdir(cache)) {
    const pid = /^\.building-(\d+)-[0-9a-f]+$/.exec(entry)?.[1];
    if (pid !== undefined && (Number(pid) === process.pid || !existsSync(`/proc/${pid}`))) await rm(join(cache, entry), { recursive: true, force: true });
  }
  const temporary = join(cache, `.building-${process.pid}-${randomBytes(4).toString('hex')}`);
  await mkdir(temporary, { mode: 0o700 });
  try {
    await build.fill(temporary);
    if (!existsSync(folder)) await rename(temporary, folder);
    await syncDirectory(cache);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

export interface RootFolder {
  /** Debian's name of the release: "trixie". */
  suite: string;
  variant: 'minbase' | 'important';
  packages: readonly string[];
  /** Shell commands that run once the essential packages are there, with the root folder as $1. */
  essentialHooks?: readonly string[];
  into: string;
}

const BUILD_SECONDS = 1800;

/**
 * Fills a folder with a Debian system, by mmdebstrap. It runs in a process namespace of its own that the kernel ends
 * together with this program, even when this program is killed: no apt goes on in the background, and the mounts,
 * which live in a namespace too, go with it.
 */
export async function debianRoot(host: Host, root: RootFolder, label: string, progress: Progress): Promise<void> {
  const hooks = (root.essentialHooks ?? []).map((hook) => `--essential-hook=${hook}`);
  const argv = ['mmdebstrap', '--mode=root', '--format=directory', `--variant=${root.variant}`, `--include=${root.packages.join(',')}`, ...hooks, root.suite, root.into];
  let phase = label;
  await host.run({
    ...script('export TMPDIR=$1; shift; exec setpriv --pdeathsig KILL unshare --pid --fork --kill-child=KILL --mount --mount-proc "$@" 2>&1', dirname(root.into), ...argv),
    timeout: BUILD_SECONDS,
    purpose: say('build.purpose', { label }),
    onOutput: (text) => {
      for (const [, said = ''] of text.matchAll(/^I: ([a-z][^\n]*)$/gm)) phase = say('build.phase', { label, said: said.replace(/\.\.\.$/, '') });
      progress.update(phase);
    },
  });
  if (!existsSync(join(root.into, 'etc', 'os-release'))) throw new InfraError(say('build.noDebian', { folder: root.into }));
}
