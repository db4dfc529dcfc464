import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROGRAM = fileURLToPath(new URL('../../bin/koprogo-infra.js', import.meta.url));

export interface CliResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  seconds: number;
}

export interface CliOptions {
  /** Seconds after which the program is killed and the test fails. */
  timeout?: number;
  input?: string;
  environment?: Readonly<Record<string, string>>;
  /** SIGKILL this many milliseconds after standard error has matched. */
  killAfter?: { pattern: RegExp; delay: number };
  /** Called once, when standard error has matched; the program goes on. */
  when?: { pattern: RegExp; act: () => void };
}

/** An operator of their own: all directories of the program below one temporary directory, but for the image cache. */
export class Operator {
  readonly home = mkdtempSync(join(process.env['KOPROGO_E2E_DIRECTORY'] ?? '/var/tmp', 'koprogo-e2e-'));
  readonly environment: Readonly<Record<string, string>>;
  /** Everything that any run of the program wrote, to be searched for secrets. */
  log = '';
  readonly #running = new Set<ChildProcess>();

  readonly #program: string;

  constructor({ program = PROGRAM, environment = {} }: { program?: string; environment?: Readonly<Record<string, string>> } = {}) {
    this.#program = program;
    this.environment = {
      ...environment,
      XDG_STATE_HOME: join(this.home, 'state'),
      XDG_CONFIG_HOME: join(this.home, 'config'),
      XDG_DATA_HOME: join(this.home, 'data'),
      XDG_CACHE_HOME: process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'),
    };
    for (const directory of ['state', 'config', 'data']) mkdirSync(join(this.home, directory), { mode: 0o700 });
    // The test's own imports of the program read the same places.
    Object.assign(process.env, this.environment);
  }

  cli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
    const started = Date.now();
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [this.#program, ...args], {
        env: { ...process.env, ...this.environment, ...options.environment },
        stdio: ['pipe', 'pipe', 'pipe'],
      });
      this.#running.add(child);
      let stdout = '';
      let stderr = '';
      let matched = false;
      let late = false;
      const limit = setTimeout(
        () => {
          late = true;
          child.kill('SIGKILL');
        },
        (options.timeout ?? 120) * 1000,
      );
      child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => {
        stderr += chunk.toString();
        if (process.env['KOPROGO_E2E_VERBOSE']) process.stderr.write(chunk);
        const pattern = options.killAfter?.pattern ?? options.when?.pattern;
        if (matched || !pattern?.test(stderr)) return;
        matched = true;
        options.when?.act();
        if (options.killAfter) setTimeout(() => child.kill('SIGKILL'), options.killAfter.delay);
      });
      child.stdin.on('error', () => undefined);
      child.stdin.end(options.input ?? '');
      child.once('close', (code, signal) => {
        clearTimeout(limit);
        this.#running.delete(child);
        this.log += `$ koprogo-infra ${args.join(' ')}\n${stderr}${stdout}\n`;
        if (late) reject(new Error(`koprogo-infra ${args.join(' ')} did not end in time:\n${stderr}`));
        else resolve({ code, signal, stdout, stderr, seconds: (Date.now() - started) / 1000 });
      });
    });
  }

  /** Runs with --json and returns the result; throws with all that was written when the exit code is not as expected. */
  async json(args: readonly string[], options: CliOptions & { expect?: number } = {}): Promise<unknown> {
    const result = await this.cli([...args, '--json'], options);
    if (result.code !== (options.expect ?? 0)) throw new Error(`koprogo-infra ${args.join(' ')}: exit code ${result.code}\n${result.stderr}\n${result.stdout}`);
    return JSON.parse(result.stdout) as unknown;
  }

  end(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }

  /** Takes an installation away as an operator does. Throws when anything of it would stay: nobody could end it any more. */
  async destroy(name: string): Promise<void> {
    const { code, stderr } = await this.cli(['destroy', '--installation', name, '--confirm', name, '--yes'], { timeout: 300 });
    if (code !== 0) throw new Error(`the installation ${name} could not be destroyed, its files stay in ${this.home}:\n${stderr}`);
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}

/** Command lines of all processes on this computer, now: what `ps` shows to everybody. */
export function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
}

/** All regular files below a directory. */
export function filesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
