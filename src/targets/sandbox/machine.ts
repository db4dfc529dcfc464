import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { LocalHost } from '../../edges/process.js';
import { EXIT, InfraError, messageOf } from '../../errors.js';
import { pidOf } from './daemons.js';
import { disksDown, disksUp } from './disks.js';
import { layout } from './layout.js';
import { objectStoreDown, objectStoreUp } from './object-store.js';
import { disksSpec, downSpec, objectStoreSpec, serverSpec } from './spec.js';
import { serverUp, stopServer } from './vm.js';
import { say } from './words.js';

/**
 * What Terraform's provisioners run: `node machine.js VERB`, with what it is about as JSON in KOPROGO_SPEC.
 * Every verb may be repeated: "up" finds what is there, "down" what is already gone.
 */
const VERBS: Readonly<Record<string, (spec: unknown) => Promise<void>>> = {
  'disks-up': (spec) => disksUp(disksSpec.parse(spec), new LocalHost()),
  'disks-down': (spec) => disksDown(downSpec.parse(spec).directory),
  'object-store-up': (spec) => {
    const { directory, port } = objectStoreSpec.parse(spec);
    return objectStoreUp(layout(directory).objectStore, port);
  },
  'object-store-down': (spec) => objectStoreDown(layout(downSpec.parse(spec).directory).objectStore),
  'server-up': (spec) => serverUp(serverSpec.parse(spec)),
  'server-down': (spec) => stopServer(downSpec.parse(spec).directory),
};

const OTHER_SECONDS = 120;

/** When the set-up is killed, Terraform goes, and this work must not go on unseen beside the next set-up. */
function endWithParent(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(EXIT.interrupted);
  }, 200).unref();
}

/** Waits for the same program at work on the same sandbox, left over from a killed set-up and about to notice it. */
async function oneAtATime(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const other = { program: basename(process.execPath), pidFile: join(directory, 'work.pid'), marker: 'machine.js' };
  const end = Date.now() + OTHER_SECONDS * 1000;
  while ((await pidOf(other)) !== undefined) {
    await sleep(200);
    if (Date.now() > end) throw new InfraError(say('machine.busy', { directory }), { exitCode: EXIT.busy, hints: [`ps -fp $(cat ${other.pidFile})`] });
  }
  await writeFile(other.pidFile, String(process.pid));
}

/** The password of the server for Terraform's state is not for the daemons that are started here: they outlive the run. */
function dropStatePassword(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('TF_HTTP_')) Reflect.deleteProperty(process.env, name);
}

try {
  dropStatePassword();
  endWithParent();
  const verb = VERBS[process.argv[2] ?? ''];
  if (!verb) throw new InfraError(`usage: machine.js ${Object.keys(VERBS).join('|')}`, { exitCode: EXIT.usage });
  const spec: unknown = JSON.parse(process.env['KOPROGO_SPEC'] ?? '{}');
  await oneAtATime(downSpec.parse(spec).directory);
  await verb(spec);
} catch (error) {
  const known = error instanceof InfraError || error instanceof z.ZodError;
  process.stderr.write(`${known ? messageOf(error) : error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
  if (error instanceof InfraError) for (const hint of error.hints) process.stderr.write(`  ${hint}\n`);
  process.exitCode = error instanceof InfraError ? error.exitCode : EXIT.bug;
}
