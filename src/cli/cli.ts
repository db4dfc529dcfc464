import { Command } from 'commander';
import { placeOption } from '../commands/invocation.js';
import { VERSION } from '../version.js';
import { backupCommands } from './backup-commands.js';
import { keysCommands } from './keys-commands.js';
import { otherCommands, setupCommands, stackCommands, volumeCommands } from './server-commands.js';
import type { Action } from './shared.js';
import { auditCommands, securityCommands, stateCommands } from './state-commands.js';
import { ownWords } from './usage.js';
import { say } from './words.js';

/**
 * Reads the command line and runs one command. Every command is imported only when it is called:
 * --help must not wait for libraries that it does not use.
 */
export async function run(argv: string[]): Promise<number> {
  let exitCode = 0;
  const action: Action = (load) => async (...input) => {
    const command = input.at(-1) as Command;
    useState(placeOption({ options: command.optsWithGlobals() }, 'state'));
    const execute = await load();
    exitCode = await execute({ arguments: command.args, options: command.optsWithGlobals() });
  };
  await buildProgram(action).parseAsync(argv);
  return exitCode;
}

function useState(url: string | undefined): void {
  if (url === undefined) return;
  process.env['KOPROGO_STATE'] = url;
  delete process.env['KOPROGO_STATE_FILE'];
}

function buildProgram(action: Action): Command {
  const program = ownWords(new Command('koprogo-infra'))
    .description(say('program'))
    .version(VERSION, '-V, --version', say('program.version'))
    .option('-i, --installation <name>', say('program.installation'))
    .option('--json', say('program.json'))
    .option('--lang <language>', say('program.lang'))
    .option('--state <url>', say('program.state'))
    .option('--verbose', say('program.verbose'))
    .exitOverride()
    .addHelpText('after', `\n${say('program.tryIt')}\n  koprogo-infra setup --target sandbox --yes\n\n${say('program.exitCodes')}`);
  setupCommands(program, action);
  volumeCommands(program, action);
  backupCommands(program, action);
  stackCommands(program, action);
  keysCommands(program, action);
  stateCommands(program, action);
  auditCommands(program, action);
  securityCommands(program, action);
  otherCommands(program, action);
  return program;
}
