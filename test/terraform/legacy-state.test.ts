import { link, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { hasLegacyState, takeOverLegacyState } from '../../src/terraform/legacy-state.js';
import { StateRun } from '../../src/terraform/state-run.js';
import { MemoryTerraformState, stateBytes, type StateParts } from '../fixtures/memory-terraform-state.js';

let folder: string;
let store: MemoryTerraformState;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-legacy-'));
  await mkdir(join(folder, '.terraform'));
  await mkdir(join(folder, 'witness'));
  store = new MemoryTerraformState();
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Puts a file there, and a second name for it, by which its content is seen when the first is gone. */
async function put(name: string, content: string | Buffer): Promise<void> {
  await writeFile(join(folder, name), content);
  await link(join(folder, name), join(folder, 'witness', name));
}

const names = async () => (await readdir(folder)).filter((name) => name.includes('tfstate')).sort();
const stored = () => store.stored?.bytes.toString();
const bytes = (parts: StateParts) => stateBytes(parts).toString();
const isWiped = async (name: string) => (await readFile(join(folder, 'witness', name))).every((byte) => byte === 0);

describe('a state in clear from a previous version', () => {
  it('is stored, and every file of it overwritten and removed', async () => {
    await put('terraform.tfstate', stateBytes({ serial: 5, mark: 'x'.repeat(200_000) }));
    await put('terraform.tfstate.backup', stateBytes({ serial: 4 }));
    await put('terraform.tfstate.1700000000.backup', stateBytes({ serial: 2 }));
    expect(await hasLegacyState(folder)).toBe(true);
    await takeOverLegacyState(folder, store);
    expect(stored()).toBe(bytes({ serial: 5, mark: 'x'.repeat(200_000) }));
    expect(await names()).toEqual([]);
    for (const name of ['terraform.tfstate', 'terraform.tfstate.backup', 'terraform.tfstate.1700000000.backup']) expect(await isWiped(name), name).toBe(true);
    expect(await hasLegacyState(folder)).toBe(false);
  });

  it('gives way to the newer one that a failed run had saved beside it', async () => {
    await put('terraform.tfstate', stateBytes({ serial: 5 }));
    await put('errored.tfstate', stateBytes({ serial: 6 }));
    await takeOverLegacyState(folder, store);
    expect([stored(), await names()]).toEqual([bytes({ serial: 6 }), []]);
  });

  it.each<[string, Record<string, StateParts | string>, StateParts | undefined]>([
    ['before it was marked', { 'terraform.tfstate': { serial: 5 }, 'terraform.tfstate.backup': { serial: 4 } }, { serial: 5 }],
    ['before it was stored', { 'terraform.tfstate': { serial: 5 }, 'terraform.tfstate.backup': { serial: 4 } }, undefined],
    ['before it was wiped', { 'terraform.tfstate.wiping': { serial: 5 }, 'terraform.tfstate.backup': { serial: 4 } }, { serial: 5 }],
    ['half wiped', { 'terraform.tfstate.wiping': '\0\0\0\0al":5}', 'terraform.tfstate.backup': { serial: 4 } }, { serial: 5 }],
    ['before the backup was wiped', { 'terraform.tfstate.backup.wiping': { serial: 4 } }, { serial: 5 }],
    ['and the state has moved on', { 'terraform.tfstate': { serial: 5 } }, { serial: 7 }],
  ])('whose takeover was cut off %s converges', async (_, files, inStore) => {
    for (const [name, content] of Object.entries(files)) await put(name, typeof content === 'string' ? content : stateBytes(content));
    if (inStore) await store.write(stateBytes(inStore), undefined);
    await takeOverLegacyState(folder, store);
    expect([stored(), await names()]).toEqual([bytes(inStore ?? { serial: 5 }), []]);
    for (const name of Object.keys(files)) expect(await isWiped(name), name).toBe(true);
  });

  it('stays when it cannot be stored', async () => {
    await put('terraform.tfstate', stateBytes({ serial: 5 }));
    store.failing.add('write');
    await expect(takeOverLegacyState(folder, store)).rejects.toThrow('away');
    expect(await readFile(join(folder, 'terraform.tfstate'), 'utf8')).toBe(bytes({ serial: 5 }));
  });

  it('stays when something else is read back', async () => {
    await put('terraform.tfstate', stateBytes({ serial: 5 }));
    store.write = async () => {
      store.stored = { bytes: stateBytes({ serial: 4 }), revision: 1 };
      return 1;
    };
    await expect(takeOverLegacyState(folder, store)).rejects.toThrow('another content was read back');
    expect(await names()).toEqual(['terraform.tfstate']);
  });

  it.each([
    ['of another history', stateBytes({ lineage: 'another', serial: 9 }), EXIT.refused],
    ['damaged', '{"version":4,"serial":planted-secret', EXIT.failed],
  ])('that is %s stays, with the way out', async (_, content, exitCode) => {
    await put('terraform.tfstate', content);
    await store.write(stateBytes({ serial: 1 }), undefined);
    const failure = takeOverLegacyState(folder, store);
    await expect(failure).rejects.toMatchObject({ exitCode, hints: [expect.stringContaining(`mv ${join(folder, 'terraform.tfstate')}`)] });
    await expect(failure).rejects.not.toThrow('planted');
    expect([stored(), await names()]).toEqual([bytes({ serial: 1 }), ['terraform.tfstate']]);
  });

  it('that is only a backup is the last copy, and stays', async () => {
    await put('terraform.tfstate.backup', stateBytes());
    await expect(takeOverLegacyState(folder, store)).rejects.toMatchObject({ exitCode: EXIT.refused, hints: [expect.stringContaining('mv '), expect.stringContaining('shred')] });
    expect([stored(), await names()]).toEqual([undefined, ['terraform.tfstate.backup']]);
  });

  it('that is empty is none, and goes', async () => {
    await put('terraform.tfstate', '');
    await takeOverLegacyState(folder, store);
    expect([stored(), await names()]).toEqual([undefined, []]);
  });

  it.each(['init', 'apply', 'destroy'] as const)('is taken over before Terraform is asked for: %s', async (mode) => {
    await put('terraform.tfstate', stateBytes({ serial: 5 }));
    const run = await StateRun.begin({ store, mode, folder, progress: silent });
    expect((await run.read())?.toString()).toBe(bytes({ serial: 5 }));
    expect(await names()).toEqual([]);
  });

  it('is not looked for where Terraform cannot write one, nor followed through a link', async () => {
    await mkdir(join(folder, 'errored.tfstate'));
    expect(await hasLegacyState(folder)).toBe(false);
    expect(await hasLegacyState(join(folder, 'missing'))).toBe(false);
  });
});
