import type { Command } from 'commander';
import type { Invocation } from '../commands/invocation.js';
import { say } from './words.js';

export type Run = (invocation: Invocation) => Promise<number>;
/** Makes what commander calls out of a command that is imported only then. */
export type Action = (load: () => Promise<Run>) => (...input: unknown[]) => Promise<void>;

export function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

export function example(...lines: string[]): string {
  return `\n${say(lines.length > 1 ? 'program.examples' : 'program.example')}\n${lines.map((line) => `  koprogo-infra ${line}`).join('\n')}`;
}
