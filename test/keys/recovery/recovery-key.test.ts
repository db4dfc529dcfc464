import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createMessage, decrypt, encrypt, readKey, readMessage } from 'openpgp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRecoveryKey, exportRecoveryKey, type RecoveryKey, recoveryKeyStep, unlockPrivateKey } from '../../../src/keys/recovery/recovery-key.js';
import { type Progress, silent } from '../../../src/progress.js';
import { Secret } from '../../../src/secret.js';
import { type Gpg, gpgUnavailable, startGpg } from '../../fixtures/gpg.js';
import { MemoryState } from '../../fixtures/memory-state.js';

const why = gpgUnavailable();
if (why) console.warn(`tests against gpg left out: ${why}`);

let key: RecoveryKey;
beforeAll(async () => {
  key = await createRecoveryKey({ installation: 'rue-haute' });
});

describe.skipIf(why !== undefined)('with GnuPG', () => {
  let gpg: Gpg;
  let passphraseFile: string;
  beforeAll(() => {
    gpg = startGpg();
    passphraseFile = join(gpg.home, 'passphrase');
    writeFileSync(passphraseFile, key.passphrase.reveal(), { mode: 0o600 });
  });
  afterAll(() => {
    gpg.stop();
  });

  it('the public part is imported and encrypts for us', async () => {
    gpg.run(['--import'], key.publicKey);
    const listed = gpg.run(['--list-keys', '--with-colons']).toString();
    expect(listed).toContain(`fpr:::::::::${key.fingerprint}:`);
    expect(listed).toContain('KoproGo backups of rue-haute');
    // No expiry, on the key or its subkey: field 7.
    for (const line of listed.split('\n').filter((text) => /^(pub|sub):/.test(text))) expect(line.split(':')[6]).toBe('');
    const sealed = gpg.run(['--encrypt', '--recipient', key.fingerprint], 'from gpg');
    const privateKey = await unlockPrivateKey(key.privateKey, key.passphrase, key.fingerprint);
    const opened: { data: unknown } = await decrypt({ message: await readMessage({ binaryMessage: new Uint8Array(sealed) }), decryptionKeys: privateKey });
    expect(opened.data).toBe('from gpg');
  });

  it('the private part is imported, asks for its passphrase, and decrypts what we encrypt', async () => {
    gpg.run(['--import'], key.privateKey.reveal());
    expect(gpg.run(['--list-secret-keys', '--with-colons']).toString()).toContain(key.fingerprint);
    const encryptionKeys = (await readKey({ armoredKey: key.publicKey })).toPublic();
    const sealed: unknown = await encrypt({ message: await createMessage({ text: 'for gpg' }), encryptionKeys, format: 'binary' });
    expect(gpg.run(['--passphrase-file', passphraseFile, '--decrypt'], sealed as Uint8Array).toString()).toBe('for gpg');
    const fresh = startGpg();
    try {
      fresh.run(['--import'], key.privateKey.reveal());
      const wrong = join(fresh.home, 'wrong');
      writeFileSync(wrong, 'wrong');
      // Told to be quiet, GnuPG 2.2 says "No secret key" of a wrong passphrase.
      expect(() => fresh.run(['--passphrase-file', wrong, '--decrypt'], sealed as Uint8Array)).toThrow(/Bad passphrase|No secret key/);
    } finally {
      fresh.stop();
    }
  });

  it('what gpg exports is the same key to us, under the same passphrase', async () => {
    const exported = gpg.run(['--passphrase-file', passphraseFile, '--armor', '--export-secret-keys', key.fingerprint]).toString();
    const unlocked = await unlockPrivateKey(new Secret(exported), key.passphrase, key.fingerprint);
    expect(unlocked.isDecrypted()).toBe(true);
    await expect(unlockPrivateKey(new Secret(exported), new Secret('wrong'))).rejects.toThrow(/passphrase of the private key .* is wrong/);
  });

  it('a passphrase with accents and a key that expires work too', async () => {
    const own = await createRecoveryKey({ installation: 'a', passphrase: new Secret('clé de la copropriété, été'), expiresAfterDays: 365 });
    const fresh = startGpg();
    try {
      fresh.run(['--import'], own.privateKey.reveal());
      const file = join(fresh.home, 'p');
      writeFileSync(file, own.passphrase.reveal());
      const sealed = fresh.run(['--encrypt', '--recipient', own.fingerprint], 'text');
      expect(fresh.run(['--passphrase-file', file, '--decrypt'], sealed).toString()).toBe('text');
      const [, , , , , , expires] = /^pub:.*$/m.exec(fresh.run(['--list-keys', '--with-colons']).toString())?.[0].split(':') ?? [];
      const days = (Number(expires) * 1000 - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(363);
      expect(days).toBeLessThan(365);
    } finally {
      fresh.stop();
    }
  });
});

describe('a private key that cannot be used is told apart', () => {
  it('wrong or missing passphrase', async () => {
    await expect(unlockPrivateKey(key.privateKey, new Secret('wrong'))).rejects.toThrow(`the passphrase of the private key ${key.fingerprint} is wrong`);
    await expect(unlockPrivateKey(key.privateKey, undefined)).rejects.toThrow(/protected by a passphrase and none was given/);
  });
  it('another key than the backup names', async () => {
    const other = '0123456789ABCDEF0123456789ABCDEF01234567';
    await expect(unlockPrivateKey(key.privateKey, key.passphrase, other)).rejects.toThrow(new RegExp(`encrypted to ${other}, and the key given is ${key.fingerprint}`));
    await expect(unlockPrivateKey(key.privateKey, key.passphrase, key.fingerprint.toLowerCase())).resolves.toBeDefined();
  });
  it('no private key at all', async () => {
    await expect(unlockPrivateKey(new Secret(key.publicKey), key.passphrase)).rejects.toThrow(/public part/);
    await expect(unlockPrivateKey(new Secret('-----BEGIN OPENSSH PRIVATE KEY-----'), key.passphrase)).rejects.toThrow(/not an OpenPGP private key/);
    const cut = key.privateKey.reveal().slice(0, 400);
    await expect(unlockPrivateKey(new Secret(cut), key.passphrase)).rejects.toThrow(/cannot be read/);
  });
  it('a short passphrase for a new one', async () => {
    await expect(createRecoveryKey({ installation: 'a', passphrase: new Secret('short') })).rejects.toThrow(/shorter than 20/);
  });
});

describe('the step', () => {
  it('makes one key, shows it once, and finds it done afterwards', async () => {
    const state = new MemoryState();
    const shown: string[] = [];
    const progress: Progress = { ...silent, showOnce: (_, lines) => void shown.push(lines.join('\n')) };
    const step = recoveryKeyStep({ state, installation: 'a', progress });
    await expect(exportRecoveryKey(state)).rejects.toMatchObject({ hints: ['koprogo-infra setup'] });
    expect((await step.check()).state).toBe('needed');
    await step.apply();
    const made = await exportRecoveryKey(state);
    expect(await step.check()).toEqual({ state: 'done', detail: `fingerprint ${made.fingerprint}` });
    expect(shown).toHaveLength(1);
    expect(shown[0]).toContain(made.passphrase.reveal());
    expect(shown[0]).toContain('-----BEGIN PGP PRIVATE KEY BLOCK-----');
  });

  it('killed before the key was shown keeps that key and shows it the next time', async () => {
    const state = new MemoryState();
    const killed = recoveryKeyStep({
      state,
      installation: 'a',
      progress: {
        ...silent,
        showOnce: () => {
          throw new Error('killed');
        },
      },
    });
    await expect(killed.apply()).rejects.toThrow('killed');
    const first = await exportRecoveryKey(state);
    let shown = '';
    const again = recoveryKeyStep({ state, installation: 'a', progress: { ...silent, showOnce: (_, lines) => void (shown = lines.join('\n')) } });
    expect(await again.check()).toMatchObject({ state: 'needed', changes: ['show the recovery key, to be kept safe'] });
    await again.apply();
    expect((await exportRecoveryKey(state)).fingerprint).toBe(first.fingerprint);
    expect(shown).toContain(first.fingerprint);
    expect((await again.check()).state).toBe('done');
  });
});
