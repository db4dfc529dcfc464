import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { type Command, CommandFailed, type Host, type Output } from '../../src/edges/command.js';
import { Secret } from '../../src/secret.js';

export interface Asked {
  argv: readonly string[];
  purpose: string;
  input: string;
  root: boolean;
}

type Answer = string | { exitCode?: number; stdout?: string; stderr?: string };
type Script = Readonly<Record<string, Answer | ((command: Command, times: number) => Answer)>>;

/** A server that answers each purpose as it was told and fails on any other: what was asked is in `asked`. */
export class ScriptedHost implements Host {
  readonly asked: Asked[] = [];

  constructor(private readonly script: Script) {}

  async run(command: Command): Promise<Output> {
    const purpose = command.purpose ?? '';
    const known = this.script[purpose];
    if (known === undefined) throw new Error(`unexpected command: ${purpose} ${command.argv.join(' ').slice(0, 200)}`);
    const times = this.asked.filter((other) => other.purpose === purpose).length;
    this.asked.push({ argv: command.argv, purpose, input: await inputOf(command), root: command.root === true });
    const answer = typeof known === 'function' ? known(command, times) : known;
    const output = { exitCode: 0, stdout: '', stderr: '', ...(typeof answer === 'string' ? { stdout: answer } : answer) };
    if (!(command.accept ?? [0]).includes(output.exitCode)) throw new CommandFailed(command, output, 'the server test');
    command.onOutput?.(output.stdout);
    return output;
  }

  get purposes(): string[] {
    return this.asked.map(({ purpose }) => purpose);
  }
}

async function inputOf({ input }: Command): Promise<string> {
  if (input === undefined) return '';
  if (input instanceof Secret) return input.reveal();
  if (input instanceof Readable) return text(input);
  return typeof input === 'string' ? input : Buffer.from(input).toString('utf8');
}

/** What `together` gives back for these outputs. */
export function joined(...outputs: readonly string[]): string {
  return outputs.map((output) => `${output}\n\x1e\n`).join('');
}
