import type { Command } from 'commander';
import { type Action, example, group } from './shared.js';
import { say } from './words.js';

export function keysCommands(program: Command, action: Action): void {
  const keys = group(program, 'keys', say('keys'));
  keys
    .command('status')
    .description(say('keys.status'))
    .addHelpText('after', example('keys status', 'keys status --json'))
    .action(action(async () => (await import('../commands/keys.js')).keysStatus));
  keys
    .command('generate')
    .description(say('keys.generate'))
    .addHelpText('after', example('keys generate >master.key'))
    .action(action(async () => (await import('../commands/keys.js')).keysGenerate));
  keys
    .command('rotate')
    .description(say('keys.rotate'))
    .addHelpText('after', example('keys rotate'))
    .action(action(async () => (await import('../commands/keys.js')).keysRotate));
  keys
    .command('migrate')
    .description(say('keys.migrate'))
    .option('--re-encrypt', say('keys.reEncrypt'))
    .option('--from-start', say('keys.fromStart'))
    .addHelpText('after', `${example('keys migrate', 'keys migrate --re-encrypt')}\n\n${say('keys.whenToReEncrypt')}`)
    .action(action(async () => (await import('../commands/keys.js')).keysMigrate));
  keys
    .command('retire')
    .argument('<key>', say('keys.version'))
    .description(say('keys.retire'))
    .addHelpText('after', example('keys retire 1'))
    .action(action(async () => (await import('../commands/keys.js')).keysRetire));
  keys
    .command('protect')
    .description(say('keys.protect'))
    .option('--remove-passphrase', say('keys.removePassphrase'))
    .addHelpText('after', example('keys protect'))
    .action(action(async () => (await import('../commands/keys.js')).keysProtect));
  keys
    .command('split')
    .description(say('keys.split'))
    .option('--shares <n>', say('keys.shares'), '3')
    .option('--threshold <n>', say('keys.threshold'), '2')
    .option('--to <directory>', say('keys.splitTo'))
    .addHelpText('after', example('keys split', 'keys split --shares 5 --threshold 3 --to /media/usb/shares'))
    .action(action(async () => (await import('../commands/keys-shares.js')).keysSplit));
  keys
    .command('combine')
    .argument('[file...]', say('keys.sheets'))
    .description(say('keys.combine'))
    .option('--to <directory>', say('keys.combineTo'))
    .option('--private-key <file>', say('keys.privateKey'))
    .addHelpText('after', example('keys combine share-1-of-3.txt share-3-of-3.txt --to restored-key'))
    .action(action(async () => (await import('../commands/keys-shares.js')).keysCombine));
  keys
    .command('rehearse')
    .argument('[file...]', say('keys.sheets'))
    .description(say('keys.rehearse'))
    .option('--private-key <file>', say('keys.privateKey'))
    .addHelpText('after', example('keys rehearse share-1-of-3.txt share-2-of-3.txt'))
    .action(action(async () => (await import('../commands/keys-shares.js')).keysRehearse));
}
