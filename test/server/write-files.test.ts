import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LocalHost } from '../../src/edges/process.js';
import { Secret } from '../../src/secret.js';
import { filesThatDiffer, readFiles } from '../../src/server/files.js';
import { writeFiles } from '../../src/server/write-files.js';

let folder: string;
const me = `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`;
const local = { ...writeFiles([]), root: false };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-files-'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('writeFiles', () => {
  const files = () => [
    { path: join(folder, 'new/deep/a'), content: 'first\n', mode: '0640', owner: me },
    { path: join(folder, 'empty'), content: '', mode: '0600', owner: me },
    { path: join(folder, "it's b"), content: new Secret('geheim é'), mode: '0400', owner: me },
  ];

  it('writes what readFiles then finds the same', async () => {
    await writeFile(join(folder, 'empty'), 'was not empty');
    await new LocalHost().run({ ...writeFiles(files()), root: local.root });
    const { stdout } = await new LocalHost().run({ ...readFiles(files()), root: false });
    expect(filesThatDiffer(files(), stdout)).toEqual([]);
    expect((await stat(join(folder, "it's b"))).mode & 0o777).toBe(0o400);
    expect(await readFile(join(folder, "it's b"), 'utf8')).toBe('geheim é');
  });

  it('keeps contents out of the arguments', () => {
    const command = writeFiles(files());
    expect(command.argv.join(' ')).not.toMatch(/first|geheim/);
    expect(JSON.stringify(command.input)).toBe('"[redacted]"');
  });

  it('leaves the old file, and no half of the new one, when the connection is cut', async () => {
    const file = { path: join(folder, 'a'), content: 'new content', mode: '0600', owner: me };
    await writeFile(file.path, 'old');
    await expect(new LocalHost().run({ ...writeFiles([file]), root: false, input: 'new con' })).rejects.toThrow(/could not write/);
    expect(await readFile(file.path, 'utf8')).toBe('old');
    expect(await readdir(folder)).toEqual(['a']);
  });

  it('refuses a relative path', () => {
    expect(() => writeFiles([{ path: 'a', content: '', mode: '0600' }])).toThrow(/absolute/);
  });
});
