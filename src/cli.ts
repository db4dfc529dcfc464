import { Command, Option } from 'commander';
import type { Invocation } from './commands/invocation.js';
import { QUESTIONS } from './setup/questions.js';
import { VERSION } from './version.js';

type Run = (invocation: Invocation) => Promise<number>;

const EXIT_CODES = `
Exit codes: 0 done · 2 wrong input, nothing changed · 3 failed · 4 degraded · 5 locked · 6 busy · 7 refused, to protect data · 130 interrupted`;

/**
 * Reads the command line and runs one command. Every command is imported only when it is called:
 * --help must not wait for libraries that it does not use.
 */
export async function run(argv: string[]): Promise<number> {
  let exitCode = 0;
  const action =
    (load: () => Promise<Run>) =>
    async (...input: unknown[]): Promise<void> => {
      const command = input.at(-1) as Command;
      const execute = await load();
      exitCode = await execute({ arguments: command.args, options: command.optsWithGlobals() });
    };
  const program = buildProgram(action);
  await program.parseAsync(argv);
  return exitCode;
}

function buildProgram(action: (load: () => Promise<Run>) => (...input: unknown[]) => Promise<void>): Command {
  const program = new Command('koprogo-infra')
    .description('Sets up and runs an encrypted, backed-up and restorable KoproGo server.')
    .version(VERSION)
    .option('-i, --installation <name>', 'which installation, where there are several (KOPROGO_INSTALLATION)')
    .option('--json', 'the result as JSON on standard output')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    .showHelpAfterError('(koprogo-infra --help lists the commands)')
    .exitOverride()
    .addHelpText('after', `\nTo try it without any account:\n  koprogo-infra setup --target sandbox --yes\n${EXIT_CODES}`);

  const setup = program
    .command('setup')
    .description('build and set up the server; run again, it goes on where it stopped and changes only what differs')
    .option('--answers <file>', 'answers as YAML or JSON')
    .option('-y, --yes', 'agree to what the plan says, take the proposed answers')
    .option('--non-interactive', 'never ask; everything that is missing is one error')
    .option('--plan', 'show the state of every step and what would change; change nothing')
    .option('--confirm-format <disk-id...>', 'agree to format these disks, by id')
    .addHelpText('after', example('setup --target sandbox --yes', 'setup --answers answers.yaml --plan'))
    .action(action(async () => (await import('./commands/setup.js')).setup));
  for (const { flag, ask, variable } of QUESTIONS) setup.addOption(new Option(flag, `${ask} (${variable})`));

  program
    .command('status')
    .description('server, services, volumes and newest backup at a glance')
    .addHelpText('after', example('status', 'status --json'))
    .action(action(async () => (await import('./commands/status.js')).status));

  const luks = group(program, 'luks', 'the encrypted volumes');
  luks
    .command('status')
    .description('per volume: disk, cipher, keyslots, how it unlocks, where it is mounted, and what it protects against')
    .addHelpText('after', example('luks status', 'luks status --json'))
    .action(action(async () => (await import('./commands/luks.js')).luksStatusCommand));
  luks
    .command('unlock')
    .description('open the volumes with their recovery passphrases and start what waits for them')
    .addHelpText('after', example('luks unlock'))
    .action(action(async () => (await import('./commands/luks.js')).luksUnlockCommand));

  const backup = group(program, 'backup', 'encrypted backups');
  backup
    .command('run')
    .description('make a backup now')
    .addHelpText('after', example('backup run'))
    .action(action(async () => (await import('./commands/backup.js')).backupRun));
  backup
    .command('list')
    .description('the backups in the bucket, the newest first')
    .addHelpText('after', example('backup list', 'backup list --json'))
    .action(action(async () => (await import('./commands/backup.js')).backupList));
  privateKeyOptions(backup.command('restore').argument('[id]', 'a backup id, or "latest"', 'latest'))
    .description('restore into a scratch database and compare every table with the manifest; the live database is not touched')
    .option('--in-place', 'then put the restored database in the place of the live one, which is kept under another name')
    .option('--keep', 'keep the scratch database')
    .option('-y, --yes', 'do not ask before the live database is replaced')
    .addHelpText('after', example('backup restore', 'backup restore 20261122T020000Z-1a2b3c --in-place'))
    .action(action(async () => (await import('./commands/backup.js')).backupRestore));
  privateKeyOptions(backup.command('verify').argument('[id]', 'a backup id, or "latest"', 'latest'))
    .description('download and decrypt a backup whole and compare its checksums; no database is needed')
    .addHelpText('after', example('backup verify latest'))
    .action(action(async () => (await import('./commands/backup.js')).backupVerify));
  backup
    .command('discard')
    .argument('<database>', 'the name that `backup restore --in-place` printed')
    .description('drop the database that an in-place restore replaced')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', example('backup discard koprogo_db_before_20261122T101500Z'))
    .action(action(async () => (await import('./commands/backup.js')).backupDiscard));
  program
    .command('recovery-kit')
    .description('write all that opens the backups and the disks to files in clear, for a safe place away from this computer')
    .requiredOption('--to <directory>', 'a directory that does not exist yet')
    .addHelpText('after', example('recovery-kit --to /media/usb/koprogo'))
    .action(action(async () => (await import('./commands/recovery-kit.js')).recoveryKit));

  const stack = group(program, 'stack', 'the containers of the app');
  stack
    .command('logs')
    .argument('[service]', 'traefik, postgres, backend or frontend')
    .description('the newest lines of the containers’ logs')
    .option('-n, --tail <lines>', 'how many lines of each', '100')
    .addHelpText('after', example('stack logs backend --tail 50'))
    .action(action(async () => (await import('./commands/stack.js')).stackLogsCommand));
  stack
    .command('restart')
    .argument('[service]', 'traefik, postgres, backend or frontend')
    .description('restart the containers and wait until they are healthy')
    .addHelpText('after', example('stack restart', 'stack restart backend'))
    .action(action(async () => (await import('./commands/stack.js')).stackRestartCommand));

  program
    .command('ssh')
    .argument('[command...]', 'what to run there; a shell without it')
    .description('a shell on the server, with the pinned host key')
    .addHelpText('after', example('ssh', 'ssh -- uptime'))
    .action(action(async () => (await import('./commands/ssh.js')).ssh));
  program
    .command('destroy')
    .description('remove what was created, and the secrets on this computer')
    .option('--confirm <name>', 'the name of the installation, instead of typing it')
    .option('-y, --yes', 'with --confirm: do not ask at a terminal either')
    .addHelpText('after', example('destroy', 'destroy --confirm sandbox --yes'))
    .action(action(async () => (await import('./commands/destroy.js')).destroy));
  program
    .command('doctor')
    .description('check what this computer needs, with the fix for each finding')
    .addHelpText('after', example('doctor', 'doctor --json'))
    .action(action(async () => (await import('./commands/doctor.js')).doctor));
  return program;
}

function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description).helpCommand(false);
}

function privateKeyOptions(command: Command): Command {
  return command
    .option('--private-key <file>', 'the armored recovery key; without it, the one in the encrypted state')
    .option('--passphrase-file <file>', 'its passphrase; without it, it is asked for');
}

function example(...lines: string[]): string {
  return `\nExample${lines.length > 1 ? 's' : ''}:\n${lines.map((line) => `  koprogo-infra ${line}`).join('\n')}`;
}
