import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { pidOf, stopDaemon } from '../../src/targets/sandbox/daemons.js';

let directory: string;
let pidFile: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'koprogo-daemons-'));
  pidFile = join(directory, 'pid');
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true, force: true });
});

async function running(body: string): Promise<ChildProcess> {
  const child = spawn('bash', ['-c', `${body}; echo ready; while :; do sleep 0.1; done`, 'bash', join(directory, 'ours.conf')], { stdio: ['ignore', 'pipe', 'ignore'] });
  children.push(child);
  await once(child.stdout, 'data');
  await writeFile(pidFile, `${String(child.pid)}\n`);
  return child;
}

const ours = () => ({ program: 'bash', pidFile, marker: join(directory, 'ours.conf') });

it('knows its own process, and no other that has the same number', async () => {
  const child = await running(':');
  expect(await pidOf(ours())).toBe(child.pid);
  expect(await pidOf({ ...ours(), program: 'qemu-system-x86_64' })).toBeUndefined();
  expect(await pidOf({ ...ours(), marker: '/somewhere/else.conf' })).toBeUndefined();
});

it.each(['', 'x', '-1', '0', '1', '99999999', '12 34'])('takes the pid file "%s" for a daemon that does not run', async (content) => {
  await writeFile(pidFile, content);
  expect(await pidOf(ours())).toBeUndefined();
});

it('leaves a foreign process alone', async () => {
  const child = await running(':');
  await stopDaemon({ ...ours(), marker: '/somewhere/else.conf' });
  expect(child.exitCode ?? child.signalCode).toBeNull();
});

it('ends its own, politely where that works', async () => {
  const child = await running('trap "exit 7" TERM');
  await stopDaemon(ours());
  expect(child.exitCode).toBe(7);
});

it('ends its own also when it does not listen', async () => {
  const child = await running('trap "" TERM');
  await stopDaemon(ours(), 0.3);
  expect(await pidOf(ours())).toBeUndefined();
  if (child.signalCode === null) await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
});
