import { Command, Option } from 'commander';
import { type Invocation, placeOption } from './commands/invocation.js';
import { QUESTIONS } from './setup/questions.js';
import { VERSION } from './version.js';

type Run = (invocation: Invocation) => Promise<number>;
type Action = (load: () => Promise<Run>) => (...input: unknown[]) => Promise<void>;

const EXIT_CODES = `
Exit codes: 0 done · 2 wrong input, nothing changed · 3 failed · 4 degraded · 5 locked · 6 busy · 7 refused, to protect data · 130 interrupted`;

const WHEN_TO_RE_ENCRYPT = `
Without --re-encrypt the data keys are wrapped anew and the contents stay as they are, byte for byte: enough for a rotation by the
calendar, another key or another key service. With it nothing that is stored can be read with a data key from before: wanted when an
old version of the key, the memory of a computer, or a data key may have come into wrong hands together with access to the store.
What was copied from the store before stays readable to whoever has its key: then change the secrets in it too.`;

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
      useState(placeOption({ options: command.optsWithGlobals() }, 'state'));
      const execute = await load();
      exitCode = await execute({ arguments: command.args, options: command.optsWithGlobals() });
    };
  const program = buildProgram(action);
  await program.parseAsync(argv);
  return exitCode;
}

function useState(url: string | undefined): void {
  if (url === undefined) return;
  process.env['KOPROGO_STATE'] = url;
  delete process.env['KOPROGO_STATE_FILE'];
}

function buildProgram(action: Action): Command {
  const program = new Command('koprogo-infra')
    .description('Sets up and runs an encrypted, backed-up and restorable KoproGo server.')
    .version(VERSION)
    .option('-i, --installation <name>', 'which installation, where there are several (KOPROGO_INSTALLATION)')
    .option('--json', 'the result as JSON on standard output')
    .option('--lang <language>', 'en or fr (KOPROGO_LANG; else as the locale says)')
    .option('--state <url>', 'where the encrypted state is kept (KOPROGO_STATE); a URL with a password goes into KOPROGO_STATE_FILE')
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
    .option('--all', 'every installation, side by side')
    .addHelpText('after', example('status', 'status --json', 'status --all'))
    .action(action(async () => (await import('./commands/status.js')).status));
  program
    .command('list')
    .description('the installations that this computer knows; no server is asked')
    .addHelpText('after', example('list', 'list --json'))
    .action(action(async () => (await import('./commands/fleet.js')).list));

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

  keysCommands(program, action);
  stateCommands(program, action);
  auditCommands(program, action);
  securityCommands(program, action);

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
    .description('check what this computer needs, with the fix for each finding; with --openrc, what an OpenStack project needs')
    .option('--openrc <file>', 'log in to the OpenStack project of this file (OVH) and look at roles, region, flavor, image, network and quota; nothing is changed')
    .option('--region <name>', 'with --openrc: another region than the one in the file')
    .option('--flavor <name>', 'with --openrc: the size of the server (d2-4)')
    .addHelpText('after', example('doctor', 'doctor --json', 'doctor --openrc openrc.sh'))
    .action(action(async () => (await import('./commands/doctor.js')).doctor));
  return program;
}

function keysCommands(program: Command, action: Action): void {
  const keys = group(program, 'keys', 'the keys that all stored data are encrypted under');
  keys
    .command('status')
    .description('each version of the key, its age, and how much still needs it')
    .addHelpText('after', example('keys status', 'keys status --json'))
    .action(action(async () => (await import('./commands/keys.js')).keysStatus));
  keys
    .command('generate')
    .description('print a new master key for MASTER_ENCRYPTION_KEY')
    .addHelpText('after', example('keys generate >master.key'))
    .action(action(async () => (await import('./commands/keys.js')).keysGenerate));
  keys
    .command('rotate')
    .description('make a new version of the key; what is stored stays readable')
    .addHelpText('after', example('keys rotate'))
    .action(action(async () => (await import('./commands/keys.js')).keysRotate));
  keys
    .command('migrate')
    .description('bring everything that is stored under the current key; broken off, it goes on the next time')
    .option('--re-encrypt', 'also give every object a fresh data key and encrypt its content anew')
    .option('--from-start', 'with --re-encrypt: do not go on with a run that was broken off, do all of it again')
    .addHelpText('after', `${example('keys migrate', 'keys migrate --re-encrypt')}\n${WHEN_TO_RE_ENCRYPT}`)
    .action(action(async () => (await import('./commands/keys.js')).keysMigrate));
  keys
    .command('retire')
    .argument('<key>', 'an old version, as `keys status` names it')
    .description('give an old version of the key up for good; refused while anything needs it')
    .addHelpText('after', example('keys retire 1'))
    .action(action(async () => (await import('./commands/keys.js')).keysRetire));
  keys
    .command('protect')
    .description('set or change the passphrase of the key file on this computer')
    .option('--remove-passphrase', 'leave the key file without one')
    .addHelpText('after', example('keys protect'))
    .action(action(async () => (await import('./commands/keys.js')).keysProtect));
  keys
    .command('split')
    .description('sheets of paper for several people, some of which together open the backups')
    .option('--shares <n>', 'how many sheets', '3')
    .option('--threshold <n>', 'how many of them are needed', '2')
    .option('--to <directory>', 'write them to files in a new directory, instead of showing one at a time')
    .addHelpText('after', example('keys split', 'keys split --shares 5 --threshold 3 --to /media/usb/shares'))
    .action(action(async () => (await import('./commands/keys-shares.js')).keysSplit));
  keys
    .command('combine')
    .argument('[file...]', 'sheets; without any, they are typed in')
    .description('the recovery key and its passphrase again, from enough sheets')
    .option('--to <directory>', 'a new directory, for the key and its passphrase in clear')
    .option('--private-key <file>', 'the private key, where the sheets come without it')
    .addHelpText('after', example('keys combine share-1-of-3.txt share-3-of-3.txt --to restored-key'))
    .action(action(async () => (await import('./commands/keys-shares.js')).keysCombine));
  keys
    .command('rehearse')
    .argument('[file...]', 'sheets; without any, they are typed in')
    .description('prove that these sheets open the backups, writing nothing of the key; the date is recorded')
    .option('--private-key <file>', 'the private key, where the sheets come without it')
    .addHelpText('after', example('keys rehearse share-1-of-3.txt share-2-of-3.txt'))
    .action(action(async () => (await import('./commands/keys-shares.js')).keysRehearse));
}

function stateCommands(program: Command, action: Action): void {
  const state = group(program, 'state', 'what is remembered of the installations, encrypted');
  state
    .command('list')
    .description('every stored object by name, with its size, time and key')
    .addHelpText('after', example('state list', 'state list --json'))
    .action(action(async () => (await import('./commands/state.js')).stateList));
  state
    .command('show')
    .argument('<document>', 'its name, as `state list` shows it')
    .description('one document as JSON, in clear')
    .option('--reveal', 'show it, secrets included')
    .addHelpText('after', example('state show answers --reveal'))
    .action(action(async () => (await import('./commands/state.js')).stateShow));
  state
    .command('export')
    .description('all documents into one encrypted file, which the same keys open')
    .requiredOption('--to <file>', 'a file that does not exist yet')
    .addHelpText('after', example('state export --to koprogo-state.kpen'))
    .action(action(async () => (await import('./commands/state-transfer.js')).stateExport));
  state
    .command('import')
    .argument('<file>', 'a file that `state export` wrote')
    .description('documents of an export into the present state; newer ones are not written over')
    .option('--replace', 'write over newer ones too')
    .addHelpText('after', example('state import koprogo-state.kpen'))
    .action(action(async () => (await import('./commands/state-transfer.js')).stateImport));
  state
    .command('migrate')
    .description('everything into another place, read back and compared; broken off, it can be repeated')
    .option('--to <url>', 'the new place, as KOPROGO_STATE would name it')
    .option('--settings <file>', 'settings of the new place as NAME=value lines: KOPROGO_STATE, KMS_PROVIDER, …')
    .option('--replace', 'write over documents there that are newer')
    .addHelpText('after', example('state migrate --to postgres://koprogo@db.example.org/koprogo', 'state migrate --settings vault.env'))
    .action(action(async () => (await import('./commands/state-transfer.js')).stateMigrate));
  state
    .command('unlock')
    .description('break the lock of a command that has ended without giving it back, on another computer')
    .option('--keys', 'the lock of the keys instead of that of an installation')
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', example('state unlock', 'state unlock --installation tilleuls'))
    .action(action(async () => (await import('./commands/state.js')).stateUnlock));
  state
    .command('accept')
    .argument('<document>', 'its name, as the error named it')
    .description('take an older content for right that you have put back yourself')
    .addHelpText('after', example('state accept answers'))
    .action(action(async () => (await import('./commands/state.js')).stateAccept));
}

function securityCommands(program: Command, action: Action): void {
  group(program, 'security', 'how well keys and stored data are protected')
    .command('report')
    .description('what was asked for beside what was found: keys, memory, audit log, FIPS')
    .addHelpText('after', example('security report', 'security report --json'))
    .action(action(async () => (await import('./commands/security.js')).securityReport));
}

function auditCommands(program: Command, action: Action): void {
  const audit = group(program, 'audit', 'the log of every operation on keys and stored data');
  audit
    .command('verify')
    .description('find any line that was altered, removed, added or moved')
    .option('--file <file>', 'another log than the present one')
    .addHelpText('after', example('audit verify', 'audit verify --json'))
    .action(action(async () => (await import('./commands/audit.js')).auditVerify));
  audit
    .command('show')
    .description('the newest entries, the newest last')
    .option('--file <file>', 'another log than the present one')
    .option('--operation <name...>', 'only these: encrypt, decrypt, rotate, …')
    .option('--object <text>', 'only objects whose name holds this')
    .option('--key <text>', 'only this key')
    .option('--result <text>', 'ok, begun, or an error')
    .option('--since <time>', 'from this time on: 2026-11-22 or 2026-11-22T10:00Z')
    .option('--until <time>', 'until this time')
    .option('--last <n>', 'how many at most (50)')
    .addHelpText('after', example('audit show --operation rotate retire', 'audit show --object recovery-key --last 10'))
    .action(action(async () => (await import('./commands/audit.js')).auditShow));
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
