import { expect, it } from 'vitest';
import type { Command, Host, Output } from '../../src/edges/command.js';
import { InputError } from '../../src/errors.js';
import { findTerraform } from '../../src/terraform/program.js';

/** Answers `NAME version -json` with these texts; a program without one is not installed. */
function computerWith(answers: Readonly<Record<string, string>>): Host {
  return {
    async run({ argv }: Command): Promise<Output> {
      const [program = '', ...args] = argv;
      expect(args).toEqual(['version', '-json']);
      const stdout = answers[program];
      if (stdout === undefined) throw new InputError(`the program "${program}" is not installed`);
      return { exitCode: 0, stdout, stderr: '' };
    },
  };
}

const version = (text: string) => JSON.stringify({ terraform_version: text, platform: 'linux_amd64' });

it('takes terraform before tofu', async () => {
  expect(await findTerraform(computerWith({ terraform: version('1.11.4'), tofu: version('1.9.0') }))).toEqual({ command: 'terraform', version: '1.11.4' });
});

it.each([
  ['there is no terraform', { tofu: version('1.6.0') }],
  ['terraform is older than terraform_data', { terraform: version('1.3.9'), tofu: version('1.6.0') }],
  ['something else is called terraform', { terraform: 'hello', tofu: version('1.6.0') }],
])('takes tofu where %s', async (_, answers) => {
  expect(await findTerraform(computerWith(answers))).toMatchObject({ command: 'tofu' });
});

it.each([
  [{}, 'neither terraform nor tofu is installed'],
  [{ terraform: version('1.3.10') }, 'terraform 1.3.10 is too old: at least 1.4 is needed'],
  [{ terraform: version('0.15.5'), tofu: version('1.2.0') }, 'terraform 0.15.5 and tofu 1.2.0 is too old'],
])('refuses %j before anything is changed', async (answers, message) => {
  const failure = findTerraform(computerWith(answers));
  await expect(failure).rejects.toThrow(message);
  await expect(failure).rejects.toMatchObject({ exitCode: 2, hints: [expect.stringContaining('install'), expect.stringContaining('OpenTofu')] });
});
