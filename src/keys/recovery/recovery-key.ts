import { decryptKey, enums, generateKey, type PrivateKey, readPrivateKey } from 'openpgp';
import { z } from 'zod';
import { InfraError, InputError, messageOf } from '../../errors.js';
import type { Progress } from '../../progress.js';
import { Secret } from '../../secret.js';
import { secretText } from '../../state/schema.js';
import type { StateStore } from '../../state/store.js';
import { done, needed, type Step } from '../../step.js';
import { generatePassphrase } from '../passphrase.js';
import { say } from './words.js';

export const RECOVERY_KEY_DOCUMENT = 'recovery-key';

/** A clock of the server that lags must not make a fresh key "not yet valid" there: the key is dated back this much. */
const DATED_BACK_MS = 24 * 60 * 60 * 1000;
const MIN_PASSPHRASE = 20;

/** The key pair that backups are encrypted to. The private part is protected by the passphrase, as GnuPG 2.2 reads it. */
export interface RecoveryKey {
  /** The primary key's, 40 upper-case hexadecimal digits. */
  fingerprint: string;
  /** Armored: may be known to everybody; goes to the server. */
  publicKey: string;
  /** Armored, encrypted under the passphrase; never on the server. */
  privateKey: Secret;
  passphrase: Secret;
}

const fingerprint = z.string().regex(/^[0-9A-F]{40}$/);

export const recoveryKeySchema = z.object({
  version: z.literal(1),
  fingerprint,
  publicKey: z.string().startsWith('-----BEGIN PGP PUBLIC KEY BLOCK-----'),
  privateKey: secretText,
  passphrase: secretText,
  created: z.iso.datetime(),
  /** Whether the operator has been shown what to keep. */
  shown: z.boolean(),
});

export interface RecoveryKeyOptions {
  installation: string;
  /** At least 20 characters; a generated one of 130 bits without it. */
  passphrase?: Secret;
  /**
   * Days until the key expires. By default it never does: expiry stops encryption, not decryption, so its only effect
   * on this key would be that backups cease on that day. Rotation goes by the key's age instead.
   */
  expiresAfterDays?: number;
}

/** Makes a Curve25519 key pair (version 4, EdDSA and ECDH, which every GnuPG since 2.1 reads). Throws InputError for a short passphrase. */
export async function createRecoveryKey(options: RecoveryKeyOptions): Promise<RecoveryKey> {
  const passphrase = options.passphrase ?? generatePassphrase();
  if (passphrase.reveal().length < MIN_PASSPHRASE) {
    throw new InputError(say('passphrase.short', { minPassphrase: MIN_PASSPHRASE }));
  }
  const pair = await generateKey({
    // Not the newer type 'curve25519': GnuPG 2.2 and 2.4 do not know its algorithm numbers.
    type: 'ecc',
    curve: 'curve25519Legacy',
    userIDs: [{ name: `KoproGo backups of ${options.installation}` }],
    passphrase: passphrase.reveal(),
    date: new Date(Date.now() - DATED_BACK_MS),
    keyExpirationTime: (options.expiresAfterDays ?? 0) * 24 * 60 * 60,
    format: 'object',
    // Spelled out, though they are defaults today: GnuPG 2.2 reads neither AEAD, nor version 6, nor Argon2.
    // The highest iteration count (65 MB of SHA-256 a guess) is for passphrases that people choose.
    config: { aeadProtect: false, v6Keys: false, s2kType: enums.s2k.iterated, s2kIterationCountByte: 255 },
  });
  return {
    fingerprint: pair.publicKey.getFingerprint().toUpperCase(),
    publicKey: pair.publicKey.armor(),
    privateKey: new Secret(pair.privateKey.armor()),
    passphrase,
  };
}

/**
 * The private key, ready to decrypt. Throws InputError when the text is no private key, is another one than
 * `expectedFingerprint` (40 hexadecimal digits), or the passphrase is wrong or missing.
 */
export async function unlockPrivateKey(armored: Secret, passphrase: Secret | undefined, expectedFingerprint?: string): Promise<PrivateKey> {
  const key = await readArmored(armored);
  const found = key.getFingerprint().toUpperCase();
  if (expectedFingerprint !== undefined && found !== expectedFingerprint.toUpperCase()) throw otherKey(found, expectedFingerprint);
  if (key.isDecrypted()) return key;
  if (!passphrase) throw new InputError(say('passphrase.needed', { found }));
  try {
    return await decryptKey({ privateKey: key, passphrase: passphrase.reveal() });
  } catch (cause) {
    if (/incorrect key passphrase/i.test(messageOf(cause))) {
      throw new InputError(say('passphrase.wrong', { found }), {
        hints: [say('passphrase.shown')],
        cause,
      });
    }
    throw new InputError(say('key.locked', { found, reason: messageOf(cause) }), { cause });
  }
}

/** The backup is encrypted to one key and this is another. */
export function otherKey(found: string, expected: string): InputError {
  return new InputError(say('key.other', { expected: expected.toUpperCase(), found: found.toUpperCase() }), {
    hints: ['gpg --list-secret-keys --keyid-format none', `gpg --export-secret-keys --armor ${expected.toUpperCase()} > recovery-key.asc`],
  });
}

async function readArmored(armored: Secret): Promise<PrivateKey> {
  const text = armored.reveal();
  if (!text.includes('-----BEGIN PGP PRIVATE KEY BLOCK-----')) {
    const publicOnly = text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----');
    throw new InputError(publicOnly ? say('key.public') : say('key.none'), {
      hints: [say('key.begins'), say('key.gpg')],
    });
  }
  try {
    return await readPrivateKey({ armoredKey: text });
  } catch (cause) {
    throw new InputError(say('key.unreadable', { reason: messageOf(cause) }), { cause });
  }
}

/** The stored recovery key; undefined when none was made yet. */
export async function readRecoveryKey(state: StateStore): Promise<(RecoveryKey & { created: string }) | undefined> {
  const stored = await state.get(RECOVERY_KEY_DOCUMENT, recoveryKeySchema);
  if (!stored) return undefined;
  const { fingerprint, publicKey, privateKey, passphrase, created } = stored;
  return { fingerprint, publicKey, privateKey, passphrase, created };
}

/** Both parts for `gpg --import`, and the passphrase that gpg will ask for. Throws InfraError when no key was made yet. */
export async function exportRecoveryKey(state: StateStore): Promise<RecoveryKey> {
  const key = await readRecoveryKey(state);
  if (!key) throw new InfraError(say('key.missing'), { hints: ['koprogo-infra setup'] });
  return key;
}

/**
 * Makes the recovery key once, stores it, then shows what to keep. Killed before it was shown, it shows it the next
 * time; a key is never made a second time, because backups may already be encrypted to the first.
 */
export function recoveryKeyStep(dependencies: { state: StateStore; installation: string; progress: Progress; passphrase?: Secret }): Step {
  const { state, installation, progress } = dependencies;
  return {
    id: 'recovery-key',
    title: say('step.title'),
    onServer: false,
    async check() {
      const stored = await state.get(RECOVERY_KEY_DOCUMENT, recoveryKeySchema);
      if (!stored) return needed(say('step.make'));
      if (!stored.shown) return needed(say('step.show'));
      return done(say('step.done', { fingerprint: stored.fingerprint }));
    },
    async apply() {
      let stored = await state.get(RECOVERY_KEY_DOCUMENT, recoveryKeySchema);
      if (!stored) {
        progress.update(say('step.making'));
        const key = await createRecoveryKey({ installation, ...(dependencies.passphrase ? { passphrase: dependencies.passphrase } : {}) });
        stored = { version: 1, ...key, created: new Date().toISOString(), shown: false };
        await state.put(RECOVERY_KEY_DOCUMENT, stored);
      }
      progress.showOnce(say('show.title'), [
        say('show.fingerprint', { fingerprint: stored.fingerprint }),
        say('show.passphrase', { passphrase: stored.passphrase.reveal() }),
        ...stored.privateKey.reveal().trim().split(/\r?\n/),
        say('show.end'),
      ]);
      await state.put(RECOVERY_KEY_DOCUMENT, { ...stored, shown: true });
    },
  };
}
