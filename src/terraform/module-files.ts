import { copyFile, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readRegularFile } from '../edges/files.js';

/** What Terraform reads as a part of the module, override files included. */
const PART = /\.tf(\.json)?$/;

/** The files of a module in its working folder, where nothing else may count as a part of it. */
export class ModuleFiles {
  constructor(
    private readonly folder: string,
    /** The module's folder: "sandbox" is that below templates/terraform. */
    private readonly module: string,
    private readonly leftOut: readonly string[],
  ) {}

  /** Copies the module, and removes what it does not have (any more): a file of an earlier release, an override that a killed run left. */
  async write(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const files = await this.#own();
    for (const file of files) await copyFile(file, join(this.folder, basename(file)));
    for (const name of await this.#strange(files)) await rm(join(this.folder, name));
  }

  async areCurrent(): Promise<boolean> {
    const files = await this.#own();
    if ((await this.#strange(files)).length > 0) return false;
    for (const file of files) {
      const copy = await readRegularFile(join(this.folder, basename(file)));
      if (!copy?.equals(await readFile(file))) return false;
    }
    return true;
  }

  async #own(): Promise<string[]> {
    const source = resolve(fileURLToPath(new URL('../../templates/terraform', import.meta.url)), this.module);
    return (await readdir(source)).filter((name) => PART.test(name) && !this.leftOut.includes(name)).map((name) => join(source, name));
  }

  async #strange(files: readonly string[]): Promise<string[]> {
    const own = new Set(files.map((file) => basename(file)));
    const there = await readdir(this.folder, { withFileTypes: true }).catch(() => []);
    return there.filter((entry) => !entry.isDirectory() && PART.test(entry.name) && !own.has(entry.name)).map(({ name }) => name);
  }
}
