import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { type Command, CommandFailed, type Host, type Output } from '../edges/command.js';
import { readRegularFile } from '../edges/files.js';
import { type LocalOptions, LocalHost } from '../edges/process.js';
import { InfraError } from '../errors.js';
import { Interrupted } from '../interrupt.js';
import type { Progress } from '../progress.js';
import { type SecretVariables, secretEnvironment, terraformEnvironment, withoutSecrets } from './environment.js';
import { Interruption } from './interruption.js';
import { hasLegacyState } from './legacy-state.js';
import { ModuleFiles } from './module-files.js';
import { ownWords, parseJson, passOn } from './output.js';
import { digestPlan, type PlanDigest } from './plan-digest.js';
import { withPlanFile } from './plan-folder.js';
import { findTerraform, type TerraformProgram } from './program.js';
import { changesState, type RunMode, StateRun } from './state-run.js';
import { serveState } from './state-server.js';
import type { TerraformStateStore } from './state-store.js';
import { say } from './words.js';

export interface TerraformOptions {
  /** The working folder: the module is copied here. The state is not: it lies in `state`. */
  directory: string;
  /** The module's folder: "sandbox" is that below templates/terraform. */
  module: string;
  /** Values of the module's variables. They are in the environment of Terraform and of what it starts: never a secret. */
  variables: Readonly<Record<string, unknown>>;
  /** Further variables of the environment, credentials above all: only of what plans, builds and takes down, and in no file and no command line. */
  secrets?: SecretVariables;
  /** Files of the module that have no place in the working folder. */
  leaveOut?: readonly string[];
  state: TerraformStateStore;
  progress: Progress;
  /** How long somebody else's lock on the state is waited for. Default 30. */
  lockSeconds?: number;
  /** Makes the host that runs Terraform. For tests. */
  host?: (options: LocalOptions) => Host;
}

/** What a plan is to be made for. */
export interface PlanRequest {
  /** To take down instead of building. */
  destroy?: boolean;
  /** Nothing but these addresses, and what depends on them. */
  targets?: readonly string[];
  /** Addresses to make anew although nothing about them changed. */
  replace?: readonly string[];
  /** A file that Terraform merges over the module for this one plan: "x_override.tf". */
  override?: { name: string; text: string };
}

const LOCK_SECONDS = 30;
const PLAN_SECONDS = 900;
const APPLY_SECONDS = 3600;
/** How long a Terraform that was told to end may take: it finishes the resource that it is at. */
const GRACE_SECONDS = 600;
/** A terminal that closes, or a connection that breaks, would end Terraform at once; so it hears of it from this process only. */
const DEAF_TO_HANGUP = ['sh', '-c', 'trap "" HUP; exec "$@"', 'sh'];
/** The commands that log in somewhere: no other one is given a secret. */
const PROVIDERS_WORK = new Set(['plan', 'apply', 'destroy']);
const outputAnswer = z.record(z.string(), z.object({ value: z.unknown() }));

/**
 * Terraform (or OpenTofu) with one module in one working folder. Its own words are passed on, its failures translated.
 *
 * Its state passes through a server of this process on the loopback interface, one for each command, and is on no disk in
 * clear at any time. What remains: while a command runs, whoever is the same user on this computer (or root) can read the
 * server's password in `/proc/PID/environ` of Terraform and of the programs that it starts, and the state in the memory
 * of both processes. The password is worth nothing once the command has ended, and is in no file and no command line.
 */
export class Terraform {
  #program: TerraformProgram | undefined;
  readonly #files: ModuleFiles;

  constructor(private readonly options: TerraformOptions) {
    this.#files = new ModuleFiles(options.directory, options.module, options.leaveOut ?? []);
  }

  /** Whether anything was ever applied here. */
  async hasState(): Promise<boolean> {
    const { state, directory } = this.options;
    return (await state.read()) !== undefined || existsSync(state.spool.place) || (await hasLegacyState(directory));
  }

  /** Copies the module into the working folder and initialises it. Everything else needs it once. */
  async init(): Promise<void> {
    const { directory } = this.options;
    await this.#files.write();
    // The operator's own configuration could redirect providers or pass a token on.
    await writeFile(join(directory, 'empty.tfrc'), '');
    // Whatever backend was configured here before is forgotten, not asked about.
    await this.#run('init', say('purpose.initialise'), ['init', '-reconfigure', '-get=true']);
  }

  /** Whether the module, or what it says, differs from what was applied, without a look at what stands. Only reads, and does not wait for a lock. */
  async plan(): Promise<'none' | 'changes'> {
    if (!(await this.#files.areCurrent()) || (await hasLegacyState(this.options.directory))) return 'changes';
    await this.#ensureInitialised();
    const { exitCode } = await this.#run('read', say('purpose.plan'), ['plan', '-detailed-exitcode', '-refresh=false', '-lock=false'], { accept: [0, 2] });
    return exitCode === 0 ? 'none' : 'changes';
  }

  /**
   * What it would take to make it so, in detail, after a look at what really stands; 'unknown' where a state of a previous version must be
   * taken over first. A plan without entries can still change outputs. Nothing is changed but the working folder.
   */
  async preview(): Promise<'none' | 'unknown' | PlanDigest> {
    const { directory } = this.options;
    if (await hasLegacyState(directory)) return 'unknown';
    // A module that has changed may need other providers.
    if (await this.#files.areCurrent()) await this.#ensureInitialised();
    else await this.init();
    return withPlanFile(directory, async (file) => {
      const { exitCode } = await this.#run('read', say('purpose.plan'), ['plan', '-detailed-exitcode', '-lock=false', `-out=${file}`], { accept: [0, 2], timeout: PLAN_SECONDS });
      return exitCode === 0 ? 'none' : this.#digestOf(file);
    });
  }

  /** Makes it so. `replace` names resources to make anew although nothing about them changed. */
  async apply(replace: readonly string[] = []): Promise<void> {
    await this.#change('apply', ...replace.map((address) => `-replace=${address}`));
  }

  /**
   * Plans, has the plan considered, and does exactly this plan: what changed between the two makes Terraform refuse it. The plan
   * is in memory only, and gone afterwards. Nothing is done where `consider` throws.
   */
  async change(request: PlanRequest, consider: (digest: PlanDigest) => Promise<void> | void): Promise<PlanDigest> {
    const { directory } = this.options;
    await this.#ensureInitialised();
    return withPlanFile(directory, async (file) => {
      const digest = await this.#planInto(file, request);
      await consider(digest);
      const mode = request.destroy === true ? 'destroy' : 'apply';
      if (digest.entries.length > 0 || mode === 'apply') await this.#run(mode, purposeOf(mode), ['apply', '-auto-approve', this.#lockTimeout, file], { timeout: APPLY_SECONDS });
      return digest;
    });
  }

  async #planInto(file: string, { destroy, targets = [], replace = [], override }: PlanRequest): Promise<PlanDigest> {
    // Whatever a killed run left beside the module is not planned with.
    await this.#files.write();
    const path = override && join(this.options.directory, override.name);
    const args = [...(destroy === true ? ['-destroy'] : []), ...targets.map((address) => `-target=${address}`), ...replace.map((address) => `-replace=${address}`)];
    try {
      if (path !== undefined) await writeFile(path, override?.text ?? '', { mode: 0o600 });
      await this.#run('read', say('purpose.plan'), ['plan', '-lock=false', `-out=${file}`, ...args], { timeout: PLAN_SECONDS });
    } finally {
      if (path !== undefined) await rm(path, { force: true });
    }
    return this.#digestOf(file);
  }

  async #digestOf(file: string): Promise<PlanDigest> {
    const { stdout } = await this.#run('read', say('purpose.readPlan'), ['show', '-json', file]);
    return digestPlan(stdout);
  }

  /** The outputs, validated. Throws InfraError when they are not what the schema says. */
  async output<T>(schema: z.ZodType<T>): Promise<T> {
    await this.#ensureInitialised();
    const { stdout } = await this.#run('read', say('purpose.outputs'), ['output', '-json']);
    const outputs = outputAnswer.safeParse(parseJson(stdout));
    const values = outputs.success ? Object.entries(outputs.data).map(([name, { value }]) => [name, value]) : [];
    const read = schema.safeParse(Object.fromEntries(values));
    if (read.success) return read.data;
    // Paths and codes only: outputs may be secret.
    const wrong = read.error.issues.map(({ path, code }) => say('issue', { path: path.map(String).join('.') || say('outputs.all'), code })).join(say('join'));
    throw new InfraError(say('outputs.wrong', { directory: this.options.directory, wrong }), { hints: ['koprogo-infra setup'] });
  }

  /** The addresses of the resources in the state: "terraform_data.server". A tainted one (its making failed) counts as absent, unless `tainted`. */
  async resources({ tainted = false } = {}): Promise<string[]> {
    if (!(await this.hasState())) return [];
    await this.#ensureInitialised();
    const { stdout } = await this.#run('read', say('purpose.list'), ['show', '-json']);
    const resource = z.object({ address: z.string(), tainted: z.boolean().optional() });
    const state = z.object({ values: z.object({ root_module: z.object({ resources: z.array(resource).optional() }) }).optional() }).parse(parseJson(stdout));
    return (state.values?.root_module.resources ?? []).filter((one) => tainted || one.tainted !== true).map(({ address }) => address);
  }

  async destroy(): Promise<void> {
    await this.#change('destroy');
  }

  async #change(mode: 'apply' | 'destroy', ...args: readonly string[]): Promise<void> {
    await this.#run(mode, purposeOf(mode), [mode, '-auto-approve', this.#lockTimeout, ...args], { timeout: APPLY_SECONDS });
  }

  get #lockTimeout(): string {
    return `-lock-timeout=${this.options.lockSeconds ?? LOCK_SECONDS}s`;
  }

  /** A working folder of a previous version, or a new one for a state that was made elsewhere. */
  async #ensureInitialised(): Promise<void> {
    const cached = await readRegularFile(join(this.options.directory, '.terraform', 'terraform.tfstate'));
    const backend = z.object({ backend: z.object({ type: z.literal('http') }) });
    if (!cached || !backend.safeParse(parseJson(cached.toString('utf8'))).success) await this.init();
  }

  /** Runs Terraform with a server for its state, which ends with it. */
  async #run(mode: RunMode, purpose: string, argv: readonly string[], rest: Partial<Command> = {}): Promise<Output> {
    const { directory, state, progress } = this.options;
    this.#program ??= await findTerraform(this.#makeHost({}));
    const { command } = this.#program;
    const run = await StateRun.begin({ store: state, mode, folder: directory, progress });
    const changing = changesState(mode);
    if (changing) await blockErroredState(directory);
    const server = await serveState(run, changing);
    const interruption = changing ? new Interruption() : undefined;
    try {
      const ended = await settled(this.#execute(command, purpose, argv, rest, server.environment, interruption));
      await server.close();
      const { unstored, failure } = await run.finish();
      if (unstored) throw 'error' in ended ? unstored.after(ended.error) : unstored;
      if (interruption?.happened === true) throw new Interrupted('error' in ended ? ended.error : undefined);
      if (failure) throw failure;
      if ('error' in ended) throw ended.error;
      return ended.value;
    } finally {
      interruption?.giveBack();
    }
  }

  async #execute(command: string, purpose: string, [subcommand = '', ...args]: readonly string[], rest: Partial<Command>, server: Readonly<Record<string, string>>, interruption?: Interruption): Promise<Output> {
    const { directory, variables, progress, secrets = {} } = this.options;
    const speaks = PROVIDERS_WORK.has(subcommand);
    const host = this.#makeHost({
      cwd: directory,
      env: { ...terraformEnvironment(directory, variables), ...(speaks ? secretEnvironment(directory, secrets) : {}), ...server },
      ...(interruption ? { signal: interruption.signal, graceSeconds: GRACE_SECONDS } : {}),
    });
    const flags = subcommand === 'output' || subcommand === 'show' ? ['-no-color'] : ['-no-color', '-input=false'];
    const onOutput = (text: string): void => {
      interruption?.listen(text);
      if (interruption) passOn(text, progress);
    };
    try {
      return await host.run({ argv: [...(interruption ? DEAF_TO_HANGUP : []), command, subcommand, ...flags, ...args], timeout: 300, purpose, onOutput, ...rest });
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error;
      // No cause: it holds all that Terraform printed, and at worst that is the state.
      throw new InfraError(say('failed', { program: command, subcommand, directory, said: withoutSecrets(ownWords(error.output), secrets) }), { hints: [say('failed.again')] });
    }
  }

  #makeHost(options: LocalOptions): Host {
    return this.options.host?.(options) ?? new LocalHost(options);
  }
}

/**
 * Where Terraform cannot hand its state over, because this process was killed, it writes it to a file of this name, in
 * clear and for all to read; where a directory has the name, it prints it to the pipe that led here.
 */
async function blockErroredState(folder: string): Promise<void> {
  await mkdir(join(folder, 'errored.tfstate'), { recursive: true, mode: 0o700 });
}

function purposeOf(mode: 'apply' | 'destroy'): string {
  return mode === 'apply' ? say('purpose.apply') : say('purpose.destroy');
}

/** How a promise ended, as a value. */
async function settled<T>(work: Promise<T>): Promise<{ value: T } | { error: unknown }> {
  try {
    return { value: await work };
  } catch (error) {
    return { error };
  }
}
