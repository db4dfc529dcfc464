import { chmod, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folder, open, path, verify, useFreshFolder } from './fresh-log.js';

useFreshFolder();

describe('a file', () => {
  it('that has grown large gets a number, and the chain goes on in a new one', async () => {
    const log = open({ maxBytes: 2000 });
    for (let count = 0; count < 20; count++) await log.record({ operation: 'export', result: 'ok' });
    const names = (await readdir(folder)).sort();
    expect(names.length).toBeGreaterThan(3);
    expect(names).toContain('audit.log.2');
    const whole = await verify();
    expect(whole).toMatchObject({ verdict: 'intact', head: { seq: 20 + names.length } });
    expect(whole.files.map((file) => file.slice(folder.length + 1)).sort()).toEqual(names);
    await rm(`${path}.2`);
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'missing', file: `${path}.3`, line: 1 }] });
  });

  it('that is not there goes on from the last one with a number', async () => {
    const log = open({ maxBytes: 500 });
    for (let count = 0; count < 3; count++) await log.record({ operation: 'export', result: 'ok' });
    const before = await verify();
    await rm(path);
    const after = await log.head();
    expect(after?.seq).toBeLessThan(before.head?.seq ?? 0);
    await log.record({ operation: 'export', result: 'ok' });
    expect(await verify()).toMatchObject({ verdict: 'intact' });
    expect(await verify({ anchor: before.head })).toMatchObject({ verdict: 'tampered' });
  });

  it('of others, for others, or behind a link is refused', async () => {
    await writeFile(path, '', { mode: 0o600 });
    await chmod(path, 0o640);
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toMatchObject({ hints: [`chmod 600 ${path}`] });
    await rm(path);
    await symlink(join(folder, 'elsewhere'), path);
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toThrow(/symbolic link/);
    await rm(path);
    await chmod(folder, 0o777);
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toThrow(/everybody can write/);
  });
});
