import { parseArgs } from 'node:util';
import { EXIT, type ExitCode, messageOf } from '../errors.js';
import { runAgentBackup } from './backup.js';

const USAGE = `usage: agent.mjs backup [--config FILE] [--result FILE] [--runtime DIRECTORY]

Makes one encrypted backup. Run by koprogo-backup.service on the server.
Exit status: 0 done, 2 wrong usage, 3 failed, 6 another backup is running.
`;

const options = { config: { type: 'string' }, result: { type: 'string' }, runtime: { type: 'string' }, help: { type: 'boolean' } } as const;

async function main(args: string[]): Promise<ExitCode> {
  let parsed;
  try {
    parsed = parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n${USAGE}`);
    return EXIT.usage;
  }
  const { values, positionals } = parsed;
  if (values.help === true) {
    process.stdout.write(USAGE);
    return EXIT.ok;
  }
  if (positionals.length !== 1 || positionals[0] !== 'backup') {
    process.stderr.write(USAGE);
    return EXIT.usage;
  }
  const interrupt = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      interrupt.abort(new Error(`interrupted by ${signal}`));
    });
  }
  return runAgentBackup({
    ...(values.config === undefined ? {} : { configFile: values.config }),
    ...(values.result === undefined ? {} : { resultFile: values.result }),
    ...(values.runtime === undefined ? {} : { runtimeDirectory: values.runtime }),
    invocation: process.env['INVOCATION_ID'] ?? '',
    signal: interrupt.signal,
    log: (line) => process.stdout.write(`${line}\n`),
  });
}

// Idle connections to the storage must not keep the unit running.
process.exit(await main(process.argv.slice(2)));
