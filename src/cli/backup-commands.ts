import type { Command } from 'commander';
import { type Action, example, group } from './shared.js';
import { say } from './words.js';

export function backupCommands(program: Command, action: Action): void {
  const backup = group(program, 'backup', say('backup'));
  backup
    .command('run')
    .description(say('backup.run'))
    .addHelpText('after', example('backup run'))
    .action(action(async () => (await import('../commands/backup.js')).backupRun));
  backup
    .command('list')
    .description(say('backup.list'))
    .addHelpText('after', example('backup list', 'backup list --json'))
    .action(action(async () => (await import('../commands/backup.js')).backupList));
  privateKeyOptions(backup.command('restore').argument('[id]', say('backup.id'), 'latest'))
    .description(say('backup.restore'))
    .option('--in-place', say('backup.inPlace'))
    .option('--keep', say('backup.keep'))
    .option('-y, --yes', say('backup.yes'))
    .addHelpText('after', example('backup restore', 'backup restore 20261122T020000Z-1a2b3c --in-place'))
    .action(action(async () => (await import('../commands/backup.js')).backupRestore));
  privateKeyOptions(backup.command('verify').argument('[id]', say('backup.id'), 'latest'))
    .description(say('backup.verify'))
    .addHelpText('after', example('backup verify latest'))
    .action(action(async () => (await import('../commands/backup.js')).backupVerify));
  backup
    .command('discard')
    .argument('<database>', say('backup.database'))
    .description(say('backup.discard'))
    .option('-y, --yes', say('noQuestion'))
    .addHelpText('after', example('backup discard koprogo_db_before_20261122T101500Z'))
    .action(action(async () => (await import('../commands/backup.js')).backupDiscard));
  program
    .command('recovery-kit')
    .description(say('recoveryKit'))
    .requiredOption('--to <directory>', say('recoveryKit.to'))
    .addHelpText('after', example('recovery-kit --to /media/usb/koprogo'))
    .action(action(async () => (await import('../commands/recovery-kit.js')).recoveryKit));
}

function privateKeyOptions(command: Command): Command {
  return command
    .option('--private-key <file>', say('backup.privateKey'))
    .option('--passphrase-file <file>', say('backup.passphraseFile'));
}
