import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { LocalHost } from '../../src/edges/process.js';
import { EXIT, messageOf } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { StateStoreTerraformState } from '../../src/terraform/document-state-store.js';
import { findTerraform } from '../../src/terraform/program.js';
import type { TerraformStateStore } from '../../src/terraform/state-store.js';
import { Terraform, type TerraformOptions } from '../../src/terraform/terraform.js';
import { lockOf, MemoryTerraformState } from '../fixtures/memory-terraform-state.js';
import { folderState } from '../fixtures/store.js';
import { buildTerraformProgram, startTerraformProgram, type TerraformJob, terraformsIn } from '../fixtures/terraform-program.js';

const program = await findTerraform(new LocalHost()).catch(messageOf);
const why = typeof program === 'string' ? program : undefined;
if (why !== undefined) console.warn(`left out, the tests of Terraform's state with real Terraform: ${why}`);

const PLANTED = 'planted "secret" 4b1d';
const MODULE = `
terraform {
  backend "http" {}
}
variable "word" {
  type = string
}
variable "pause" {
  type    = number
  default = 0
}
resource "terraform_data" "first" {
  input = var.word
}
resource "terraform_data" "second" {
  depends_on       = [terraform_data.first]
  triggers_replace = [var.pause]
  provisioner "local-exec" {
    command = "echo made >> ../log; sleep \${var.pause}"
  }
}
output "word" {
  value     = terraform_data.first.output
  sensitive = true
}
`;
const outputs = z.object({ word: z.string() });

describe.skipIf(why !== undefined)("Terraform's state with real Terraform", { timeout: 60_000 }, () => {
  let home: string;
  let folder: string;
  let build: string;
  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), 'koprogo-tf-program-'));
    build = await buildTerraformProgram(directory);
    return () => rm(directory, { recursive: true, force: true });
  });
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'koprogo-tf-'));
    folder = join(home, 'work');
    await mkdir(join(home, 'module'));
    await mkdir(join(home, 'state'), { mode: 0o700 });
    await writeFile(join(home, 'module', 'main.tf'), MODULE);
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const spool = () => join(home, 'spool.sealed');
  const files = () => new StateStoreTerraformState(folderState(join(home, 'state')), 'test', spool());
  const terraform = (state: TerraformStateStore = files(), more: Partial<TerraformOptions> = {}) =>
    new Terraform({ directory: folder, module: join(home, 'module'), variables: { word: PLANTED }, state, progress: silent, lockSeconds: 0, ...more });
  const job = (more: Partial<TerraformJob> = {}): TerraformJob => ({ verb: 'apply', folder, module: join(home, 'module'), variables: { word: PLANTED, pause: 40 }, state: join(home, 'state'), spool: spool(), ...more });

  /** How often the second resource was made. */
  const made = async () => (existsSync(join(home, 'log')) ? (await readFile(join(home, 'log'), 'utf8')).trim().split('\n').length : 0);

  /** Every file below home, whose bytes must not show the secret, and no name under which Terraform leaves a state. */
  async function expectNothingInClear(): Promise<void> {
    for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const content = await readFile(join(entry.parentPath, entry.name), 'latin1');
      for (const form of ['4b1d', Buffer.from(PLANTED).toString('base64').slice(4, 20), 'TF_HTTP', 'Basic ']) expect(content.includes(form), `${form} in ${entry.name}`).toBe(false);
    }
    const left = (await readdir(folder)).filter((name) => name.includes('tfstate'));
    expect(left.filter((name) => name !== 'errored.tfstate')).toEqual([]);
    if (left.length > 0) expect(await readdir(join(folder, 'errored.tfstate'))).toEqual([]);
  }

  it('goes through a whole life, and no file ever holds it in clear', async () => {
    const module = terraform();
    expect(await module.hasState()).toBe(false);
    expect(await module.resources()).toEqual([]);
    await module.init();
    expect(await module.plan()).toBe('changes');
    await module.apply();
    await expectNothingInClear();
    expect(await module.hasState()).toBe(true);
    expect(await module.plan()).toBe('none');
    expect(await module.output(outputs)).toEqual({ word: PLANTED });
    expect(await module.resources()).toEqual(['terraform_data.first', 'terraform_data.second']);
    expect(JSON.parse(await readFile(join(folder, '.terraform', 'terraform.tfstate'), 'utf8'))).toMatchObject({ backend: { type: 'http', config: { address: null, username: null, password: null } } });
    // A computer that shares the store, and has no working folder.
    await rm(folder, { recursive: true });
    expect(await terraform().output(outputs)).toEqual({ word: PLANTED });
    await terraform().destroy();
    expect(await module.resources()).toEqual([]);
    await expectNothingInClear();
  });

  it('is spooled when the store fails, and stored by the next run, which builds nothing twice', async () => {
    const store = new MemoryTerraformState();
    const module = terraform(store);
    await module.init();
    store.failing.add('write');
    const failure = module.apply();
    await expect(failure).rejects.toMatchObject({ name: 'StateNotStored', exitCode: EXIT.failed });
    await expect(failure).rejects.toThrow(/could not be stored in the test store: the test store is away\nIt is kept, encrypted, in/);
    await expectNothingInClear();
    expect(await module.output(outputs)).toEqual({ word: PLANTED });
    store.failing.clear();
    await module.apply();
    expect([await made(), store.spool.content, store.held]).toEqual([1, undefined, undefined]);
  });

  it('says whose lock it is', async () => {
    const store = new MemoryTerraformState();
    const module = terraform(store);
    await module.init();
    store.held = { ...lockOf('theirs'), Who: 'piet@laptop' };
    await expect(module.apply()).rejects.toMatchObject({ message: expect.stringMatching(/locked: apply by piet@laptop, since 2026/) as string, exitCode: EXIT.busy });
    expect(await module.plan()).toBe('changes');
  });

  it('is given to nobody without the password', async () => {
    const host: TerraformOptions['host'] = (options) => new LocalHost({ ...options, env: { ...options.env, TF_HTTP_PASSWORD: 'wrong' } });
    await expect(terraform(files(), { host }).init()).rejects.toThrow(/terraform init failed[^]*auth/);
  });

  it('is in no file where it cannot be handed over at all, and in no message', async () => {
    const host: TerraformOptions['host'] = (options) => new LocalHost({ ...options, env: { ...options.env, TF_HTTP_UPDATE_METHOD: 'PUT' } });
    const module = terraform(files(), { host });
    await module.init();
    const failure = await module.apply().catch((error: unknown) => error);
    expect(messageOf(failure)).toMatch(/^terraform apply failed in .*:\nError: Failed to save state/);
    expect(inspect(failure, { depth: 9 })).not.toContain('4b1d');
    await expectNothingInClear();
  });

  it('of a previous version is taken over, and its files are gone', async () => {
    await writeFile(join(home, 'module', 'main.tf'), MODULE.replace('backend "http" {}', ''));
    await mkdir(folder);
    await writeFile(join(folder, 'main.tf'), await readFile(join(home, 'module', 'main.tf')));
    const before = new LocalHost({ cwd: folder, env: { TF_VAR_word: PLANTED, TF_CLI_CONFIG_FILE: join(home, 'none.tfrc') } });
    await writeFile(join(home, 'none.tfrc'), '');
    for (const argv of [['init'], ['apply', '-auto-approve'], ['apply', '-auto-approve', '-replace=terraform_data.second']]) await before.run({ argv: ['terraform', ...argv], purpose: 'run Terraform as before' });
    expect((await readdir(folder)).filter((name) => name.includes('tfstate')).sort()).toEqual(['terraform.tfstate', 'terraform.tfstate.backup']);

    await writeFile(join(home, 'module', 'main.tf'), MODULE);
    const module = terraform();
    expect(await module.hasState()).toBe(true);
    expect(await module.output(outputs)).toEqual({ word: PLANTED });
    expect(await module.plan()).toBe('none');
    await module.apply();
    expect(await made()).toBe(2);
    await expectNothingInClear();
  });

  /** Waits until the second resource is being made for the given time. */
  async function untilMade(times: number): Promise<void> {
    while ((await made()) < times) await sleep(50);
  }

  it.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)('is complete after a %s, which lets Terraform come to its end', async (signal) => {
    await terraform().init();
    const { child, ended } = startTerraformProgram(build, job());
    await untilMade(1);
    // A terminal sends SIGINT and SIGHUP to the whole group.
    process.kill((child.pid ?? 0) * (signal === 'SIGTERM' ? 1 : -1), signal);
    expect(await ended).toMatchObject({ code: EXIT.interrupted, stderr: expect.stringContaining('interrupted') as string });
    expect(terraformsIn(folder)).toEqual([]);
    expect(await terraform().resources()).toEqual(['terraform_data.first']);
    expect(await files().readLock()).toBeUndefined();
    await expectNothingInClear();
  });

  it('is readable after everything was killed in the middle, and the next run goes on', async () => {
    await terraform().init();
    await terraform().apply();
    const { child, ended } = startTerraformProgram(build, job());
    await untilMade(2);
    expect((await files().readLock())?.holder?.pid).toBe(child.pid);
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
    await expectNothingInClear();
    expect(await terraform().output(outputs)).toEqual({ word: PLANTED });
    await terraform().apply();
    expect([await terraform().plan(), await files().readLock()]).toEqual(['none', undefined]);
  });

  it('does not end in a file when only this program is killed; the next run waits for the Terraform that is left', async () => {
    await terraform().init();
    const { child, ended } = startTerraformProgram(build, job({ variables: { word: PLANTED, pause: 3 } }));
    await untilMade(1);
    child.kill('SIGKILL');
    await ended;
    expect(terraformsIn(folder)).toHaveLength(1);
    await terraform().apply();
    expect(terraformsIn(folder)).toEqual([]);
    expect(await terraform().plan()).toBe('none');
    await expectNothingInClear();
  });

  it('gets its lock back when only Terraform is killed', async () => {
    await terraform().init();
    const { ended } = startTerraformProgram(build, job());
    await untilMade(1);
    const [pid = 0] = terraformsIn(folder);
    process.kill(pid, 'SIGKILL');
    expect(await ended).toMatchObject({ code: EXIT.failed });
    expect(await files().readLock()).toBeUndefined();
    await terraform().apply();
    await expectNothingInClear();
  });
});
