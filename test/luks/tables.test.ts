import { describe, expect, it } from 'vitest';
import { newRecord } from '../../src/luks/record.js';
import { crypttab, fstab, strayLines, withBlock } from '../../src/luks/tables.js';
import { DISKS } from './fake-server.js';

const EXISTING = '# the root disk\nLABEL=root / ext4 errors=remount-ro 0 1\n\n/dev/vdx /mnt xfs defaults 0 0\n';

describe('fstab', () => {
  it('gets both volumes once, and keeps every other line', () => {
    const once = withBlock(fstab(), EXISTING);
    expect(once.startsWith(EXISTING)).toBe(true);
    expect(once).toContain('\n/dev/mapper/koprogo-postgres /srv/koprogo/postgres ext4 noatime,nodev,nosuid,nofail,x-systemd.device-timeout=20min 0 2\n');
    expect(withBlock(fstab(), once)).toBe(once);
  });

  it('replaces an older block in its place', () => {
    const older = withBlock(fstab(), EXISTING).replace('noatime,', '').replace('20min', '60s');
    expect(withBlock(fstab(), `${older}# after\n`)).toBe(`${withBlock(fstab(), EXISTING)}# after\n`);
  });

  it.each(['', 'no end of line', 'one\n'])('starts from any text: %j', (text) => {
    const once = withBlock(fstab(), text);
    expect(withBlock(fstab(), once)).toBe(once);
    expect(once.startsWith(text)).toBe(true);
    expect(once.endsWith('\n')).toBe(true);
  });

  it('does not guess when its marks are damaged', () => {
    const [begin = '', end = ''] = withBlock(fstab(), '').split('\n').filter((line) => line.startsWith('# '));
    for (const text of [`${begin}\n`, `${end}\n`, `${end}\n${begin}\n`, `${begin}\n${begin}\n${end}\n`]) {
      expect(() => withBlock(fstab(), text)).toThrow(/damaged marks/);
    }
  });

  it('finds lines of others about our volumes, by device or by place', () => {
    const stray = ['/dev/mapper/koprogo-postgres /elsewhere ext4 x 0 0', 'UUID=1  /srv/koprogo/documents/  ext4 x 0 0'];
    expect(strayLines(fstab(), `${withBlock(fstab(), EXISTING)}${stray.join('\n')}\n#/dev/mapper/koprogo-postgres /x ext4\n`)).toEqual(stray);
  });
});

describe('crypttab', () => {
  it('names the volumes by UUID, opened by the TPM or by the operator', () => {
    const tpm = newRecord(DISKS, 'auto', 'tpm');
    expect(crypttab(tpm).lines[0]).toBe(
      `koprogo-postgres UUID=${tpm.volumes.postgres.uuid} - luks,tpm2-device=auto,nofail,headless=true,x-systemd.device-timeout=15min`,
    );
    const manual = newRecord(DISKS, 'manual', 'manual');
    expect(crypttab(manual).lines[1]).toBe(`koprogo-documents UUID=${manual.volumes.documents.uuid} none luks,noauto,headless=true`);
    expect(JSON.stringify(crypttab(manual).lines)).not.toContain(manual.volumes.postgres.passphrase.reveal());
  });

  it('finds a line of somebody else with our name', () => {
    expect(strayLines(crypttab(newRecord(DISKS, 'auto', 'tpm')), 'koprogo-postgres /dev/vdb /root/key luks\nother UUID=1 none\n')).toEqual(['koprogo-postgres /dev/vdb /root/key luks']);
  });
});
