import { describe, expect, it } from 'vitest';
import { parseObstacles, refusal } from '../../src/luks/disk.js';
import { inspection, parseFacts } from '../../src/luks/inspect.js';
import { newRecord } from '../../src/luks/record.js';
import { DISKS, encodeFacts, RECORDED_HEADER } from './fake-server.js';

/** As a Debian 13 machine told it, shortened. */
const FACTS: Readonly<Record<string, string>> = {
  'postgres.device': '/dev/vdb',
  'postgres.uuid': 'f32a5d1b-d5f3-435a-898d-3a1afa47530f',
  'postgres.header': RECORDED_HEADER,
  'postgres.material': '4b810183aebbe47c968af68e2d3b26a4e1a119f6d90b325ae6c60de0cd8ad230',
  'postgres.token': '0',
  'postgres.mapping': 'CRYPT-LUKS2-f32a5d1bd5f3435a898d3a1afa47530f-koprogo-postgres vdb',
  'postgres.filesystem': 'ext4',
  'postgres.extent': '8388608 1044480 0 2',
  'postgres.mounts':
    '{\n   "filesystems": [\n      {\n         "source": "/dev/mapper/koprogo-postgres",\n         "fstype": "ext4",\n         "options": "rw,nosuid,nodev,noatime"\n      }\n   ]\n}',
  'documents.device': '/dev/vdc',
  'documents.uuid': '',
  'documents.obstacles': 'signature ext4\ndata 1024',
  'documents.mounts': '',
  below: '----i---------e------- 0 /mnt/postgres/\n--------------e------- 2 /mnt/documents/',
  tpm: 'yes',
  crypttab: '# <target name>\t<source device>\n',
  fstab: '# UNCONFIGURED FSTAB FOR BASE SYSTEM\n',
  docker: 'LoadState=loaded\nActiveState=active\nDropInPaths=/etc/systemd/system/docker.service.d/koprogo-volumes.conf /run/x.conf\nNeedDaemonReload=no',
  directories: '700 999:999 /srv/koprogo/postgres/data',
  files: '',
};

describe('what the server tells', () => {
  it('is read', () => {
    const facts = parseFacts(encodeFacts(FACTS), DISKS);
    expect(facts.volumes.postgres).toMatchObject({
      device: '/dev/vdb',
      tpmOpens: true,
      extent: { disk: 4 * 2 ** 30, filesystem: 4 * 2 ** 30 - 16 * 2 ** 20 },
      mapping: { id: 'CRYPT-LUKS2-f32a5d1bd5f3435a898d3a1afa47530f-koprogo-postgres', device: '/dev/vdb', filesystem: 'ext4' },
      mounts: [{ source: '/dev/mapper/koprogo-postgres', fstype: 'ext4' }],
      below: { immutable: true, entries: 0 },
    });
    expect(facts.volumes.documents).toMatchObject({ obstacles: [{ code: 'signature', type: 'ext4' }, { code: 'data', at: 1024 }], below: { immutable: false, entries: 2 } });
    expect(facts.docker).toEqual({ installed: true, active: true, dropIns: ['/etc/systemd/system/docker.service.d/koprogo-volumes.conf', '/run/x.conf'], needsReload: false });
    expect(facts.crypttab).toBe(FACTS['crypttab']);
    expect(facts.directories.get('/srv/koprogo/postgres/data')).toEqual({ mode: '0700', owner: '999:999' });
  });

  it('cannot pass a text of the machine for a fact', () => {
    const hostile = parseFacts(encodeFacts({ ...FACTS, fstab: 'tpm 0\n\npostgres.uuid 3\nabc\n' }), DISKS);
    expect(hostile.tpm).toBe(true);
    expect(hostile.volumes.postgres.uuid).toBe('f32a5d1b-d5f3-435a-898d-3a1afa47530f');
  });

  const whole = encodeFacts(FACTS);
  it.each<[what: string, stdout: string]>([
    ['nothing', ''],
    ['a banner before it', `Welcome!\n${whole}`],
    ['a cut output', whole.slice(0, Math.floor(whole.length / 8) * 4)],
    ['a fact twice', Buffer.concat([Buffer.from(whole, 'base64'), Buffer.from('tpm 3\nyes\n')]).toString('base64')],
    ['an unknown fact', encodeFacts({ ...FACTS, evil: 'x' })],
    ['a missing fact', encodeFacts(Object.fromEntries(Object.entries(FACTS).filter(([name]) => name !== 'fstab')))],
    ['an unknown obstacle', encodeFacts({ ...FACTS, 'documents.obstacles': 'fine' })],
    ['a wrong number', encodeFacts({ ...FACTS, 'documents.obstacles': 'data -1' })],
    ['mounts that are no JSON', encodeFacts({ ...FACTS, 'postgres.mounts': '{"filesystems": 1}' })],
    ['an extent that is none', encodeFacts({ ...FACTS, 'postgres.extent': '8388608 1044480' })],
    ['strange flags', encodeFacts({ ...FACTS, below: 'x /mnt/postgres/' })],
    ['a strange directory', encodeFacts({ ...FACTS, directories: 'rwx root /srv' })],
    ['a table that is not UTF-8', Buffer.from(Buffer.from(encodeFacts({ ...FACTS, fstab: '# ZZ\n' }), 'base64').toString('latin1').replace('ZZ', '\xe9\xe8'), 'latin1').toString('base64')],
  ])('is refused whole: %s', (_, stdout) => {
    expect(() => parseFacts(stdout, DISKS)).toThrow(/the server (told|described)/);
  });
});

it('is asked for in one command, with every value as an argument and no secret among them', () => {
  const document = newRecord(DISKS, 'auto', 'tpm');
  const command = inspection({ disks: DISKS, document });
  const body = command.argv[command.argv.indexOf('-c') + 1] ?? '';
  expect(body).not.toContain(document.volumes.postgres.uuid);
  expect(command.argv.slice(command.argv.indexOf('koprogo') + 1).slice(0, 7)).toEqual(['postgres', DISKS.postgres, 'koprogo-postgres', '/srv/koprogo/postgres', document.volumes.postgres.uuid, '0', '0']);
  expect(command.argv.join(' ')).not.toContain(document.volumes.postgres.passphrase.reveal());
  expect(command.input).toBeUndefined();
});

it('a refusal names the disk, what was found, and the next command', () => {
  const { reason, hints } = refusal(DISKS.postgres, parseObstacles('mounted /dev/vdb1 [SWAP]\nluks 1-2 \nsmall 1048576'));
  expect(reason).toBe(
    `the disk ${DISKS.postgres} is not blank and usable, and was not touched: /dev/vdb1 is in use as swap; it holds a LUKS volume of another installation (UUID 1-2); it has only 1 MiB, and at least 1 GiB is needed`,
  );
  expect(hints[0]).toContain(`lsblk -f ${DISKS.postgres}`);
});
