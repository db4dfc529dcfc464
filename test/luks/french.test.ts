import { afterEach, describe, expect, it } from 'vitest';
import { describeObstacle, refusal } from '../../src/luks/disk.js';
import { withBlock, type Table } from '../../src/luks/tables.js';
import { wrongPassphrase } from '../../src/luks/unlock.js';
import { VOLUMES } from '../../src/luks/volumes.js';
import { Secret } from '../../src/secret.js';
import { speak } from '../../src/words.js';

afterEach(() => {
  speak('en');
});

describe('the volumes in French', () => {
  it('tells why a disk is refused, and what to type', () => {
    speak('fr');
    const { reason, hints } = refusal('/dev/disk/by-id/virtio-x', [{ code: 'mounted', device: '/dev/vdb', where: '/mnt' }, { code: 'data', at: 512 }]);
    expect(reason).toBe('le disque /dev/disk/by-id/virtio-x n’est pas vierge et utilisable, et n’a pas été touché : /dev/vdb est monté sur /mnt ; il contient des données (les premières à l’octet 512)');
    expect(hints[0]).toBe('examinez-le sur le serveur : lsblk -f /dev/disk/by-id/virtio-x');
    expect(describeObstacle({ code: 'luks', uuid: 'u', label: 'l' })).toBe('il contient un volume LUKS d’une autre installation (UUID u, étiquette l)');
  });

  it('tells of a wrong passphrase', () => {
    speak('fr');
    const error = wrongPassphrase(VOLUMES.postgres, {
      disk: '/dev/disk/by-id/virtio-x', uuid: '6b1d6f0e-8b0e-4d57-9f57-0d4c1f1f3c55', passphrase: new Secret('x'), method: 'manual', stage: 'completed', enrolling: false,
    });
    expect(error.message).toContain('la phrase de passe de récupération mémorisée n’ouvre pas koprogo-postgres');
    expect(error.hints).toContain('koprogo-infra luks status');
  });

  it('writes the marks on the server as in English', () => {
    const table: Table = { path: '/etc/fstab', lines: ['a'], claims: () => false };
    const english = withBlock(table, '');
    speak('fr');
    expect(withBlock(table, '')).toBe(english);
    expect(() => withBlock(table, '# END koprogo-infra\n')).toThrow('a des marques de koprogo-infra endommagées');
  });
});
