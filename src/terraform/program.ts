import { z } from 'zod';
import type { Host } from '../edges/command.js';
import { InputError } from '../errors.js';
import { say } from './words.js';

/** terraform_data, the built-in resource that needs no provider, came with 1.4. OpenTofu began at 1.6. */
const OLDEST = [1, 4] as const;

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
  const hints = [say('program.install'), say('program.tofu')];
  if (tooOld.length > 0) throw new InputError(say('program.old', { versions: tooOld.join(say('program.and')), oldest: OLDEST.join('.') }), { hints });
  throw new InputError(say('program.none'), { hints });
}

async function versionOf(host: Host, command: string): Promise<string | undefined> {
  try {
    const { stdout } = await host.run({ argv: [command, 'version', '-json'], timeout: 60, purpose: say('program.version', { command }) });
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
