import type { Command } from 'commander';
import { type Action, example, group } from './shared.js';
import { say } from './words.js';

export function stateCommands(program: Command, action: Action): void {
  const state = group(program, 'state', say('state'));
  state
    .command('list')
    .description(say('state.list'))
    .addHelpText('after', example('state list', 'state list --json'))
    .action(action(async () => (await import('../commands/state.js')).stateList));
  state
    .command('show')
    .argument('<document>', say('state.document'))
    .description(say('state.show'))
    .option('--reveal', say('state.reveal'))
    .addHelpText('after', example('state show answers --reveal'))
    .action(action(async () => (await import('../commands/state.js')).stateShow));
  state
    .command('export')
    .description(say('state.export'))
    .requiredOption('--to <file>', say('state.exportTo'))
    .addHelpText('after', example('state export --to koprogo-state.kpen'))
    .action(action(async () => (await import('../commands/state-transfer.js')).stateExport));
  state
    .command('import')
    .argument('<file>', say('state.file'))
    .description(say('state.import'))
    .option('--replace', say('state.importReplace'))
    .addHelpText('after', example('state import koprogo-state.kpen'))
    .action(action(async () => (await import('../commands/state-transfer.js')).stateImport));
  state
    .command('migrate')
    .description(say('state.migrate'))
    .option('--to <url>', say('state.migrateTo'))
    .option('--settings <file>', say('state.settings'))
    .option('--replace', say('state.migrateReplace'))
    .addHelpText('after', example('state migrate --to postgres://koprogo@db.example.org/koprogo', 'state migrate --settings vault.env'))
    .action(action(async () => (await import('../commands/state-transfer.js')).stateMigrate));
  state
    .command('unlock')
    .description(say('state.unlock'))
    .option('--keys', say('state.unlockKeys'))
    .option('-y, --yes', say('noQuestion'))
    .addHelpText('after', example('state unlock', 'state unlock --installation tilleuls'))
    .action(action(async () => (await import('../commands/state.js')).stateUnlock));
  state
    .command('accept')
    .argument('<document>', say('state.named'))
    .description(say('state.accept'))
    .addHelpText('after', example('state accept answers'))
    .action(action(async () => (await import('../commands/state.js')).stateAccept));
}

export function auditCommands(program: Command, action: Action): void {
  const audit = group(program, 'audit', say('audit'));
  audit
    .command('verify')
    .description(say('audit.verify'))
    .option('--file <file>', say('audit.file'))
    .addHelpText('after', example('audit verify', 'audit verify --json'))
    .action(action(async () => (await import('../commands/audit.js')).auditVerify));
  audit
    .command('show')
    .description(say('audit.show'))
    .option('--file <file>', say('audit.file'))
    .option('--operation <name...>', say('audit.operation'))
    .option('--object <text>', say('audit.object'))
    .option('--key <text>', say('audit.key'))
    .option('--result <text>', say('audit.result'))
    .option('--since <time>', say('audit.since'))
    .option('--until <time>', say('audit.until'))
    .option('--last <n>', say('audit.last'))
    .addHelpText('after', example('audit show --operation rotate retire', 'audit show --object recovery-key --last 10'))
    .action(action(async () => (await import('../commands/audit.js')).auditShow));
}

export function securityCommands(program: Command, action: Action): void {
  group(program, 'security', say('security'))
    .command('report')
    .description(say('security.report'))
    .addHelpText('after', example('security report', 'security report --json'))
    .action(action(async () => (await import('../commands/security.js')).securityReport));
}
