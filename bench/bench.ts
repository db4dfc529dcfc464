import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { describeMachine } from './machine.js';
import { comparePipelines } from './pipelines.js';
import { countSshCommands } from './setup.js';
import { startUp } from './start-up.js';
import { measureState } from './state.js';

const USAGE = `usage: npm run bench -- [--quick] [--no-setup] [--only PART]

Start-up of --help against bare node; the backup pipeline against pg_dump > /dev/null and against
pg_dump | gzip -9 | gpg | s3cmd put, on one PostgreSQL and one Ceph RGW; saving and loading a checkpoint with and without
encryption on SQLite, PostgreSQL, Redis and S3, and bulk encryption beside bare AES-256-GCM; commands over SSH of a fresh
set-up of a sandbox, and of a second one.

  --quick     databases of 100 and 400 MB instead of 1 and 4 GB
  --only      start-up, pipelines, state or setup
  --no-setup  leave the sandbox out: it takes a virtual machine and, without KVM, a quarter of an hour
`;

export async function main(args: string[], root: string): Promise<number> {
  const { values } = parseArgs({ args, options: { quick: { type: 'boolean', default: false }, 'no-setup': { type: 'boolean', default: false }, only: { type: 'string' }, help: { type: 'boolean', default: false } } });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (!existsSync(join(root, 'dist', 'agent.mjs'))) {
    process.stderr.write('dist/ is missing: npm run build\n');
    return 2;
  }
  const say = (line = '') => process.stdout.write(`${line}\n`);
  const parts: Record<string, () => boolean | Promise<boolean>> = {
    'start-up': () => startUp(root, say),
    pipelines: () => comparePipelines({ root, gigabyte: values.quick ? 100 : 1050, say }),
    state: () => measureState(root, say),
    setup: () => countSshCommands(root, say),
  };
  if (values.only !== undefined && !(values.only in parts)) {
    process.stderr.write(`--only ${values.only} is none of ${Object.keys(parts).join(', ')}\n`);
    return 2;
  }
  for (const line of describeMachine()) say(line);
  let kept = true;
  for (const [name, measure] of Object.entries(parts)) {
    if (values.only !== undefined && name !== values.only) continue;
    say();
    if (name === 'setup' && values['no-setup']) say('set-up of a sandbox: left out, as asked');
    else kept = (await measure()) && kept;
  }
  for (const line of describeMachine().slice(0, 1)) say(`at the end: ${line}`);
  return kept ? 0 : 1;
}
