import { InfraError } from '../errors.js';
import { audited } from '../keys/audit/audit.js';
import type { Store } from './installations.js';
import { TAKE_OVER } from './lock.js';
import { previousInstallations, readPrevious, wipePrevious, wipePreviousKey } from './previous-format.js';
import { say } from './words.js';

/**
 * Moves installations of the previous format into the store: each document is written, read back and compared, and only
 * then the old files are wiped. Killed anywhere, it goes on the next time. Returns what was moved.
 */
export async function takeOverPrevious(store: Store, root: string): Promise<string[]> {
  const names = await previousInstallations(root);
  for (const name of names) {
    const lock = await store.lock(name, TAKE_OVER);
    try {
      await audited(store.audit, { operation: 'take-over', object: { installation: name, kind: 'document', name: 'all' } }, () => takeOver(store, root, name));
    } finally {
      await lock.release();
    }
  }
  await wipePreviousKey();
  return names;
}

async function takeOver(store: Store, root: string, name: string): Promise<void> {
  const previous = await readPrevious(root, name);
  try {
    for (const [document, text] of previous) {
      const object = { installation: name, kind: 'document', name: document };
      const present = await store.objects.read(object);
      if (present && !present.plain.equals(text)) {
        throw new InfraError(say('takeOver.differs', { document, name, where: store.objects.backend.where, root }), {
          hints: [say('takeOver.keep', { root, name })],
        });
      }
      if (!present) await store.objects.write(object, text, 'absent');
      const again = await store.objects.read(object);
      if (!again?.plain.equals(text)) throw new InfraError(say('lost', { where: store.objects.backend.where }), { hints: [say('takeOver.again')] });
      again.plain.fill(0);
    }
  } finally {
    for (const text of previous.values()) text.fill(0);
  }
  await wipePrevious(root, name);
}
