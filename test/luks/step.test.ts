import { describe, expect, it } from 'vitest';
import { RefusedError } from '../../src/errors.js';
import { generatePassphrase } from '../../src/keys/passphrase.js';
import { readRecord } from '../../src/luks/record.js';
import { exitCodeOf, luksStatus, luksText } from '../../src/luks/status.js';
import { luksStep } from '../../src/luks/step.js';
import { type Progress, silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { DISKS, FakeServer, GIB, type HalfFormat, MemoryState, openForeign } from './fake-server.js';

interface World {
  server: FakeServer;
  state: MemoryState;
  shown: string[][];
  confirmed: string[][];
}

const world = (): World => ({ server: new FakeServer(), state: new MemoryState(), shown: [], confirmed: [] });

function stepIn(w: World, options: { unlock?: 'auto' | 'tpm' | 'manual'; disks?: typeof DISKS; disagree?: boolean } = {}) {
  const progress: Progress = { ...silent, showOnce: (_, lines) => void w.shown.push([...lines]) };
  return luksStep({
    server: () => Promise.resolve(w.server),
    disks: () => Promise.resolve(options.disks ?? DISKS),
    state: w.state,
    progress,
    unlock: options.unlock ?? 'auto',
    confirmFormat: (disks) => {
      w.confirmed.push(disks);
      return options.disagree ? Promise.reject(new RefusedError('not agreed')) : Promise.resolve();
    },
  });
}

async function finished(): Promise<World> {
  const w = world();
  await stepIn(w).apply();
  return w;
}

async function passphrases(w: World): Promise<string[]> {
  const document = await readRecord(w.state);
  return document ? [document.volumes.postgres.passphrase.reveal(), document.volumes.documents.passphrase.reveal()] : [];
}

describe('a fresh server', () => {
  it('needs both disks formatted, and says so without changing anything', async () => {
    const w = world();
    const check = await stepIn(w).check();
    expect(check).toMatchObject({ state: 'needed' });
    expect(JSON.stringify(check)).toContain(`format ${DISKS.postgres} as koprogo-postgres`);
    expect(JSON.stringify(check)).toContain('TPM 2.0');
    expect(w.state.versions).toEqual([]);
    expect(w.server.commands).toHaveLength(1);
  });

  it('is brought to done, and a second run changes nothing', async () => {
    const w = world();
    await stepIn(w).apply();
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
    expect(w.confirmed).toEqual([[DISKS.postgres, DISKS.documents]]);
    expect(w.server.disk(DISKS.postgres)).toMatchObject({ formatted: 1, madeFilesystems: 1 });

    const before = [...w.server.files.entries()].map(String);
    await stepIn(w).apply();
    expect([...w.server.files.entries()].map(String)).toEqual(before);
    expect(w.server.disk(DISKS.documents)).toMatchObject({ formatted: 1, madeFilesystems: 1 });
    expect(w.confirmed).toHaveLength(1);
    expect(w.shown).toHaveLength(1);
  });

  it('checks both volumes in one command', async () => {
    const w = await finished();
    const before = w.server.commands.length;
    await stepIn(w).check();
    expect(w.server.commands.length - before).toBe(1);
  });

  it('stores passphrase and UUID before the first format, and never puts a passphrase into argv', async () => {
    const w = world();
    const formatAt: number[] = [];
    const run = w.server.run.bind(w.server);
    w.server.run = async (command) => {
      if (command.purpose?.startsWith('format')) formatAt.push(w.state.versions.length);
      return run(command);
    };
    await stepIn(w).apply();
    const secrets = await passphrases(w);
    const stored = w.state.versions[(formatAt[0] ?? 0) - 1] ?? '';
    for (const secret of secrets) {
      expect(stored).toContain(secret);
      for (const { argv } of w.server.commands) expect(argv.join(' ')).not.toContain(secret);
    }
    expect(stored).toContain('"stage":"formatting"');
    expect(w.server.commands.filter(({ purpose }) => purpose?.startsWith('format')).every(({ input }) => input instanceof Secret)).toBe(true);
  });

  it('shows both passphrases once, each of at least 20 characters', async () => {
    const w = await finished();
    const secrets = await passphrases(w);
    expect(new Set(secrets).size).toBe(2);
    for (const secret of secrets) {
      expect(secret.length).toBeGreaterThanOrEqual(20);
      expect(w.shown[0]?.some((line) => line.endsWith(secret))).toBe(true);
    }
  });

  it('is not touched when the operator does not agree', async () => {
    const w = world();
    await expect(stepIn(w, { disagree: true }).apply()).rejects.toThrow('not agreed');
    expect(w.server.commands.map(({ purpose }) => purpose)).toEqual(['look at the encrypted volumes']);
  });

  it('puts the gate in place before it formats, and stops Docker before that', async () => {
    const w = await finished();
    const purposes = w.server.commands.map(({ purpose }) => purpose ?? '');
    const at = (text: string) => purposes.findIndex((purpose) => purpose.startsWith(text));
    expect(at('stop Docker')).toBeLessThan(at('write /etc/systemd/system/docker.service.d'));
    expect(at('write /etc/systemd/system/docker.service.d')).toBeLessThan(at('format'));
    expect(at('make the mount points immutable')).toBeLessThan(at('mount the volumes'));
    expect(w.server.files.get('/etc/koprogo/volumes')?.content).toContain(`/srv/koprogo/postgres ${DISKS.postgres}`);
  });
});

describe('an interrupted run', () => {
  const total = (async () => (await finished()).server.commands.length)();

  it.each<[when: 'before' | 'after', half: HalfFormat | undefined]>([
    ['before', undefined],
    ['before', 'random bytes'],
    ['before', 'no keyslot'],
    ['before', 'complete'],
    ['after', undefined],
  ])('converges wherever the connection is lost (%s the command, format left: %s)', async (when, halfFormat) => {
    for (let at = 1; at <= (await total); at += 1) {
      const w = world();
      w.server.cut = { at, when, ...(halfFormat ? { halfFormat } : {}) };
      await stepIn(w).apply().catch(() => undefined);
      delete w.server.cut;
      const first = await passphrases(w);
      await stepIn(w).apply();
      expect(await stepIn(w).check(), `lost at command ${at}`).toMatchObject({ state: 'done' });
      if (first.length > 0) expect(await passphrases(w)).toEqual(first);
      expect(w.shown, `shown, lost at ${at}`).toHaveLength(1);
      for (const disk of Object.values(DISKS)) expect(w.server.disk(disk).madeFilesystems).toBe(1);
    }
  });

  it('removes a keyslot that an interrupted enrolment left without its token', async () => {
    const w = await finished();
    const { luks } = w.server.disk(DISKS.postgres);
    luks?.tokens.clear();
    const document = await readRecord(w.state);
    if (!document) throw new Error('no document');
    document.volumes.postgres.enrolling = true;
    await w.state.put('luks', document);
    expect(JSON.stringify(await stepIn(w).check())).toContain('add a TPM 2.0 key to koprogo-postgres');
    await stepIn(w).apply();
    expect([...(luks?.slots.keys() ?? [])]).toEqual(['0', '1']);
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
  });
});

describe('a disk that is not ours', () => {
  it.each([
    ['signature ext4', /has the signature of ext4/],
    ['signature gpt', /partition table \(gpt\)/],
    ['data 700000000', /holds data \(first seen at byte 700000000\)/],
    ['mounted /dev/vdb1 /mnt', /\/dev\/vdb1 is mounted on \/mnt/],
    ['held /dev/mapper/vg-lv lvm', /vg-lv \(lvm\) is built on it/],
    ['busy', /in use/],
    ['read-only', /read-only/],
    ['small 536870912', /only 512 MiB/],
    ['luks 11111111-2222-4333-8444-555555555555 other one', /LUKS volume of another installation .*label other one/],
  ])('is refused and neither disk is touched: %s', async (line, says) => {
    const w = world();
    w.server.disk(DISKS.documents).obstacles = [line];
    const check = await stepIn(w).check();
    expect(check).toMatchObject({ state: 'blocked', reason: expect.stringMatching(says) as unknown });
    await expect(stepIn(w).apply()).rejects.toMatchObject({ name: 'RefusedError', message: expect.stringContaining(DISKS.documents) as unknown });
    expect(w.server.commands.every(({ purpose }) => purpose === 'look at the encrypted volumes')).toBe(true);
    expect(w.state.versions).toEqual([]);
  });

  it('is refused when it stops being blank between the check and the format', async () => {
    const w = world();
    const run = w.server.run.bind(w.server);
    w.server.run = async (command) => {
      if (command.purpose?.startsWith('format')) w.server.disk(DISKS.postgres).obstacles = ['signature xfs'];
      return run(command);
    };
    await expect(stepIn(w).apply()).rejects.toThrow(/signature of xfs/);
    expect(w.server.disk(DISKS.postgres).luks).toBeUndefined();
  });

  it('is refused while formatting, when there is data behind the header area', async () => {
    const w = world();
    w.server.cut = { at: 7, when: 'before' };
    await stepIn(w).apply().catch(() => undefined);
    expect(w.state.versions.at(-1)).toContain('"stage":"formatting"');
    delete w.server.cut;
    w.server.disk(DISKS.postgres).obstacles = ['beyond 900000000', 'data 40000'];
    expect(await stepIn(w).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(/holds data/) as unknown });
  });

  it('is recognised when the disks are swapped', async () => {
    const w = await finished();
    const swapped = { postgres: DISKS.documents, documents: DISKS.postgres };
    expect(await stepIn(w, { disks: swapped }).check()).toMatchObject({
      state: 'blocked',
      reason: expect.stringMatching(/the disks are swapped: .*docs-0001 is given for koprogo-postgres but carries koprogo-documents/) as unknown,
    });
    await expect(stepIn(w, { disks: swapped }).apply()).rejects.toBeInstanceOf(RefusedError);
  });

  it('is never formatted in the place of a finished volume, blank as it may be', async () => {
    const w = await finished();
    w.server.reboot();
    const disk = w.server.disk(DISKS.postgres);
    delete disk.luks;
    expect(await stepIn(w).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(/is blank, but koprogo-postgres was already made on it/) as unknown });
    expect(exitCodeOf(await luksStatus(w.server, w.state))).toBe(4);
  });

  it('is refused when a finished volume has lost its keyslots', async () => {
    const w = await finished();
    w.server.disk(DISKS.postgres).luks?.slots.clear();
    expect(await stepIn(w).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(/header .* damaged: it has no keyslot/) as unknown });
  });

  it('is refused when both names mean one disk, or there is none', async () => {
    const w = world();
    w.server.disks.set('/dev/disk/by-id/virtio-alias', w.server.disk(DISKS.postgres));
    expect(await stepIn(w, { disks: { ...DISKS, documents: '/dev/disk/by-id/virtio-alias' } }).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(/the same one/) as unknown });
    expect(await stepIn(w, { disks: { ...DISKS, documents: '/dev/disk/by-id/virtio-gone' } }).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(/has no disk/) as unknown });
  });
});

describe('a finished server that changed', () => {
  it('is locked without its TPM, opened again by the step, and asks for a manual unlock from then on', async () => {
    const w = await finished();
    w.server.reboot();
    w.server.tpm = false;
    const report = await luksStatus(w.server, w.state);
    expect(exitCodeOf(report)).toBe(5);
    expect(report.volumes[0]?.tpm).toEqual({ present: false, enrolled: true, opens: false });
    expect(luksText(report)).toContain('the TPM 2.0, which is gone');
    expect(await stepIn(w, { unlock: 'tpm' }).check()).toMatchObject({ state: 'blocked' });
    await stepIn(w).apply();
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
    expect(w.server.files.get('/etc/crypttab')?.content).toContain('none luks,noauto');
    expect((await luksStatus(w.server, w.state)).overall).toBe('degraded');
    w.server.tpm = true;
    await stepIn(w).apply();
    expect(w.server.files.get('/etc/crypttab')?.content).toContain('tpm2-device=auto');
    expect((await luksStatus(w.server, w.state)).overall).toBe('healthy');
  });

  it('uses all of a disk that has grown, also one that was locked, and leaves a few megabytes alone', async () => {
    const w = await finished();
    const [postgres, documents] = [w.server.disk(DISKS.postgres), w.server.disk(DISKS.documents)];
    documents.bytes += 15 * 2 ** 20;
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
    postgres.bytes += GIB;
    expect(await stepIn(w).check()).toEqual({ state: 'needed', changes: ['use 1.0 GiB more of the disk of koprogo-postgres, which has grown'] });
    expect((await luksStatus(w.server, w.state)).overall).toBe('healthy');
    await stepIn(w).apply();
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
    expect([postgres, documents].map(({ bytes, extent }) => bytes - extent)).toEqual([16 * 2 ** 20, 31 * 2 ** 20]);

    documents.bytes += GIB;
    w.server.reboot();
    w.server.tpm = false;
    await stepIn(w).apply();
    expect(documents.bytes - documents.extent).toBe(16 * 2 ** 20);
    expect(postgres.madeFilesystems + documents.madeFilesystems).toBe(2);
  });

  it('gets a new TPM key when the TPM does not open it any more', async () => {
    const w = await finished();
    w.server.tpmRefuses = true;
    expect((await luksStatus(w.server, w.state)).overall).toBe('degraded');
    expect(JSON.stringify(await stepIn(w).check())).toContain('replace the TPM 2.0 key');
    await stepIn(w).apply();
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
  });

  it('loses its TPM key when manual unlock is chosen', async () => {
    const w = await finished();
    await stepIn(w, { unlock: 'manual' }).apply();
    expect([...(w.server.disk(DISKS.postgres).luks?.slots.keys() ?? [])]).toEqual(['0']);
    expect(await stepIn(w, { unlock: 'manual' }).check()).toMatchObject({ state: 'done' });
    expect((await luksStatus(w.server, w.state)).overall).toBe('healthy');
  });

  it('is not done when keyslot 0 holds another passphrase, and is not formatted either', async () => {
    const w = await finished();
    w.server.disk(DISKS.postgres).luks?.slots.set('0', 'changed by hand');
    expect(JSON.stringify(await stepIn(w).check())).toContain('verify that the recovery passphrase opens koprogo-postgres');
    await expect(stepIn(w).apply()).rejects.toThrow(/stored recovery passphrase does not open koprogo-postgres/);
    expect(w.server.disk(DISKS.postgres).formatted).toBe(1);
  });

  it.each<[what: string, change: (w: World) => void, says: RegExp]>([
    ['fstab', (w) => void w.server.files.set('/etc/fstab', { content: 'LABEL=root / ext4 x 0 1\n', mode: '0644', owner: 'root:root' }), /\/etc\/fstab/],
    ['the gate', (w) => void w.server.files.delete('/etc/systemd/system/docker.service.d/koprogo-volumes.conf'), /Docker's gate/],
    ['an immutable flag', (w) => void w.server.below.set('postgres', { immutable: false, entries: 0 }), /immutable/],
    ['an owner', (w) => void w.server.directories.set('/srv/koprogo/postgres/data', { owner: '0:0', mode: '0700' }), /owner and mode of \/srv\/koprogo\/postgres\/data/],
    ['a wide mode', (w) => void w.server.directories.set('/srv/koprogo/documents/docker', { owner: '0:0', mode: '0755' }), /documents\/docker/],
    ['a mount', (w) => void w.server.mounts.delete('/srv/koprogo/documents'), /mount koprogo-documents/],
  ])('is repaired: %s', async (_, change, says) => {
    const w = await finished();
    change(w);
    const check = await stepIn(w).check();
    expect(check.state === 'needed' && check.changes.join('; ')).toMatch(says);
    expect((await luksStatus(w.server, w.state)).overall).toBe('degraded');
    await stepIn(w).apply();
    expect(await stepIn(w).check()).toMatchObject({ state: 'done' });
  });

  it.each<[what: string, change: (w: World) => void, says: RegExp]>([
    ['another mount', (w) => void w.server.mounts.set('/srv/koprogo/postgres', [{ source: 'tmpfs', options: 'rw' }]), /something else is mounted on \/srv\/koprogo\/postgres: tmpfs/],
    ['a mount over ours', (w) => w.server.mounts.get('/srv/koprogo/postgres')?.push({ source: 'tmpfs', options: 'rw' }), /something else is mounted/],
    ['files below the mount', (w) => void w.server.below.set('postgres', { immutable: true, entries: 3 }), /holds 3 entries/],
    ['another volume under our name', (w) => { openForeign(w.server, 'koprogo-postgres', '11111111-2222-4333-8444-555555555555'); }, /is another volume/],
    ['a lost file system', (w) => void (w.server.disk(DISKS.postgres).filesystem = ''), /no file system.*it held data/],
    [
      'a line of somebody else in fstab',
      (w) => void w.server.files.set('/etc/fstab', { content: '/dev/sdz1 /srv/koprogo/documents ext4 defaults 0 2\n', mode: '0644', owner: 'root:root' }),
      /has a line of its own/,
    ],
  ])('is left alone and said: %s', async (_, change, says) => {
    const w = await finished();
    change(w);
    expect(await stepIn(w).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(says) as unknown });
    const before = w.server.commands.length;
    await expect(stepIn(w).apply()).rejects.toThrow(says);
    expect(w.server.commands.slice(before).every(({ purpose }) => purpose === 'look at the encrypted volumes')).toBe(true);
  });
});

it('a passphrase has the bits that the room asks for', () => {
  expect(generatePassphrase(150).reveal()).toMatch(/^([0-9a-z]{5}-){5}[0-9a-z]{5}$/);
});
