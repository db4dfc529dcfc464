import { z } from 'zod';
import type { Host } from '../edges/command.js';
import { InputError } from '../errors.js';

/** terraform_data, the built-in resource that needs no provider, came with 1.4. OpenTofu began at 1.6. */
const OLDEST = [1, 4] as const;
const HINTS = ['install Terraform 1.4 or newer: https://developer.hashicorp.com/terraform/install', 'or OpenTofu: https://opentofu.org/docs/intro/install'];

const versionAnswer = z.object({ terraform_version: z.string().regex(/^\d+\.\d+\.\d+/) });

export interface TerraformProgram {
  /** The command's name: "terraform" or "tofu". */
  command: string;
  version: string;
}

/** Terraform, or OpenTofu where there is none. Throws InputError when neither is there or both are too old. */
export async function findTerraform(host: Host): Promise<TerraformProgram> {
  const tooOld: string[] = [];
  for (const command of ['terraform', 'tofu']) {
    const version = await versionOf(host, command);
    if (version === undefined) continue;
    if (newEnough(version)) return { command, version };
    tooOld.push(`${command} ${version}`);
  }
  if (tooOld.length > 0) throw new InputError(`${tooOld.join(' and ')} is too old: at least ${OLDEST.join('.')} is needed`, { hints: HINTS });
  throw new InputError('neither terraform nor tofu is installed on this computer', { hints: HINTS });
}

async function versionOf(host: Host, command: string): Promise<string | undefined> {
  try {
    const { stdout } = await host.run({ argv: [command, 'version', '-json'], timeout: 60, purpose: `ask ${command} for its version` });
    return versionAnswer.parse(JSON.parse(stdout)).terraform_version;
  } catch (error) {
    // Not installed; or a program of that name that is something else.
    if (error instanceof InputError || error instanceof z.ZodError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function newEnough(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1]);
}
