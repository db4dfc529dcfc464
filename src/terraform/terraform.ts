import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type Command, CommandFailed, type Host, type Output } from '../edges/command.js';
import { readRegularFile } from '../edges/files.js';
import { LocalHost } from '../edges/process.js';
import { InfraError, messageOf } from '../errors.js';
import type { Progress } from '../progress.js';
import { findTerraform, type TerraformProgram } from './program.js';

export interface TerraformOptions {
  /** The working folder: the module is copied here, and the state lies here. */
  directory: string;
  /** The module's folder below templates/terraform: "sandbox". */
  module: string;
  /** Values of the module's variables. Never a secret: they land in the state. */
  variables: Readonly<Record<string, unknown>>;
  progress: Progress;
  /** Makes the host that runs Terraform, given its environment. For tests. */
  host?: (options: { cwd: string; env: Readonly<Record<string, string>> }) => Host;
}

/** How long another Terraform on the same state is waited for: one that outlived a killed set-up comes to its end. */
const LOCK_SECONDS = 300;
const APPLY_SECONDS = 3600;

const outputAnswer = z.record(z.string(), z.object({ value: z.unknown() }));

/** Terraform (or OpenTofu) with one module in one working folder. Its own words are passed on, its failures translated. */
export class Terraform {
  #host: Host | undefined;
  #program: TerraformProgram | undefined;

  constructor(private readonly options: TerraformOptions) {}

  /** Whether anything was ever applied here. */
  get hasState(): boolean {
    return existsSync(join(this.options.directory, 'terraform.tfstate'));
  }

  /** Copies the module into the working folder and initialises it. Everything else needs it once. */
  async init(): Promise<void> {
    const { directory } = this.options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    for (const file of await this.#moduleFiles()) await copyFile(file, join(directory, basename(file)));
    // The operator's own configuration could redirect providers or pass a token on.
    await writeFile(join(directory, 'empty.tfrc'), '');
    await this.#run('initialise', ['init', '-backend=true', '-get=true']);
  }

  /** Whether the module, or what it says, differs from what was applied. Only reads, and does not wait for a lock. */
  async plan(): Promise<'none' | 'changes'> {
    if (!(await this.#moduleIsCurrent())) return 'changes';
    const { exitCode } = await this.#run('plan', ['plan', '-detailed-exitcode', '-refresh=false', '-lock=false'], { accept: [0, 2] });
    return exitCode === 0 ? 'none' : 'changes';
  }

  /** Makes it so. `replace` names resources to make anew although nothing about them changed. */
  async apply(replace: readonly string[] = []): Promise<void> {
    const args = ['apply', '-auto-approve', `-lock-timeout=${LOCK_SECONDS}s`, ...replace.map((address) => `-replace=${address}`)];
    await this.#run('apply', args, { timeout: APPLY_SECONDS, onOutput: this.#passOn() });
  }

  /** The outputs, validated. Throws InfraError when they are not what the schema says. */
  async output<T>(schema: z.ZodType<T>): Promise<T> {
    const { stdout } = await this.#run('read the outputs of', ['output', '-json']);
    try {
      const values = Object.entries(outputAnswer.parse(JSON.parse(stdout))).map(([name, { value }]) => [name, value]);
      return schema.parse(Object.fromEntries(values));
    } catch (cause) {
      throw new InfraError(`Terraform's outputs in ${this.options.directory} are not what they must be: ${messageOf(cause)}`, { hints: ['koprogo-infra setup'], cause });
    }
  }

  /** The addresses of the resources in the state: "terraform_data.server". A tainted one (its making failed) counts as absent. */
  async resources(): Promise<string[]> {
    if (!this.hasState) return [];
    const { stdout } = await this.#run('list', ['show', '-json']);
    const resource = z.object({ address: z.string(), tainted: z.boolean().optional() });
    const state = z.object({ values: z.object({ root_module: z.object({ resources: z.array(resource).optional() }) }).optional() }).parse(JSON.parse(stdout));
    return (state.values?.root_module.resources ?? []).filter(({ tainted }) => tainted !== true).map(({ address }) => address);
  }

  async destroy(): Promise<void> {
    await this.#run('destroy', ['destroy', '-auto-approve', `-lock-timeout=${LOCK_SECONDS}s`], { timeout: APPLY_SECONDS, onOutput: this.#passOn() });
  }

  async #run(verb: string, [subcommand = '', ...args]: readonly string[], rest: Partial<Command> = {}): Promise<Output> {
    this.#host ??= this.#makeHost();
    this.#program ??= await findTerraform(this.#host);
    const { command } = this.#program;
    const flags = subcommand === 'output' || subcommand === 'show' ? ['-no-color'] : ['-no-color', '-input=false'];
    try {
      return await this.#host.run({ argv: [command, subcommand, ...flags, ...args], timeout: 300, purpose: `${verb} Terraform's module`, ...rest });
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      throw new InfraError(`${command} ${subcommand} failed in ${this.options.directory}:\n${ownWords(error.output)}`, {
        hints: ['type the same command again: what was built stays, and it continues from there'],
        cause: error,
      });
    }
  }

  async #moduleFiles(): Promise<string[]> {
    const source = fileURLToPath(new URL(`../../templates/terraform/${this.options.module}/`, import.meta.url));
    return (await readdir(source)).filter((name) => name.endsWith('.tf')).map((name) => join(source, name));
  }

  async #moduleIsCurrent(): Promise<boolean> {
    for (const file of await this.#moduleFiles()) {
      const copy = await readRegularFile(join(this.options.directory, basename(file)));
      if (!copy?.equals(await readFile(file))) return false;
    }
    return true;
  }

  #makeHost(): Host {
    const { directory, variables } = this.options;
    const make = this.options.host ?? ((options) => new LocalHost(options));
    const values = Object.entries(variables).map(([name, value]): [string, string] => [`TF_VAR_${name}`, typeof value === 'string' ? value : JSON.stringify(value)]);
    return make({
      cwd: directory,
      env: {
        ...Object.fromEntries(values),
        TF_IN_AUTOMATION: '1',
        TF_INPUT: '0',
        CHECKPOINT_DISABLE: '1',
        TF_CLI_CONFIG_FILE: join(directory, 'empty.tfrc'),
        // The operator's own settings for other work must not leak in here.
        TF_WORKSPACE: 'default',
        TF_DATA_DIR: join(directory, '.terraform'),
        TF_CLI_ARGS: '',
        TF_CLI_ARGS_init: '',
        TF_CLI_ARGS_plan: '',
        TF_CLI_ARGS_apply: '',
        TF_CLI_ARGS_destroy: '',
        TF_CLI_ARGS_output: '',
        TF_CLI_ARGS_show: '',
        TF_LOG: '',
      },
    });
  }

  /** Passes "terraform_data.server: Creating…" and what a provisioner's program says on to whoever waits. */
  #passOn(): (text: string) => void {
    return (text) => {
      for (const [, resource = '', said = ''] of text.matchAll(/^(?:terraform_data\.)?([\w.-]+)(?: \([^)]*\))?: (.+)$/gm)) {
        if (!said.startsWith('Executing:') && !said.startsWith('Provisioning with')) this.options.progress.update(`${resource.replaceAll('_', ' ')}: ${said.replace(/ \[id=.*$/, '')}`);
      }
    };
  }
}

/** Terraform's own error messages, without their frames. */
function ownWords({ stderr, stdout }: Output): string {
  const lines = `${stderr}\n${stdout}`.split('\n').map((line) => line.replace(/^[╷│╵]\s?/, '').trimEnd());
  const first = lines.findIndex((line) => line.startsWith('Error'));
  return lines
    .slice(Math.max(first, 0))
    .filter((line) => line !== '')
    .slice(0, 20)
    .join('\n')
    .replace(/[^\P{Cc}\n\t]/gu, '');
}
