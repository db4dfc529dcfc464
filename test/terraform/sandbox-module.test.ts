import { existsSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalHost } from '../../src/edges/process.js';
import { messageOf } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import type { StateStore } from '../../src/state/store.js';
import { outputsSchema } from '../../src/targets/sandbox/spec.js';
import { findTerraform } from '../../src/terraform/program.js';
import { StateStoreTerraformState } from '../../src/terraform/document-state-store.js';
import { Terraform } from '../../src/terraform/terraform.js';
import { folderState } from '../fixtures/store.js';
import { buildTerraformProgram, startTerraformProgram, type TerraformJob } from '../fixtures/terraform-program.js';

const program = await findTerraform(new LocalHost()).catch(messageOf);
const why = typeof program === 'string' ? program : undefined;
if (why !== undefined) console.warn(`left out, the tests of the Terraform module: ${why}`);

const PROGRAM = fileURLToPath(new URL('../fixtures/machine-program.mjs', import.meta.url));

describe.skipIf(why !== undefined)('the sandbox module with real Terraform', { timeout: 60_000 }, () => {
  let directory: string;
  let said: string[];
  let state: StateStore;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "koprogo terraform's $(id) "));
    await mkdir(join(directory, 'state'), { mode: 0o700 });
    state = folderState(join(directory, 'state'));
    said = [];
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  /** A run of the module, here or in a program of its own. */
  function job(changed: Record<string, unknown> = {}): Omit<TerraformJob, 'verb'> {
    return {
      folder: join(directory, 'terraform'),
      module: fileURLToPath(new URL('../../templates/terraform/sandbox', import.meta.url)),
      state: join(directory, 'state'),
      spool: join(directory, 'terraform', 'unstored-state.sealed'),
      variables: {
        node: process.execPath,
        program: PROGRAM,
        directory,
        image: { disk: '/image/disk.raw', kernel: '/image/vmlinuz', initrd: '/image/initrd.img' },
        sizes: { postgres: 16, documents: 24 },
        serials: { postgres: 'kopg-0a1b2c3d', documents: 'kodocs-0a1b2c3d' },
        cpus: 2,
        memory: 3072,
        ports: { ssh: 20022, http: 20080, https: 20443, object_store: 20480 },
        more_forwards: [{ from: 29999, to: 9999 }],
        ...changed,
      },
    };
  }

  function terraform(changed: Record<string, unknown> = {}): Terraform {
    const { folder, spool, variables } = job(changed);
    return new Terraform({ directory: folder, module: 'sandbox', variables, progress: { ...silent, update: (label) => void said.push(label) }, state: new StateStoreTerraformState(state, 'test', spool) });
  }

  /** What our program was asked since the last look. */
  async function asked(): Promise<string[]> {
    const log = join(directory, 'log');
    const verbs = existsSync(log) ? (await readFile(log, 'utf8')).trim().split('\n') : [];
    await rm(log, { force: true });
    return verbs;
  }

  it('builds in order, changes nothing when run again, and takes down in reverse', async () => {
    const module = terraform();
    expect(await module.hasState()).toBe(false);
    await module.init();
    await module.apply();
    expect(await asked()).toEqual(['disks-up', 'object-store-up', 'server-up']);
    expect(said).toContain('server: being made');
    expect(await module.output(outputsSchema)).toEqual({
      ssh: { host: '127.0.0.1', port: 20022, user: 'debian' },
      web: { host: '127.0.0.1', http: 20080, https: 20443 },
      disks: { postgres: '/dev/disk/by-id/virtio-kopg-0a1b2c3d', documents: '/dev/disk/by-id/virtio-kodocs-0a1b2c3d' },
      object_store: { from_server: 'http://10.0.2.2:20480', from_here: 'http://127.0.0.1:20480' },
    });
    expect(await module.plan()).toBe('none');
    await module.apply();
    expect(await asked()).toEqual([]);
    await appendFile(join(directory, 'terraform', 'main.tf'), '# of another release\n');
    expect(await module.plan()).toBe('changes');

    await module.destroy();
    expect(await asked()).toEqual(['server-down', 'object-store-down', 'disks-down']);
  });

  it('keeps the disks when the server is made anew, when it changes, and when the image or the program moves', async () => {
    await terraform().init();
    await terraform().apply();
    await asked();
    await terraform().apply(['terraform_data.server']);
    expect(await asked()).toEqual(['server-down', 'server-up']);
    await terraform({ memory: 4096 }).apply();
    expect(await asked()).toEqual(['server-down', 'server-up']);
    await terraform({ memory: 4096, node: '/usr/bin/node', sizes: { postgres: 99, documents: 99 }, image: { disk: '/b', kernel: '/b', initrd: '/b' } }).apply();
    expect(await asked()).toEqual([]);
  });

  it('tells a failure half-way in its own words and continues from there', async () => {
    await writeFile(join(directory, 'fail-server-up'), '');
    const module = terraform();
    await module.init();
    const failure = module.apply();
    await expect(failure).rejects.toThrow(/server-up: no space left on the moon/);
    await expect(failure).rejects.toMatchObject({ exitCode: 3, hints: [expect.stringContaining('same command again')] });
    expect(await module.resources()).toEqual(['terraform_data.disks', 'terraform_data.object_store']);
    await asked();
    await rm(join(directory, 'fail-server-up'));
    await module.apply();
    expect(await asked()).toEqual(['server-up']);
  });

  it('goes on after a run that was killed in the middle', async () => {
    await writeFile(join(directory, 'slow-server-up'), '');
    const module = terraform();
    await module.init();
    const { child, ended } = startTerraformProgram(await buildTerraformProgram(directory), { ...job(), verb: 'apply' });
    while (!existsSync(join(directory, 'log')) || !(await readFile(join(directory, 'log'), 'utf8')).includes('server-up')) await sleep(50);
    // The whole group: this program, Terraform, and what Terraform runs.
    process.kill(-(child.pid ?? 0), 'SIGKILL');
    await ended;
    await asked();
    await rm(join(directory, 'slow-server-up'));
    await module.apply();
    expect((await asked()).at(-1)).toBe('server-up');
    expect(await module.plan()).toBe('none');
  });

  it('says what is wrong with outputs that are not ours', async () => {
    const module = terraform();
    await module.init();
    await expect(module.output(outputsSchema)).rejects.toThrow(/outputs in .* are not what they must be/);
  });
});
