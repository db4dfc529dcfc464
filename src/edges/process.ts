import type { Readable, Writable } from 'node:stream';
import { execa, type Result } from 'execa';
import { InfraError, InputError, messageOf } from '../errors.js';
import { Secret } from '../secret.js';
import { type Command, CommandFailed, type Host, type Output, purposeOf, TimedOut, timeoutOf } from './command.js';
import { say, toDo } from './words.js';

const MAX_COLLECTED = 16 * 1024 * 1024;

/** A running child: read `stdout` to its end; `done` settles with its fate and rejects as `run` does. */
export interface Child {
  stdin: Writable;
  stdout: Readable;
  done: Promise<Output>;
  kill(): void;
}

export interface LocalOptions {
  /** Variables on top of this process's environment. */
  env?: Readonly<Record<string, string>>;
  cwd?: string;
  /** Ends the children when it fires: SIGTERM, and SIGKILL for one that is still there `graceSeconds` later. */
  signal?: AbortSignal;
  /** Also after a timeout. Default 5. */
  graceSeconds?: number;
}

/** Secrets that this process may have in its environment. Children inherit it, and what they start may run for months. */
const SECRET_VARIABLE = /^(MASTER_ENCRYPTION_KEY(_V\d+)?|VAULT_TOKEN|AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|OS_PASSWORD|OVH_APPLICATION_SECRET|OVH_CONSUMER_KEY|KOPROGO_STATE|KOPROGO_S3_SECRET_ACCESS_KEY)$/;

function withheld(): Record<string, undefined> {
  return Object.fromEntries(Object.keys(process.env).filter((name) => SECRET_VARIABLE.test(name)).map((name) => [name, undefined]));
}

/** This computer, by execa. The only place that starts processes, but for an interactive `ssh`. */
export class LocalHost implements Host {
  constructor(private readonly options: LocalOptions = {}) {}

  async run(command: Command): Promise<Output> {
    const { file, args, common } = this.#prepare(command);
    const { input } = command;
    const child = execa(file, args, {
      ...common,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input: input instanceof Secret ? input.reveal() : input }),
      maxBuffer: MAX_COLLECTED,
      stripFinalNewline: false,
    });
    const { onOutput } = command;
    if (onOutput) child.stdout.setEncoding('utf8').on('data', onOutput);
    return outcome(command, await child);
  }

  /** Starts a child whose output is read as a stream and not collected. `input` is the caller's business: it writes to `stdin`. */
  stream(command: Omit<Command, 'input' | 'onOutput'>): Child {
    const { file, args, common } = this.#prepare(command);
    const child = execa(file, args, { ...common, stdin: 'pipe', buffer: { stdout: false, stderr: true }, encoding: 'utf8' });
    const done = child.then((result) => outcome(command, result));
    // The caller may look at stdout first: a failure before it awaits `done` must not count as unhandled.
    done.catch(() => undefined);
    return { stdin: child.stdin, stdout: child.stdout, done, kill: () => void child.kill('SIGTERM') };
  }

  #prepare(command: Command) {
    const asRoot = command.root === true && process.getuid?.() !== 0;
    const [file = '', ...args] = asRoot ? ['sudo', '-n', '--', ...command.argv] : command.argv;
    const common = {
      env: { ...withheld(), ...this.options.env },
      ...(this.options.cwd === undefined ? {} : { cwd: this.options.cwd }),
      ...(this.options.signal ? { cancelSignal: this.options.signal } : {}),
      reject: false,
      timeout: timeoutOf(command) * 1000,
      forceKillAfterDelay: (this.options.graceSeconds ?? 5) * 1000,
    } as const;
    return { file, args, common };
  }
}

function outcome(command: Command, result: Pick<Result, 'exitCode' | 'stdout' | 'stderr' | 'timedOut' | 'signal' | 'code' | 'cause' | 'failed'>): Output {
  const output: Output = { exitCode: result.exitCode ?? -1, stdout: text(result.stdout), stderr: text(result.stderr) };
  const on = say('process.here');
  if (result.timedOut) throw new TimedOut(command, on);
  if (result.code === 'ENOENT') {
    throw new InputError(say('process.notInstalled', { doing: toDo(purposeOf(command)), program: command.argv[0] ?? '', on }), {
      hints: ['koprogo-infra doctor'],
      cause: result.cause,
    });
  }
  if (result.exitCode === undefined) {
    throw new InfraError(say('process.ended', { doing: toDo(purposeOf(command)), on, by: result.signal ?? result.code ?? say('process.unknownCause') }), {
      cause: result.cause,
    });
  }
  // A source of standard input that broke: the child saw an end of file and may well have called it a success.
  if (result.failed && output.exitCode === 0) throw result.cause instanceof InfraError ? result.cause : new InfraError(say('process.why', { doing: toDo(purposeOf(command)), on, why: messageOf(result.cause) }), { cause: result.cause });
  if (!(command.accept ?? [0]).includes(output.exitCode)) throw new CommandFailed(command, output, on);
  return output;
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
