import { describe, expect, it } from 'vitest';
import type { StoredObject } from '../../../src/state/backends/backend.js';
import { MemoryBackend } from '../../../src/state/backends/memory.js';
import { openBackend } from '../../../src/state/backends/open-backend.js';
import { backendContract } from '../../contract/backend.js';

describe('the state in memory', () => {
  const objects = new Map<string, StoredObject>();
  backendContract(() => Promise.resolve(new MemoryBackend(objects)));

  it('is a place of its own each time it is opened, and says that it does not last', async () => {
    const one = await openBackend('memory:', {});
    await one.write('a', Buffer.from('x'), 'absent');
    expect(await (await openBackend('memory:', {})).ids()).toEqual([]);
    expect(await one.warnings?.()).toEqual([expect.stringContaining('gone when this program ends')]);
  });
});
