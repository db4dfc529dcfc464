import { folded, printable } from '../ui/format.js';
import { flag, type Invocation } from './invocation.js';

/** The result of a command on standard output: the data as JSON with --json, else the text for a person. */
export function print(invocation: Invocation, data: unknown, text: () => string): void {
  printWhole(invocation, data, () => fitted(text()));
}

/** As `print`, for lines that are not ours to break. */
export function printWhole(invocation: Invocation, data: unknown, text: () => string): void {
  process.stdout.write(`${flag(invocation, 'json') ? JSON.stringify(data, null, 2) : printable(text())}\n`);
}

/** A program that reads it gets whole lines. */
function fitted(text: string): string {
  return process.stdout.isTTY ? folded(text, process.stdout.columns || 80) : text;
}
