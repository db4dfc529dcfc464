import { beforeAll, describe, expect, it } from 'vitest';
import { createRecoveryKey, type RecoveryKey } from '../../../src/keys/recovery/recovery-key.js';
import { readSheet, sheet } from '../../../src/keys/recovery/share-sheet.js';
import { shareRows } from '../../../src/keys/recovery/share-text.js';
import { type Share, splitPassphrase } from '../../../src/keys/recovery/shares.js';

let key: RecoveryKey;
let shares: Share[];
let text: string;
beforeAll(async () => {
  const installation = 'a'.repeat(32);
  key = await createRecoveryKey({ installation });
  shares = await splitPassphrase(key.passphrase, { count: 16, threshold: 16 });
  text = sheet(shares[15] as Share, { installation, fingerprint: key.fingerprint, privateKey: key.privateKey, made: new Date('2026-11-23T12:00:00Z') });
});

describe('a sheet', () => {
  it('is one printed page in ASCII and says what it is and what to do', () => {
    const lines = text.split('\n');
    expect(lines.length).toBeLessThanOrEqual(60);
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(text).toMatch(/^[ -~\n]*$/);
    expect(text).toContain('share 16 of 16');
    expect(text).toContain('Made          2026-11-23');
    expect(text).toContain(key.fingerprint);
    expect(text).not.toContain(key.passphrase.reveal());
  });

  it('is read again, also with the line ends of another system', () => {
    for (const form of [text, text.replaceAll('\n', '\r\n')]) {
      const { share, privateKey } = readSheet(form, 'a.txt');
      expect(shareRows(share)).toEqual(shareRows(shares[15] as Share));
      expect(privateKey?.reveal().replaceAll(/\s/g, '')).toBe(key.privateKey.reveal().replaceAll(/\s/g, ''));
    }
  });

  it('may be nothing but the share, as somebody typed it', () => {
    const { share, privateKey } = readSheet(`${shareRows(shares[0] as Share).join('\n').toUpperCase()}\n`, 'a.txt');
    expect(share.index).toBe(1);
    expect(privateKey).toBeUndefined();
  });

  it('that is cut, doubled, or something else is refused, by its name', () => {
    expect(() => readSheet(text.slice(0, text.indexOf('-----END KOPROGO')), 'a.txt')).toThrow(/^a\.txt: the share is cut short/);
    expect(() => readSheet(text + text, 'a.txt')).toThrow(/^a\.txt holds more than one share/);
    expect(() => readSheet(text.slice(text.indexOf('-----BEGIN PGP')), 'a.txt')).toThrow(/^a\.txt: this is no share: it has more than 400/);
    expect(() => readSheet('', 'a.txt')).toThrow(/^a\.txt: the share has 0 characters/);
    expect(() => readSheet('\u001b[31m\0'.repeat(20), 'a.txt')).toThrow(/^a\.txt: group 1 .* has a character/);
  });
});
