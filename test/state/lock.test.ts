import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { hostname } from 'node:os';
import { expect, it } from 'vitest';
import { EXIT } from '../../src/errors.js';
import type { Store } from '../../src/state/installations.js';
import { breakLock, installationLock, readLock, TAKE_OVER } from '../../src/state/lock.js';
import { machineId } from '../../src/state/process-identity.js';
import { speak } from '../../src/words.js';
import { testStore } from '../fixtures/store.js';

const LOCK = { installation: 'main', kind: 'lock', name: 'installation' };

/** A process that has certainly ended, and could have held the lock. */
async function deadOwner(over: object = {}) {
  const child = spawn('true');
  await once(child, 'exit');
  return { token: 'a'.repeat(32), pid: child.pid, started: 'boot:1', host: hostname(), machine: await machineId(), user: 'root', purpose: 'setup', since: new Date().toISOString(), ...over };
}
async function write(store: Store, owner: object): Promise<void> {
  await store.objects.write(LOCK, Buffer.from(JSON.stringify(owner)), (await store.objects.stat(LOCK)) ?? 'absent');
}

it('is had by one at a time, and the second is told by whom', async () => {
  const store = await testStore();
  const lock = await store.lock('main', 'setup');
  const other = await store.lock('other', 'setup');
  await expect(store.lock('main', 'destroy')).rejects.toMatchObject({
    exitCode: EXIT.busy,
    message: expect.stringMatching(new RegExp(`installation main is in use: setup, by .*, process ${process.pid} on ${hostname()}, since 20`)) as string,
  });
  await lock.release();
  await lock.release();
  await (await store.lock('main', 'destroy')).release();
  await other.release();
  expect(await store.objects.list()).toEqual([]);
});

it('of a dead process is taken over, also when its pid runs again as another process', async () => {
  const store = await testStore();
  await write(store, await deadOwner());
  await (await store.lock('main', 'setup')).release();
  await write(store, await deadOwner({ pid: process.pid }));
  await (await store.lock('main', 'setup')).release();
  expect(await readLock(store.objects, installationLock('main'))).toBeUndefined();
});

it('of another computer stays, also of one with the same name, until somebody breaks it', async () => {
  const store = await testStore();
  for (const over of [{ host: 'elsewhere' }, { machine: 'another' }]) {
    await write(store, await deadOwner(over));
    await expect(store.lock('main', 'setup')).rejects.toMatchObject({ hints: expect.arrayContaining([expect.stringContaining('koprogo-infra state unlock')]) as string[] });
  }
  await breakLock(store.objects, installationLock('main'));
  await breakLock(store.objects, installationLock('main'));
  await (await store.lock('main', 'setup')).release();
});

it('tells its purpose in the language of who meets it, whatever language who took it speaks', async () => {
  const store = await testStore();
  speak('fr');
  const lock = await store.lock('main', TAKE_OVER);
  await expect(store.lock('main', 'setup')).rejects.toThrow(/: en cours d’utilisation \(reprise de l’ancien format, par /);
  speak('en');
  await expect(store.lock('main', 'setup')).rejects.toThrow(/in use: take over the previous format, by /);
  expect((await readLock(store.objects, installationLock('main')))?.owner.purpose).toBe('take-over');
  await lock.release();
});

it('of another version is not guessed at', async () => {
  const store = await testStore();
  await write(store, { pid: 'x' });
  await expect(store.lock('main', 'setup')).rejects.toMatchObject({ exitCode: EXIT.busy, message: expect.stringContaining('another version') as string });
});

it('is not given back by somebody who lost it', async () => {
  const store = await testStore();
  const lock = await store.lock('main', 'setup');
  await breakLock(store.objects, installationLock('main'));
  const theirs = await store.lock('main', 'destroy');
  await lock.release();
  await expect(store.lock('main', 'setup')).rejects.toThrow(/in use: destroy/);
  await theirs.release();
});

it('of the dead is won by exactly one of many, again and again', { timeout: 120_000 }, async () => {
  const store = await testStore();
  for (let round = 0; round < 20; round++) {
    await write(store, await deadOwner({ token: round.toString(16).padStart(32, '0') }));
    // Staggered, so that some read the dead owner just before another has taken over.
    const takers = Array.from({ length: 16 }, async (_, taker) => {
      for (let turn = 0; turn < taker * 3; turn++) await new Promise((resolve) => setImmediate(resolve));
      return store.lock('main', 'race');
    });
    const won = (await Promise.allSettled(takers)).filter((result) => result.status === 'fulfilled');
    expect(won).toHaveLength(1);
    await won[0]?.value.release();
  }
  expect(await store.objects.list()).toEqual([]);
});
