import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { EXIT } from '../../src/errors.js';
import { stateRoot } from '../../src/state/installations.js';
import { lockInstallation } from '../../src/state/lock.js';

let home: string;
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'koprogo-lock-'));
  vi.stubEnv('XDG_STATE_HOME', home);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(home, { recursive: true, force: true });
});

/** A process that has certainly ended, and could have held the lock. */
async function deadOwner(over: object = {}) {
  const child = spawn('true');
  await once(child, 'exit');
  return { token: 'a'.repeat(32), pid: child.pid, started: 'boot:1', host: hostname(), purpose: 'setup', since: new Date().toISOString(), ...over };
}
const write = async (owner: object, suffix = '') => {
  await (await lockInstallation('warm-up', 'make the directory')).release();
  await writeFile(join(stateRoot(), `main.lock${suffix}`), JSON.stringify(owner));
};

it('is had by one at a time, and the second is told by whom', async () => {
  const lock = await lockInstallation('main', 'setup');
  const other = await lockInstallation('other', 'setup');
  await expect(lockInstallation('main', 'destroy')).rejects.toMatchObject({
    exitCode: EXIT.busy,
    message: expect.stringMatching(new RegExp(`installation main is in use: setup, process ${process.pid} on this computer, since 20`)) as string,
  });
  await lock.release();
  await lock.release();
  await (await lockInstallation('main', 'destroy')).release();
  await other.release();
  expect(await readdir(stateRoot())).toEqual([]);
});

it('of a dead process is taken over, also when its pid runs again as another process', async () => {
  await write(await deadOwner());
  await (await lockInstallation('main', 'setup')).release();
  await write(await deadOwner({ pid: process.pid }));
  await (await lockInstallation('main', 'setup')).release();
  expect(await readdir(stateRoot())).toEqual([]);
});

it('of a process that died while it took over is taken over too', async () => {
  await write(await deadOwner());
  await write(await deadOwner({ token: 'b'.repeat(32) }), `.${'a'.repeat(32)}`);
  const lock = await lockInstallation('main', 'setup');
  await expect(lockInstallation('main', 'setup')).rejects.toMatchObject({ exitCode: EXIT.busy });
  await lock.release();
  expect(await readdir(stateRoot())).toEqual([]);
});

it('of another computer stays, with the way out', async () => {
  await write(await deadOwner({ host: 'elsewhere' }));
  await expect(lockInstallation('main', 'setup')).rejects.toMatchObject({
    message: expect.stringContaining('on elsewhere') as string,
    hints: expect.arrayContaining([expect.stringContaining('rm ')]) as string[],
  });
});

it('that is damaged stays and is named', async () => {
  await write(await deadOwner());
  await writeFile(join(stateRoot(), 'main.lock'), '{"pid":');
  await expect(lockInstallation('main', 'setup')).rejects.toThrow(/main.lock is damaged/);
});

it('of the dead is won by exactly one of many, again and again', { timeout: 120_000 }, async () => {
  for (let round = 0; round < 20; round++) {
    await write(await deadOwner({ token: round.toString(16).padStart(32, '0') }));
    // Staggered, so that some read the dead owner just before another has taken over.
    const takers = Array.from({ length: 16 }, async (_, taker) => {
      for (let turn = 0; turn < taker * 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      return lockInstallation('main', 'race');
    });
    const won = (await Promise.allSettled(takers)).filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    await won[0]?.value.release();
  }
  expect((await readdir(stateRoot())).filter((file) => file.startsWith('main'))).toEqual([]);
});
