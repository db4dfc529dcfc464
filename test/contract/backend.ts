import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, it } from 'vitest';
import { type Backend, Conflict } from '../../src/state/backends/backend.js';
import { MAX_OBJECT_BYTES } from '../../src/state/backends/limits.js';
import { InfraError } from '../../src/errors.js';

const MIB = 1024 * 1024;

/**
 * What every place for the state must do: in memory and at real servers alike. `open` opens the same place each time;
 * the place may hold other objects, the ids here begin with names of their own.
 */
export function backendContract(open: () => Promise<Backend>): void {
  const opened: Backend[] = [];
  const another = async () => {
    const backend = await open();
    opened.push(backend);
    return backend;
  };
  afterEach(async () => {
    for (const backend of opened.splice(0)) await backend.close();
  });

  describe('objects', () => {
    it.each([0, 1, 1000, MIB, 8 * MIB + 1])('come back as they were stored: %i bytes', async (size) => {
      const backend = await another();
      const id = `size-${size}`;
      const bytes = randomBytes(size);
      const revision = await backend.write(id, bytes, 'absent');
      const found = await backend.read(id);
      expect(found?.revision).toBe(revision);
      expect(found?.bytes.equals(bytes)).toBe(true);
      expect(Buffer.isBuffer(found?.bytes)).toBe(true);
    });

    it('hold any byte, also as a view into a larger buffer', async () => {
      const backend = await another();
      const every = Buffer.from(Array.from({ length: 1024 }, (_, index) => index % 256));
      const view = new Uint8Array(every.buffer, every.byteOffset + 3, 300);
      await backend.write('binary', view, 'absent');
      expect((await backend.read('binary'))?.bytes).toEqual(Buffer.from(view));
    });

    it('are copies: what the caller does with its bytes afterwards changes nothing', async () => {
      const backend = await another();
      const mine = Buffer.from('mine');
      const revision = await backend.write('copy', mine, 'absent');
      mine.fill(0);
      const first = await backend.read('copy');
      first?.bytes.fill(0);
      expect(await backend.read('copy')).toEqual({ bytes: Buffer.from('mine'), revision });
    });

    it('are undefined where there are none', async () => {
      const backend = await another();
      expect(await backend.read('nothing-here')).toBeUndefined();
    });

    it('are refused when they are too large, before anything is sent', async () => {
      const backend = await another();
      await expect(backend.write('too-large', Buffer.alloc(MAX_OBJECT_BYTES + 1), 'absent')).rejects.toThrow(/too large/);
      expect(await backend.read('too-large')).toBeUndefined();
    });

    it('are there after closing and opening again', async () => {
      const first = await open();
      const revision = await first.write('reopened', Buffer.from('still here'), 'absent');
      await first.close();
      expect(await (await another()).read('reopened')).toEqual({ bytes: Buffer.from('still here'), revision });
    });
  });

  describe('expectations', () => {
    it('get a new revision with every write, of the same bytes too', async () => {
      const backend = await another();
      const bytes = Buffer.from('the same');
      const first = await backend.write('revisions', bytes, 'absent');
      const second = await backend.write('revisions', bytes, { revision: first });
      const third = await backend.write('revisions', bytes, { revision: second });
      expect(new Set([first, second, third]).size).toBe(3);
      await backend.remove('revisions', { revision: third });
      expect([first, second, third]).not.toContain(await backend.write('revisions', bytes, 'absent'));
    });

    it('are refused as a Conflict when they do not hold, and nothing changes', async () => {
      const backend = await another();
      const old = await backend.write('expected', Buffer.from('one'), 'absent');
      const revision = await backend.write('expected', Buffer.from('two'), { revision: old });
      const unchanged = { bytes: Buffer.from('two'), revision };
      await expect(backend.write('expected', Buffer.from('x'), 'absent')).rejects.toThrow(Conflict);
      await expect(backend.write('expected', Buffer.from('x'), { revision: old })).rejects.toThrow(Conflict);
      await expect(backend.write('expected', Buffer.from('x'), { revision: '' })).rejects.toThrow(Conflict);
      await expect(backend.write('expected', Buffer.from('x'), { revision: `'"; -- ${'x'.repeat(300)}` })).rejects.toThrow(Conflict);
      await expect(backend.remove('expected', { revision: old })).rejects.toThrow(Conflict);
      expect(await backend.read('expected')).toEqual(unchanged);
      await expect(backend.write('never-there', Buffer.from('x'), { revision })).rejects.toThrow(Conflict);
      await expect(backend.remove('never-there', { revision })).rejects.toThrow(Conflict);
      expect(await backend.read('never-there')).toBeUndefined();
    });

    it('hold for a removal: gone, gone once only, and free to be made again', async () => {
      const backend = await another();
      const first = await backend.write('removed', Buffer.from('one'), 'absent');
      await backend.remove('removed', { revision: first });
      expect(await backend.read('removed')).toBeUndefined();
      expect(await backend.ids()).not.toContain('removed');
      await expect(backend.remove('removed', { revision: first })).rejects.toThrow(Conflict);
      await expect(backend.write('removed', Buffer.from('x'), { revision: first })).rejects.toThrow(Conflict);
      const again = await backend.write('removed', Buffer.from('two'), 'absent');
      await expect(backend.remove('removed', { revision: first })).rejects.toThrow(Conflict);
      expect(await backend.read('removed')).toEqual({ bytes: Buffer.from('two'), revision: again });
    });

    it('let one of many writers win, from two connections', async () => {
      const pair = [await another(), await another()] as const;
      const attempt = async (id: string, expected: 'absent' | { revision: string }) => {
        const results = await Promise.allSettled(
          Array.from({ length: 8 }, (_, index) => pair[index % 2 === 0 ? 0 : 1].write(id, Buffer.from(`writer ${index}`), expected)),
        );
        const won = results.flatMap((result, index) => (result.status === 'fulfilled' ? [{ index, revision: result.value }] : []));
        for (const result of results) if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(Conflict);
        expect(won).toHaveLength(1);
        const { index, revision } = won[0] ?? { index: -1, revision: '' };
        expect(await pair[1].read(id)).toEqual({ bytes: Buffer.from(`writer ${index}`), revision });
        return revision;
      };
      let revision = await attempt('race', 'absent');
      for (let round = 0; round < 5; round += 1) revision = await attempt('race', { revision });
      const removals = await Promise.allSettled(pair.map((backend) => backend.remove('race', { revision })));
      expect(removals.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    });

    it('lose no step of a counter that several count up', async () => {
      const pair = [await another(), await another()] as const;
      await pair[0].write('counter', Buffer.from('0'), 'absent');
      const count = async (backend: Backend) => {
        for (let steps = 0; steps < 10; ) {
          const found = await backend.read('counter');
          if (!found) throw new Error('the counter is gone');
          try {
            await backend.write('counter', Buffer.from(String(Number(found.bytes.toString()) + 1)), { revision: found.revision });
            steps += 1;
          } catch (error) {
            if (!(error instanceof Conflict)) throw error;
          }
        }
      };
      await Promise.all([count(pair[0]), count(pair[1]), count(pair[1])]);
      expect((await pair[0].read('counter'))?.bytes.toString()).toBe('30');
    });
  });

  describe('ids', () => {
    it('are listed whole and sorted, 500 of them', async () => {
      const backend = await another();
      const ids = Array.from({ length: 500 }, (_, index) => `Many_${'aZ-9'[index % 4] ?? ''}${(index * 7919) % 500}`);
      for (let at = 0; at < ids.length; at += 25) {
        await Promise.all(ids.slice(at, at + 25).map((id) => backend.write(id, Buffer.from(id), 'absent')));
      }
      const listed = (await backend.ids()).filter((id) => id.startsWith('Many_'));
      expect(listed).toEqual([...ids].sort());
    });

    it('may be long and differ in case only', async () => {
      const backend = await another();
      const long = 'x'.repeat(200);
      for (const id of [long, 'Case', 'case', '-', '_']) await backend.write(id, Buffer.from(id), 'absent');
      for (const id of [long, 'Case', 'case', '-', '_']) expect((await backend.read(id))?.bytes.toString()).toBe(id);
    });

    it.each(['', 'a/b', '../etc', 'a b', 'a\0b', 'é', '%41', '*', `x'; DROP TABLE objects`, 'x'.repeat(201), 'a\n'])('that are none are refused: %j', async (id) => {
      const backend = await another();
      await expect(backend.read(id)).rejects.toThrow(InfraError);
      await expect(backend.write(id, Buffer.from('x'), 'absent')).rejects.toThrow(/1 to 200 characters/);
      await expect(backend.remove(id, { revision: 'x' })).rejects.toThrow(InfraError);
    });
  });
}
