import { describe, expect, it } from 'vitest';
import { cipherOf, describeKeyslots, parseHeader, recoverySlot, slotsWithoutToken, tpmSlots } from '../../src/luks/header.js';
import { RECORDED_HEADER } from './fake-server.js';

const DISK = '/dev/disk/by-id/virtio-pgdata-0001';
const recorded = () => parseHeader(RECORDED_HEADER, DISK);

describe('a recorded header', () => {
  it('says what each keyslot is for', () => {
    expect(describeKeyslots(recorded())).toEqual([
      { slot: 0, purpose: 'recovery passphrase', kdf: 'argon2id' },
      { slot: 1, purpose: 'TPM 2.0 of this server, PCR 7', kdf: 'pbkdf2' },
    ]);
    expect(tpmSlots(recorded())).toEqual(['1']);
    expect(slotsWithoutToken(recorded())).toEqual([]);
    expect(cipherOf(recorded())).toEqual({ cipher: 'aes-xts-plain64', keyBits: 512, sectorSize: 4096 });
  });

  it('shows a keyslot that nobody here made', () => {
    const header = recorded();
    header.tokens = {};
    expect(slotsWithoutToken(header)).toEqual(['1']);
    expect(describeKeyslots(header)[1]?.purpose).toMatch(/not made by koprogo-infra/);
  });

  it('has a fingerprint of keyslot 0 that other keys do not change, but its own salt does', () => {
    const before = recoverySlot(recorded());
    expect(before).toMatchObject({ offset: 32768, size: 258048 });
    const without = recorded();
    without.tokens = {};
    delete without.keyslots['1'];
    const digest = without.digests['0'];
    if (digest) digest.keyslots = ['0'];
    expect(recoverySlot(without)).toEqual(before);
    const changed = recorded();
    const kdf = changed.keyslots['0']?.kdf;
    if (kdf) kdf.salt = 'AAAA';
    expect(recoverySlot(changed)?.slot).not.toBe(before?.slot);
    delete changed.keyslots['0'];
    expect(recoverySlot(changed)).toBeUndefined();
  });
});

it.each(['', 'no header', '{}', '{"keyslots":{"x":{}},"tokens":{},"segments":{},"digests":{}}', RECORDED_HEADER.replace('"32768"', '"-1"'), RECORDED_HEADER.slice(0, 900)])(
  'is an error that names the disk when it is not such a header (%#)',
  (text) => {
    expect(() => parseHeader(text, DISK)).toThrow(DISK);
  },
);
