import { type Command, script } from '../edges/command.js';

/** ASCII "record separator" on a line of its own: no command of ours prints it. */
const SEPARATOR = '\x1e';

/**
 * Several commands that only read, run as one to save round trips; stops at the first that fails.
 * They run as root when one of them asks for it. Get their outputs back with `apart`.
 */
export function together(purpose: string, commands: readonly Pick<Command, 'argv' | 'root'>[]): Command {
  const words = commands.flatMap(({ argv }) => [String(argv.length), ...argv]);
  return {
    ...script('while (($#)); do n=$1; shift; "${@:1:n}"; shift "$n"; printf "\\n\\036\\n"; done', ...words),
    root: commands.some((command) => command.root === true),
    timeout: 240,
    purpose,
  };
}

/** The standard outputs of the commands that `together` ran, in their order. */
export function apart(stdout: string): string[] {
  return stdout.split(`\n${SEPARATOR}\n`).slice(0, -1);
}
