import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Host, script } from '../../src/edges/command.js';
import { EXIT, InfraError, RefusedError } from '../../src/errors.js';
import { exitCodeOf, luksStatus } from '../../src/luks/status.js';
import { luksStep } from '../../src/luks/step.js';
import { unlockVolumes } from '../../src/luks/unlock.js';
import type { DiskId } from '../../src/luks/volumes.js';
import { type Progress, silent } from '../../src/progress.js';
import type { StateStore } from '../../src/state/store.js';
import type { Step } from '../../src/step.js';

/** A server whose two data disks may be destroyed, with its power switch. */
export interface LuksLab {
  /** A working connection, made again after each start of the server. */
  server(): Promise<Host>;
  disks: { postgres: DiskId; documents: DiskId };
  /** An empty store at the beginning; the same one through all cases of a run. */
  state: StateStore;
  /** Ends the machine at once, as a power cut does. */
  powerCut(): Promise<void>;
  boot(options: { tpm: boolean }): Promise<void>;
}

type Unlock = Parameters<typeof luksStep>[0]['unlock'];

interface StepOptions {
  unlock?: Unlock;
  disks?: LuksLab['disks'];
  state?: StateStore;
  progress?: Progress;
}

export function stepOf(lab: LuksLab, { unlock = 'auto', disks = lab.disks, state = lab.state, progress = silent }: StepOptions = {}): Step {
  return luksStep({ server: () => lab.server(), disks: () => Promise.resolve(disks), state, progress, unlock, confirmFormat: () => Promise.resolve() });
}

async function onServer(lab: LuksLab, body: string, ...args: readonly string[]): Promise<string> {
  const server = await lab.server();
  const { stdout } = await server.run({ ...script(body, ...args), root: true, timeout: 900, purpose: 'prepare a case' });
  return stdout.trim();
}

const firstMebibyte = (lab: LuksLab, disk: string) => onServer(lab, 'dd if="$1" bs=1M count=1 status=none iflag=direct | sha256sum', disk);

/** A disk that is not blank, how to make it so and blank again, and what the refusal must say. $1 is the disk. */
interface BadDisk {
  name: string;
  make: string;
  undo: string;
  says: RegExp;
}

const ERASE = 'blkdiscard -z -f "$1" || dd if=/dev/zero of="$1" bs=16M status=none || true; udevadm settle';

const BAD_DISKS: readonly BadDisk[] = [
  { name: 'ext4', make: 'mkfs.ext4 -q "$1"', undo: ERASE, says: /signature of ext4/ },
  { name: 'partition table', make: 'printf "label: gpt\\n,100M\\n" | sfdisk -q "$1"; udevadm settle', undo: `sfdisk -q --delete "$1"; ${ERASE}`, says: /partition table \(gpt\)/ },
  { name: 'random bytes in the middle', make: 'dd if=/dev/urandom of="$1" bs=1M seek=700 count=200 conv=notrunc status=none', undo: ERASE, says: /holds data/ },
  { name: 'a single byte at the end', make: 'printf x | dd of="$1" bs=1 seek=$(($(blockdev --getsize64 "$1") - 1)) conv=notrunc status=none', undo: ERASE, says: /holds data/ },
  { name: 'mounted', make: 'mkfs.ext4 -q "$1"; mkdir -p /tmp/bad; mount "$1" /tmp/bad', undo: `umount /tmp/bad; ${ERASE}`, says: /is mounted on \/tmp\/bad/ },
  { name: 'swap in use', make: 'mkswap -q "$1"; swapon "$1"', undo: `swapoff "$1"; ${ERASE}`, says: /in use as swap/ },
  { name: 'a blank disk held by device-mapper', make: 'echo "0 2048 linear $(readlink -f "$1") 0" | dmsetup create bad-holder', undo: 'dmsetup remove bad-holder', says: /bad-holder/ },
  {
    name: 'foreign LUKS',
    make: 'printf other | cryptsetup luksFormat -q --type luks2 --pbkdf pbkdf2 --label other --key-file - "$1"',
    undo: ERASE,
    says: /LUKS volume of another installation .*label other/,
  },
  { name: 'read-only', make: 'blockdev --setro "$1"', undo: 'blockdev --setrw "$1"', says: /read-only/ },
];

/** Needs two blank disks. No refused disk changes, nor does the blank one beside it, and both steps say why. */
export async function refusesDisksThatAreNotBlank(lab: LuksLab, emptyStore: () => StateStore, log: (text: string) => void = () => undefined): Promise<void> {
  const { postgres, documents } = lab.disks;
  for (const bad of BAD_DISKS) {
    await onServer(lab, bad.make, postgres);
    const before = [await firstMebibyte(lab, postgres), await firstMebibyte(lab, documents)];
    const step = stepOf(lab, { state: emptyStore() });
    const check = await step.check();
    assert.ok(check.state === 'blocked', bad.name);
    assert.match(check.reason, bad.says);
    assert.ok(check.reason.includes(postgres), `${bad.name}: the disk is named`);
    log(`${bad.name}: ${check.reason}`);
    await assert.rejects(step.apply(), (error) => error instanceof RefusedError && bad.says.test(error.message) && error.hints.length > 0, bad.name);
    assert.deepEqual([await firstMebibyte(lab, postgres), await firstMebibyte(lab, documents)], before, `${bad.name}: a disk changed`);
    await onServer(lab, bad.undo, postgres);
  }
  const absent: DiskId = '/dev/disk/by-id/virtio-not-there';
  for (const [disks, says] of [
    [{ postgres: absent, documents }, /has no disk .*not-there/],
    [{ postgres, documents: postgres }, /the same one/],
  ] as const) {
    const check = await stepOf(lab, { state: emptyStore(), disks }).check();
    assert.ok(check.state === 'blocked' && says.test(check.reason));
  }
}

export interface PowerCut {
  /** What the step says when it begins with the work that is cut. */
  during: RegExp;
  /** How long after that. */
  seconds: number;
}

/** Needs two blank disks. Cuts the power again and again, each time starts the server and goes on, and lets the step converge in the end. */
export async function convergesAfterPowerCuts(lab: LuksLab, cuts: readonly PowerCut[]): Promise<void> {
  for (const { during, seconds } of cuts) {
    const cut = { done: Promise.resolve(), begun: false };
    const progress: Progress = {
      ...silent,
      update(label) {
        if (cut.begun || !during.test(label)) return;
        cut.begun = true;
        cut.done = sleep(seconds * 1000).then(() => lab.powerCut());
      },
    };
    await assert.rejects(stepOf(lab, { progress }).apply(), InfraError);
    assert.ok(cut.begun, `the step never came to ${String(during)}`);
    await cut.done;
    await lab.boot({ tpm: true });
  }
  await stepOf(lab).apply();
  await isDone(lab);
}

export async function isDone(lab: LuksLab): Promise<void> {
  const check = await stepOf(lab).check();
  assert.equal(check.state, 'done', JSON.stringify(check));
  const report = await luksStatus(await lab.server(), lab.state);
  assert.equal(exitCodeOf(report), EXIT.ok, JSON.stringify(report.problems));
}

/** A second run changes nothing: no header, no table, no file of the gate. */
export async function secondRunChangesNothing(lab: LuksLab): Promise<void> {
  const look = () =>
    onServer(
      lab,
      'for d; do dd if="$d" bs=1M count=16 status=none iflag=direct | sha256sum; done; stat -c "%n %i %Z" /etc/fstab /etc/crypttab /etc/koprogo/volumes /etc/systemd/system/docker.service.d/*; journalctl -q -t koprogo-luks | wc -l',
      lab.disks.postgres,
      lab.disks.documents,
    );
  const before = await look();
  await stepOf(lab).apply();
  assert.equal(await look(), before);
}

/** After a reboot with nobody there both volumes are open and mounted, and Docker runs. */
export async function opensByItselfAfterReboot(lab: LuksLab): Promise<void> {
  await onServer(lab, 'echo kept >/srv/koprogo/postgres/data/marker; sync');
  await lab.powerCut();
  await lab.boot({ tpm: true });
  await untilServer(lab, '[ "$(systemctl is-active docker.service)" = active ]', 900);
  assert.equal(await onServer(lab, 'cat /srv/koprogo/postgres/data/marker; systemctl is-active srv-koprogo-postgres.mount srv-koprogo-documents.mount'), 'kept\nactive\nactive');
  await isDone(lab);
}

/** Without the TPM Docker stays down and nothing can be written below the mount points; the manual unlock brings all of it back. */
export async function staysLockedWithoutTpm(lab: LuksLab): Promise<void> {
  await lab.powerCut();
  await lab.boot({ tpm: false });
  await untilServer(lab, 's=$(systemctl is-active docker.service); [ "$s" != activating ] && [ -z "$(systemctl list-jobs --no-legend docker.service)" ]', 900);
  const server = await lab.server();
  assert.equal(exitCodeOf(await luksStatus(server, lab.state)), EXIT.locked);
  const attempts = await onServer(
    lab,
    `systemctl is-active docker.service || true
     if timeout 300 systemctl start docker.service 2>/dev/null; then echo STARTED; fi
     for p in postgres documents; do
       mountpoint -q /srv/koprogo/$p && echo MOUNTED
       ls -A /srv/koprogo/$p
       touch /srv/koprogo/$p/x 2>/dev/null && echo WRITTEN
     done
     pgrep -x dockerd || true`,
  );
  assert.match(attempts, /^(inactive|failed)$/);
  const result = await unlockVolumes({ server, state: lab.state, progress: silent });
  assert.deepEqual(result, { volumes: [{ name: 'koprogo-postgres', was: 'locked' }, { name: 'koprogo-documents', was: 'locked' }], docker: true });
  assert.equal(await onServer(lab, 'cat /srv/koprogo/postgres/data/marker; systemctl is-active docker.service'), 'kept\nactive');
  const report = await luksStatus(server, lab.state);
  assert.equal(report.overall, 'degraded');
  assert.ok(report.volumes.every(({ tpm }) => tpm?.present === false));
  // One volume closed, the other open: the unlock finishes the half.
  await onServer(lab, 'systemctl stop docker.service docker.socket containerd.service; umount /srv/koprogo/postgres; cryptsetup close koprogo-postgres');
  const second = await unlockVolumes({ server, state: lab.state, progress: silent });
  assert.deepEqual(second.volumes.map(({ was }) => was), ['locked', 'open']);
  await lab.powerCut();
  await lab.boot({ tpm: true });
  await untilServer(lab, '[ "$(systemctl is-active docker.service)" = active ]', 900);
  await isDone(lab);
}

/** The disks given the wrong way round are recognised, and not touched. */
export async function recognisesSwappedDisks(lab: LuksLab): Promise<void> {
  const swapped = { postgres: lab.disks.documents, documents: lab.disks.postgres };
  const before = [await firstMebibyte(lab, lab.disks.postgres), await firstMebibyte(lab, lab.disks.documents)];
  const step = stepOf(lab, { disks: swapped });
  const check = await step.check();
  assert.ok(check.state === 'blocked' && /the disks are swapped: .*carries koprogo-documents/.test(check.reason), JSON.stringify(check));
  await assert.rejects(step.apply(), RefusedError);
  assert.deepEqual([await firstMebibyte(lab, lab.disks.postgres), await firstMebibyte(lab, lab.disks.documents)], before);
}

/** Docker does not start when the line in fstab is gone, when something else is mounted in a volume's place, or when the expectation is gone. */
export async function gateHolds(lab: LuksLab): Promise<void> {
  const down = 'systemctl stop docker.service docker.socket containerd.service';
  const tryDocker = 'if timeout 120 systemctl start docker.service 2>/dev/null; then echo STARTED; else echo down; fi; systemctl stop docker.socket docker.service containerd.service 2>/dev/null; systemctl reset-failed docker.service docker.socket containerd.service 2>/dev/null || true';
  const cases: readonly [name: string, prepare: string, undo: string][] = [
    ['fstab line gone', 'umount /srv/koprogo/postgres; cp /etc/fstab /run/fstab.kept; sed -i /postgres/d /etc/fstab; systemctl daemon-reload', 'cat /run/fstab.kept >/etc/fstab; systemctl daemon-reload; systemctl start srv-koprogo-postgres.mount'],
    ['a tmpfs in its place', 'umount /srv/koprogo/postgres; mount -t tmpfs none /srv/koprogo/postgres', 'umount /srv/koprogo/postgres; systemctl start srv-koprogo-postgres.mount'],
    ['a tmpfs over it', 'mount -t tmpfs none /srv/koprogo/postgres', 'umount /srv/koprogo/postgres'],
    ['no expectation', 'mv /etc/koprogo/volumes /etc/koprogo/volumes.away', 'mv /etc/koprogo/volumes.away /etc/koprogo/volumes'],
    ['another UUID expected', 'cp -a /etc/koprogo/volumes /run/volumes.kept; sed -i "/koprogo-documents/s/ [0-9a-f]/ X/" /etc/koprogo/volumes', 'cp -a /run/volumes.kept /etc/koprogo/volumes'],
  ];
  for (const [name, prepare, undo] of cases) {
    await onServer(lab, `${down}; ${prepare}`);
    assert.equal(await onServer(lab, tryDocker), 'down', name);
    await onServer(lab, undo);
  }
  await onServer(lab, 'systemctl start docker.service; systemctl is-active docker.service');
  await isDone(lab);
}

/** Waits until a shell condition holds on the server. */
async function untilServer(lab: LuksLab, condition: string, seconds: number): Promise<void> {
  const server = await lab.server();
  await server.run({ ...script('until eval "$1"; do sleep 2; done', condition), root: true, timeout: seconds, purpose: `wait until ${condition}` });
}
