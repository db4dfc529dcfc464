import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.js';
import { comparePipelines } from './pipelines.js';
import { countSshCommands } from './setup.js';
import { startUp } from './start-up.js';

const USAGE = `usage: npm run bench -- [--quick] [--no-setup]

Start-up of --help against bare node; the backup pipeline against pg_dump > /dev/null and against
pg_dump | gzip -9 | gpg | s3cmd put, on one PostgreSQL and one Ceph RGW; commands over SSH of a fresh set-up of a
sandbox, and of a second one.

  --quick     databases of 100 and 400 MB instead of 1 and 4 GB
  --no-setup  leave the sandbox out: it takes a virtual machine and, without KVM, a quarter of an hour
`;

export async function main(args: string[], root: string): Promise<number> {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean', default: false }, 'no-setup': { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!existsSync(join(root, 'dist', 'agent.mjs'))) {
    process.stderr.write('dist/ is missing: npm run build\n');
    return 2;
  }
  const say = (line = '') => process.stdout.write(`${line}\n`);
  for (const line of describeMachine()) say(line);
  say();
  const started = startUp(root, say);
  say();
  const compared = await comparePipelines({ root, gigabyte: values.quick ? 100 : 1050, say });
  say();
  const counted = values['no-setup'] || (await countSshCommands(root, say));
  if (values['no-setup']) say('set-up of a sandbox: left out, as asked');
  for (const line of describeMachine().slice(0, 1)) say(`at the end: ${line}`);
  return started && compared && counted ? 0 : 1;
}
