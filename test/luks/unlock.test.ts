import { describe, expect, it } from 'vitest';
import { readRecord } from '../../src/luks/record.js';
import { exitCodeOf, luksStatus } from '../../src/luks/status.js';
import { luksStep } from '../../src/luks/step.js';
import { unlockVolumes } from '../../src/luks/unlock.js';
import { silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { DISKS, FakeServer, MemoryState, openForeign } from './fake-server.js';

async function locked(): Promise<{ server: FakeServer; state: MemoryState }> {
  const server = new FakeServer();
  const state = new MemoryState();
  const agree = () => Promise.resolve();
  await luksStep({ server: () => Promise.resolve(server), disks: () => Promise.resolve(DISKS), state, progress: silent, unlock: 'auto', confirmFormat: agree }).apply();
  server.reboot();
  server.tpm = false;
  return { server, state };
}

describe('the manual unlock', () => {
  it('opens, mounts and starts Docker, with the passphrases on standard input', async () => {
    const { server, state } = await locked();
    expect(exitCodeOf(await luksStatus(server, state))).toBe(5);
    const before = server.commands.length;
    expect(await unlockVolumes({ server, state, progress: silent })).toEqual({
      volumes: [{ name: 'koprogo-postgres', was: 'locked' }, { name: 'koprogo-documents', was: 'locked' }],
      docker: true,
    });
    expect([...server.mounts.keys()]).toEqual(['/srv/koprogo/postgres', '/srv/koprogo/documents']);
    expect(server.docker).toBe('running');
    const opened = server.commands.slice(before).filter(({ purpose }) => purpose?.startsWith('open'));
    expect(opened.map(({ input }) => input instanceof Secret)).toEqual([true, true]);
  });

  it('finishes what is half open, and is content with what is open', async () => {
    const { server, state } = await locked();
    await unlockVolumes({ server, state, progress: silent });
    server.open.delete('koprogo-postgres');
    server.mounts.delete('/srv/koprogo/postgres');
    const { volumes } = await unlockVolumes({ server, state, progress: silent });
    expect(volumes.map(({ was }) => was)).toEqual(['locked', 'open']);
    expect((await unlockVolumes({ server, state, progress: silent })).volumes.map(({ was }) => was)).toEqual(['open', 'open']);
  });

  it('says that the passphrase is wrong, with the exit code of a locked volume', async () => {
    const { server, state } = await locked();
    const document = await readRecord(state);
    if (!document) throw new Error('no document');
    document.volumes.postgres.passphrase = new Secret('not the right one at all');
    await state.put('luks', document);
    await expect(unlockVolumes({ server, state, progress: silent })).rejects.toMatchObject({
      message: expect.stringMatching(/recovery passphrase does not open koprogo-postgres/) as unknown,
      exitCode: 5,
    });
    expect(server.docker).toBe('stopped');
    expect(server.mounts.size).toBe(0);
  });

  it('refuses a disk and a mount point that carry something else', async () => {
    const swapped = await locked();
    const [a, b] = [swapped.server.disk(DISKS.postgres), swapped.server.disk(DISKS.documents)];
    swapped.server.disks.set(DISKS.postgres, b).set(DISKS.documents, a);
    await expect(unlockVolumes({ ...swapped, progress: silent })).rejects.toThrow(/swapped/);

    const hidden = await locked();
    hidden.server.below.set('postgres', { immutable: true, entries: 1 });
    await expect(unlockVolumes({ ...hidden, progress: silent })).rejects.toMatchObject({ name: 'RefusedError' });

    const other = await locked();
    openForeign(other.server, 'koprogo-documents', '11111111-2222-4333-8444-555555555555');
    await expect(unlockVolumes({ ...other, progress: silent })).rejects.toThrow(/another volume/);
  });

  it('names setup when the line in fstab is gone, and before anything was made', async () => {
    const { server, state } = await locked();
    server.files.set('/etc/fstab', { content: '', mode: '0644', owner: 'root:root' });
    await expect(unlockVolumes({ server, state, progress: silent })).rejects.toMatchObject({ hints: expect.arrayContaining([expect.stringContaining('koprogo-infra setup')]) as unknown });
    await expect(unlockVolumes({ server: new FakeServer(), state: new MemoryState(), progress: silent })).rejects.toMatchObject({ exitCode: 2, hints: ['koprogo-infra setup'] });
    await expect(luksStatus(new FakeServer(), new MemoryState())).rejects.toMatchObject({ exitCode: 2 });
  });
});
