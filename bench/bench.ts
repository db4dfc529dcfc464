import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.js';
import { comparePipelines } from './pipelines.js';
import { startUp } from './start-up.js';

const USAGE = `usage: npm run bench -- [--quick]

Start-up of --help against bare node, and the backup pipeline against pg_dump > /dev/null and against
pg_dump | gzip -9 | gpg | s3cmd put, on one PostgreSQL and one Ceph RGW. --quick: 100 and 400 MB instead of 1 and 4 GB.
`;

export async function main(args: string[], root: string): Promise<number> {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean', default: false }, help: { type: 'boolean', default: false } } });
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
  for (const line of describeMachine().slice(0, 1)) say(`at the end: ${line}`);
  return started && compared ? 0 : 1;
}
