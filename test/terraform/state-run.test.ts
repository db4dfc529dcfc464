import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/errors.js';
import { silent } from '../../src/progress.js';
import { thisProcess } from '../../src/terraform/process-holder.js';
import { StateNotStored } from '../../src/terraform/state-errors.js';
import { StateLocked } from '../../src/terraform/state-store.js';
import { fingerprint } from '../../src/terraform/state-format.js';
import { type RunMode, StateRun } from '../../src/terraform/state-run.js';
import { breakLock } from '../../src/terraform/state-store.js';
import { lockOf, MemoryTerraformState, stateBytes, type StateParts } from '../fixtures/memory-terraform-state.js';

let store: MemoryTerraformState;
let folder: string;
let notes: string[];
beforeEach(async () => {
  store = new MemoryTerraformState();
  folder = await mkdtemp(join(tmpdir(), 'koprogo-run-'));
  notes = [];
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const begin = (mode: RunMode = 'apply') => StateRun.begin({ store, mode, folder, progress: { ...silent, note: (text) => void notes.push(text) }, storeSeconds: 0.3 });

/** A run as Terraform makes it: lock, read, hand states over, unlock. */
async function terraformRun(states: readonly StateParts[], { mode = 'apply', id = 'lock-1' }: { mode?: RunMode; id?: string } = {}) {
  const run = await begin(mode);
  expect(await run.lock(lockOf(id))).toBe('taken');
  await run.read();
  for (const state of states) expect(await run.post(id, stateBytes(state))).toBe(true);
  expect(await run.unlock(id)).toBe('released');
  return run.finish();
}

const stored = () => store.stored?.bytes.toString();
const bytes = (parts: StateParts) => stateBytes(parts).toString();

describe('a run', () => {
  it('stores what Terraform hands over, leaves nothing behind, and releases the lock', async () => {
    expect(await terraformRun([{ serial: 1 }, { serial: 2 }])).toEqual({});
    expect(stored()).toBe(bytes({ serial: 2 }));
    expect([store.held, store.spool.content, store.spool.prepared]).toEqual([undefined, undefined, false]);
  });

  it('takes no state without its lock', async () => {
    const run = await begin();
    expect(await run.post(undefined, stateBytes())).toBe(false);
    await run.lock(lockOf('lock-1'));
    expect(await run.post(undefined, stateBytes())).toBe(false);
    expect(await run.post('lock-2', stateBytes())).toBe(false);
    await run.finish();
    expect([stored(), store.spool.content]).toEqual([undefined, undefined]);
  });

  it('takes the same lock, and the same state, twice: an answer may have been lost', async () => {
    const run = await begin();
    for (let time = 0; time < 2; time++) expect(await run.lock(lockOf('lock-1'))).toBe('taken');
    await run.read();
    for (let time = 0; time < 2; time++) await run.post('lock-1', stateBytes({ serial: 1 }));
    expect(await run.finish()).toEqual({});
    expect(store.writes).toBe(1);
  });

  it('releases the lock of a Terraform that was killed', async () => {
    const run = await begin();
    await run.lock(lockOf('lock-1'));
    expect(await run.finish()).toEqual({});
    expect(store.held).toBeUndefined();
  });

  it('names whoever holds the lock', async () => {
    store.held = { ...lockOf('theirs'), Who: 'piet@\u001b[31mlaptop' };
    const run = await begin();
    expect(await run.lock(lockOf('ours'))).toMatchObject({ ID: 'theirs' });
    const { failure } = await run.finish();
    expect(failure).toBeInstanceOf(StateLocked);
    expect(failure?.message).toBe("Terraform's state is locked: apply by piet@\uFFFD[31mlaptop, since 2026-11-22T20:00:00Z");
    expect(failure?.exitCode).toBe(EXIT.busy);
    expect(failure?.hints.at(-1)).toContain('koprogo-infra state unlock');
    expect(store.held.ID).toBe('theirs');
  });

  it('forgets the holder when the lock came free after all', async () => {
    store.held = lockOf('theirs');
    const run = await begin();
    await run.lock(lockOf('ours'));
    store.held = undefined;
    expect(await run.lock(lockOf('ours'))).toBe('taken');
    expect(await run.finish()).toEqual({});
  });

  it('says what the store said when Terraform only says HTTP', async () => {
    const run = await begin();
    store.failing.add('lock').add('unlock');
    await expect(run.lock(lockOf('lock-1'))).rejects.toThrow('away');
    expect((await run.finish()).failure).toMatchObject({ message: 'the test store is away', hints: ['plug it in'] });
  });
});

describe('a state that the store does not take', () => {
  it('is kept, the lock too, and the next run stores it first', async () => {
    await terraformRun([{ serial: 1 }]);
    store.failing.add('write');
    const { unstored } = await terraformRun([{ serial: 2, mark: 'new' }]);
    expect(unstored).toBeInstanceOf(StateNotStored);
    expect(unstored?.message).toBe("Terraform's newest state (serial 2) could not be stored in the test store: the test store is away\nIt is kept, encrypted, in /nowhere/spool.");
    expect(unstored?.hints[0]).toBe('plug it in');
    expect(unstored?.hints[1]).toContain('type the same command again');
    expect([stored(), store.held?.ID]).toEqual([bytes({ serial: 1 }), 'lock-1']);

    await expect(begin()).rejects.toThrow('could not be stored');
    store.failing.clear();
    const reader = await begin('read');
    expect((await reader.read())?.toString()).toBe(bytes({ serial: 2, mark: 'new' }));
    await reader.finish();
    expect(stored()).toBe(bytes({ serial: 1 }));

    expect(await terraformRun([{ serial: 3 }], { id: 'lock-2' })).toEqual({});
    expect(stored()).toBe(bytes({ serial: 3 }));
    expect([store.writes, store.spool.content, store.held]).toEqual([3, undefined, undefined]);
    expect(notes.join()).toContain('olga@desk');
  });

  it('is stored by the same run when the store comes back in time', async () => {
    const run = await begin();
    await run.lock(lockOf('lock-1'));
    await run.read();
    store.failing.add('write');
    await run.post('lock-1', stateBytes({ serial: 1 }));
    expect(store.spool.content?.bytes.toString()).toBe(bytes({ serial: 1 }));
    store.failing.clear();
    expect(await run.finish()).toEqual({});
    expect([stored(), store.spool.content, store.held]).toEqual([bytes({ serial: 1 }), undefined, undefined]);
  });

  it('counts as not stored when the answer takes too long, and as ours when it is there later', async () => {
    const run = await begin();
    await run.lock(lockOf('lock-1'));
    await run.read();
    store.writeTakes = 500;
    await run.post('lock-1', stateBytes({ serial: 1 }));
    expect(store.spool.content).toBeDefined();
    store.writeTakes = 0;
    await sleep(400);
    expect(stored()).toBe(bytes({ serial: 1 }));
    await run.post('lock-1', stateBytes({ serial: 2 }));
    expect(await run.finish()).toEqual({});
    expect(stored()).toBe(bytes({ serial: 2 }));
  });

  it('is not put over what somebody else has stored meanwhile', async () => {
    const run = await begin();
    await run.lock(lockOf('lock-1'));
    await run.read();
    await store.write(stateBytes({ serial: 1, mark: 'theirs' }), undefined);
    await run.post('lock-1', stateBytes({ serial: 2 }));
    const { unstored } = await run.finish();
    expect(unstored).toMatchObject({ exitCode: EXIT.refused, message: expect.stringContaining('somebody else') as string });
    expect([stored(), store.spool.content?.bytes.toString()]).toEqual([bytes({ serial: 1, mark: 'theirs' }), bytes({ serial: 2 })]);
    await expect(begin()).rejects.toThrow('somebody else');
    const reader = await begin('read');
    expect((await reader.read())?.toString()).toBe(bytes({ serial: 1, mark: 'theirs' }));
  });

  it('is kept in memory and stored at the end where the spool fails too; else it says that it is lost', async () => {
    store.spool.full = true;
    expect(await terraformRun([{ serial: 1 }])).toEqual({});
    store.failing.add('write');
    const { unstored } = await terraformRun([{ serial: 2 }]);
    expect(unstored?.message).toContain('could not be kept in /nowhere/spool either (no space left) and is lost');
    expect(unstored?.hints).toEqual(['plug it in']);
  });

  it.each<[string, StateParts, string]>([
    ['has lost all resources', { serial: 2, resources: [] }, 'no resources any more'],
    ['is of another history', { serial: 9, lineage: 'another' }, 'another history'],
    ['goes back', { serial: 0 }, 'serial is lower'],
    ['has the same serial and another content', { serial: 1, mark: 'x' }, 'somebody else'],
  ])('is refused when it %s: kept, and said with the way out', async (_, next, words) => {
    await terraformRun([{ serial: 1 }]);
    const { unstored } = await terraformRun([next]);
    expect(unstored).toMatchObject({ exitCode: EXIT.refused, message: expect.stringContaining(words) as string });
    expect(unstored?.hints.at(-1)).toContain('mv /nowhere/spool /nowhere/spool.refused');
    expect([stored(), store.spool.content?.bytes.toString()]).toEqual([bytes({ serial: 1 }), bytes(next)]);
    await expect(begin()).rejects.toThrow(words);
    const reader = await begin('read');
    expect((await reader.read())?.toString()).toBe(bytes({ serial: 1 }));
  });

  it('without resources is taken from a run that destroys, also what an earlier one left', async () => {
    await terraformRun([{ serial: 1 }]);
    expect((await terraformRun([{ serial: 2, resources: [] }])).unstored?.hints[0]).toContain('koprogo-infra destroy');
    expect(await terraformRun([{ serial: 3, resources: [] }], { mode: 'destroy' })).toEqual({});
    expect(stored()).toBe(bytes({ serial: 3, resources: [] }));
  });

  it('without resources may be a moment of a replacement', async () => {
    await terraformRun([{ serial: 1 }]);
    expect(await terraformRun([{ serial: 2, resources: [] }, { serial: 3 }])).toEqual({});
    expect([stored(), store.spool.content]).toEqual([bytes({ serial: 3 }), undefined]);
  });
});

describe('what a killed run left', () => {
  it('between the spool and the store is stored', async () => {
    await terraformRun([{ serial: 1 }]);
    store.spool.content = { bytes: stateBytes({ serial: 2 }), over: [fingerprint(stateBytes({ serial: 1 }))] };
    await (await begin()).finish();
    expect([stored(), store.spool.content]).toEqual([bytes({ serial: 2 }), undefined]);
  });

  it('between the store and the spool is cleared', async () => {
    await terraformRun([{ serial: 1 }]);
    store.spool.content = { bytes: stateBytes({ serial: 1 }), over: ['none'] };
    await (await begin()).finish();
    expect([store.writes, store.spool.content]).toEqual([1, undefined]);
  });

  it('as a lock is released when its process is gone', async () => {
    const process = await thisProcess();
    store.held = { ...lockOf('dead'), holder: { ...process, started: process.started.replace(/\d+$/, '1') } };
    await (await begin()).finish();
    expect(store.held).toBeUndefined();
  });

  it.each([
    ['of another computer', async () => ({ ...(await thisProcess()), host: 'elsewhere', pid: 2 ** 22 })],
    ['of a process that lives', async () => ({ ...(await thisProcess()), pid: 1, started: '' })],
  ])('as a lock stays when it is %s', async (_, holder) => {
    store.held = { ...lockOf('theirs'), holder: await holder() };
    await (await begin()).finish();
    expect(store.held.ID).toBe('theirs');
  });

  it('as a lock is not released under another run of this process', async () => {
    const first = await begin();
    await first.lock(lockOf('lock-1'));
    const second = await begin();
    expect(await second.lock(lockOf('lock-2'))).toMatchObject({ ID: 'lock-1' });
    await second.finish();
    await first.finish();
  });

  it('as a lock can be taken away by hand', async () => {
    store.held = lockOf('theirs');
    expect(await breakLock(store)).toMatchObject({ ID: 'theirs' });
    expect(await breakLock(store)).toBeUndefined();
  });
});
