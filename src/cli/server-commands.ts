import { type Command, Option } from 'commander';
import { QUESTIONS } from '../setup/questions.js';
import { fillIn } from '../words.js';
import { type Action, example, group } from './shared.js';
import { say } from './words.js';

export function setupCommands(program: Command, action: Action): void {
  const setup = program
    .command('setup')
    .description(say('setup'))
    .option('--answers <file>', say('setup.answers'))
    .option('-y, --yes', say('setup.yes'))
    .option('--non-interactive', say('setup.nonInteractive'))
    .option('--print-answers', say('setup.printAnswers'))
    .option('--plan', say('setup.plan'))
    .option('--confirm-format <disk-id...>', say('setup.confirmFormat'))
    .option('--confirm-replace <server>', say('setup.confirmReplace'))
    .addHelpText('after', example('setup --target sandbox --yes', 'setup --print-answers >answers.yaml', 'setup --answers answers.yaml --plan'))
    .action(action(async () => (await import('../commands/setup.js')).setup));
  for (const { flag, ask, variable } of QUESTIONS) setup.addOption(new Option(flag, `${fillIn(ask)} (${variable})`));

  program
    .command('status')
    .description(say('status'))
    .option('--all', say('status.all'))
    .addHelpText('after', example('status', 'status --json', 'status --all'))
    .action(action(async () => (await import('../commands/status.js')).status));
  program
    .command('list')
    .description(say('list'))
    .addHelpText('after', example('list', 'list --json'))
    .action(action(async () => (await import('../commands/fleet.js')).list));
}

export function volumeCommands(program: Command, action: Action): void {
  const luks = group(program, 'luks', say('luks'));
  luks
    .command('status')
    .description(say('luks.status'))
    .addHelpText('after', example('luks status', 'luks status --json'))
    .action(action(async () => (await import('../commands/luks.js')).luksStatusCommand));
  luks
    .command('unlock')
    .description(say('luks.unlock'))
    .addHelpText('after', example('luks unlock'))
    .action(action(async () => (await import('../commands/luks.js')).luksUnlockCommand));
}

export function stackCommands(program: Command, action: Action): void {
  const stack = group(program, 'stack', say('stack'));
  stack
    .command('logs')
    .argument('[service]', say('stack.service'))
    .description(say('stack.logs'))
    .option('-n, --tail <lines>', say('stack.tail'), '100')
    .addHelpText('after', example('stack logs backend --tail 50'))
    .action(action(async () => (await import('../commands/stack.js')).stackLogsCommand));
  stack
    .command('restart')
    .argument('[service]', say('stack.service'))
    .description(say('stack.restart'))
    .addHelpText('after', example('stack restart', 'stack restart backend'))
    .action(action(async () => (await import('../commands/stack.js')).stackRestartCommand));
  stack
    .command('admin-password')
    .description(say('stack.adminPassword'))
    .option('--reset', say('stack.reset'))
    .addHelpText('after', example('stack admin-password', 'stack admin-password --reset'))
    .action(action(async () => (await import('../commands/stack.js')).stackAdminPassword));
}

/** Beside the server's own: a shell on it, its end, and what is needed before there is one. */
export function otherCommands(program: Command, action: Action): void {
  program
    .command('ssh')
    .argument('[command...]', say('ssh.command'))
    .description(say('ssh'))
    .addHelpText('after', example('ssh', 'ssh -- uptime'))
    .action(action(async () => (await import('../commands/ssh.js')).ssh));
  program
    .command('destroy')
    .description(say('destroy'))
    .option('--confirm <name>', say('destroy.confirm'))
    .option('--with-data <name...>', say('destroy.withData'))
    .option('-y, --yes', say('destroy.yes'))
    .addHelpText('after', example('destroy', 'destroy --confirm sandbox --yes'))
    .action(action(async () => (await import('../commands/destroy.js')).destroy));
  program
    .command('doctor')
    .description(say('doctor'))
    .option('--openrc <file>', say('doctor.openrc'))
    .option('--region <name>', say('doctor.region'))
    .option('--flavor <name>', say('doctor.flavor'))
    .addHelpText('after', example('doctor', 'doctor --json', 'doctor --openrc openrc.sh', 'doctor --installation tilleuls'))
    .action(action(async () => (await import('../commands/doctor.js')).doctor));
}
