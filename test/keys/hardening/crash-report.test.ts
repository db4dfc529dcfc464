import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundleProgram } from '../../fixtures/bundle.js';

const PLANTED = 'planted master key 91b4';
let folder: string;
let program: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'koprogo-report-'));
  program = await bundleProgram(
    folder,
    'crash',
    `import { preventCoreDumps } from './src/keys/hardening/core-dumps.ts';
     if (process.argv[2] === 'as in a command') await preventCoreDumps();
     throw new Error('a bug');`,
  );
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The reports that Node.js leaves of a program that ends with a bug, where its operator, or their system, asks for reports. */
async function reportsOf(how: string): Promise<string[]> {
  const directory = await mkdtemp(join(folder, 'reports-'));
  const argv = ['--report-uncaught-exception', '--report-on-fatalerror', `--report-directory=${directory}`, program, how];
  const env = { PATH: process.env['PATH'], MASTER_ENCRYPTION_KEY: PLANTED };
  await expect(promisify(execFile)(process.execPath, argv, { env })).rejects.toThrow(/a bug/);
  return Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'utf8')));
}

it('a crash leaves no report, which would hold the environment and the keys in it', async () => {
  // Without it there is one, and the key is in it: otherwise the test would show nothing.
  const [report = ''] = await reportsOf('plain');
  expect(report).toContain(PLANTED);
  expect(await reportsOf('as in a command')).toEqual([]);
});
