import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { messageOf, RefusedError } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { secretEnvironment, terraformEnvironment, withoutSecrets } from '../../src/terraform/environment.js';
import { planFolder, withPlanFile } from '../../src/terraform/plan-folder.js';
import { findTerraform } from '../../src/terraform/program.js';
import { Terraform, type TerraformOptions } from '../../src/terraform/terraform.js';
import { MemoryTerraformState } from '../fixtures/memory-terraform-state.js';

const program = await findTerraform(new LocalHost()).catch(messageOf);
const why = typeof program === 'string' ? program : undefined;
if (why !== undefined) console.warn(`left out, the tests of plans with real Terraform: ${why}`);

const PLANTED = 'planted-secret-4b1d';
const MODULE = `
terraform {
  backend "http" {}
}
variable "user_data" {
  type      = string
  sensitive = true
}
resource "terraform_data" "first" {
  input = sha256(var.user_data)
}
resource "terraform_data" "disks" {
  lifecycle {
    prevent_destroy = true
  }
}
`;
const OVERRIDE = { name: 'unguarded_override.tf', text: 'resource "terraform_data" "disks" {\n  lifecycle {\n    prevent_destroy = false\n  }\n}\n' };

describe.skipIf(why !== undefined)('a plan with real Terraform', { timeout: 120_000 }, () => {
  let home: string;
  let store: MemoryTerraformState;
  let commands: string[];
  beforeEach(async () => {
    home = await mkdtemp(join(tmpdir(), 'koprogo-plan-test-'));
    await mkdir(join(home, 'module'));
    await writeFile(join(home, 'module', 'main.tf'), MODULE);
    await writeFile(join(home, 'module', 'bucket.tf'), 'resource "terraform_data" "object_store" {}\n');
    store = new MemoryTerraformState();
    commands = [];
  });
  afterEach(() => rm(home, { recursive: true, force: true }));

  const host: TerraformOptions['host'] = (options) => {
    const local = new LocalHost(options);
    return {
      run: (command: Command) => {
        const secret = JSON.stringify(options.env ?? {}).includes(PLANTED);
        commands.push(`${command.argv.find((word) => ['version', 'init', 'plan', 'show', 'apply'].includes(word)) ?? ''}${secret ? ' with the secret' : ''}`);
        expect(command.argv.join(' ')).not.toContain(PLANTED);
        return local.run(command);
      },
    };
  };
  const terraform = (more: Partial<TerraformOptions> = {}) =>
    new Terraform({ directory: join(home, 'work'), module: join(home, 'module'), variables: {}, secrets: { TF_VAR_user_data: new Secret(PLANTED), OS_USERNAME: 'user-1' }, state: store, progress: silent, lockSeconds: 0, host, ...more });

  it('is done exactly as it was considered, and its secrets are in no file and no state', async () => {
    const module = terraform();
    const digest = await module.change({}, async ({ entries }) => {
      expect(entries.map(({ action, address }) => `${action} ${address}`).sort()).toEqual(['create terraform_data.disks', 'create terraform_data.first', 'create terraform_data.object_store']);
      expect((await stat(planFolder(join(home, 'work')))).mode & 0o777).toBe(0o700);
      expect(existsSync(join(planFolder(join(home, 'work')), 'plan'))).toBe(true);
    });
    expect(digest.dataLost).toEqual([]);
    expect(await module.resources()).toHaveLength(3);
    expect(commands).toEqual(['version', 'init', 'plan with the secret', 'show', 'apply with the secret', 'show']);
    expect(existsSync(planFolder(join(home, 'work')))).toBe(false);
    expect(store.stored?.bytes.toString()).not.toContain(PLANTED);
    for (const entry of await readdir(home, { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) expect((await readFile(join(entry.parentPath, entry.name), 'latin1')).includes(PLANTED), entry.name).toBe(false);
    }

    // What is guarded goes only with an override, which is there for one plan; and what an earlier run left is not planned with.
    await writeFile(join(home, 'work', OVERRIDE.name), OVERRIDE.text);
    await expect(module.change({ destroy: true }, () => undefined)).rejects.toThrow('prevent_destroy');
    expect(existsSync(join(home, 'work', OVERRIDE.name))).toBe(false);
    const refuse = module.change({ destroy: true, override: OVERRIDE }, ({ dataLost }) => {
      throw new RefusedError(dataLost.map(({ address }) => address).join());
    });
    await expect(refuse).rejects.toThrow('terraform_data.disks');
    expect([existsSync(join(home, 'work', OVERRIDE.name)), existsSync(planFolder(join(home, 'work'))), (await module.resources()).length]).toEqual([false, false, 3]);
    await module.change({ destroy: true, targets: ['terraform_data.first', 'terraform_data.object_store'] }, () => undefined);
    expect(await module.resources()).toEqual(['terraform_data.disks']);
    await module.change({ destroy: true, override: OVERRIDE }, () => undefined);
    expect(await module.resources()).toEqual([]);
  });

  it('is shown without being done, and is in memory only', async () => {
    const module = terraform();
    const first = await module.preview();
    expect(typeof first === 'string' ? first : first.entries.map(({ action }) => action)).toEqual(['create', 'create', 'create']);
    expect([existsSync(planFolder(join(home, 'work'))), store.stored]).toEqual([false, undefined]);
    await module.change({}, () => undefined);
    expect(await module.preview()).toBe('none');
    // A file of the module that is new, as after an upgrade.
    await writeFile(join(home, 'module', 'more.tf'), 'resource "terraform_data" "more" {}\n');
    const more = await terraform().preview();
    expect(typeof more === 'string' ? more : more.entries.map(({ address }) => address)).toEqual(['terraform_data.more']);
    expect(await module.resources()).toHaveLength(3);
  });

  it('has no file that was left out, or that the module does not have any more', async () => {
    await terraform().init();
    expect(existsSync(join(home, 'work', 'bucket.tf'))).toBe(true);
    await terraform({ leaveOut: ['bucket.tf'] }).init();
    expect(existsSync(join(home, 'work', 'bucket.tf'))).toBe(false);
    expect((await readdir(join(home, 'work'))).filter((name) => name.endsWith('.tf'))).toEqual(['main.tf']);
  });
});

describe('the environment of Terraform', () => {
  afterEach(() => {
    delete process.env['OS_CLOUD'];
    delete process.env['OVH_CLIENT_ID'];
  });

  it('has no credential of the operator’s own, and HOME elsewhere where secrets are given', () => {
    process.env['OS_CLOUD'] = 'other';
    process.env['OVH_CLIENT_ID'] = 'other';
    expect(terraformEnvironment('/work', {})).toMatchObject({ OS_CLOUD: '', OVH_CLIENT_ID: '' });
    expect(secretEnvironment('/work', { OS_PASSWORD: new Secret('x'), OS_USERNAME: 'user' })).toEqual({ OS_PASSWORD: 'x', OS_USERNAME: 'user', HOME: '/work/.terraform' });
    expect(secretEnvironment('/work', {})).toEqual({});
  });

  it('quotes no secret when Terraform does', () => {
    const secrets = { A: new Secret('line one of it\nshort\nline two of it'), B: 'user-1' };
    expect(withoutSecrets('Error: line two of it, user-1, line one of it', secrets)).toBe('Error: …, user-1, …');
  });
});

describe('the file for a plan', () => {
  it('is refused where it would be on a disk', async () => {
    await expect(withPlanFile('/work', () => Promise.resolve(), '/proc')).rejects.toThrow(/is not in memory/);
  });

  it('is not where a killed run left one, and is gone after a failure', async () => {
    const failed = withPlanFile('/work-1', async (file) => {
      await writeFile(file, 'old');
      await expect(withPlanFile('/work-1', async (again) => existsSync(again))).resolves.toBe(false);
      throw new Error('broken off');
    });
    await expect(failed).rejects.toThrow('broken off');
    expect(existsSync(planFolder('/work-1'))).toBe(false);
  });
});
