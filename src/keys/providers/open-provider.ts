import type { Secret } from '../../secret.js';
import type { KeyMemory } from '../hardening/locked-memory.js';
import type { KeyProvider } from '../provider.js';
import { LocalKeys } from './local.js';
import { decodeMasterKey } from './master-key.js';
import { MasterKeys } from './none.js';
import { readSecret } from './secret-source.js';
import type { KeySettings, LocalSettings, MasterKey } from './settings.js';
import { say } from './words.js';

/** Finds the passphrase of the key file where no file holds it: asks for it. undefined: there is nobody to ask, or none is wanted. */
export type PassphraseSource = (purpose: 'open' | 'create') => Promise<Secret | undefined>;

export interface OpenOptions {
  passphrase: PassphraseSource;
  /** Whether a local key file may be made: only when nothing was encrypted yet. */
  mayCreate: boolean;
  /** Whether FIPS mode is really on. */
  fips: boolean;
  memory: KeyMemory;
}

/** The key provider that the settings name. A key service is first spoken to when a key is needed. */
export async function openKeyProvider(settings: KeySettings, options: OpenOptions): Promise<KeyProvider> {
  switch (settings.provider) {
    case 'none':
      return new MasterKeys(await masterKey(settings.current), await Promise.all(settings.older.map(masterKey)), options.memory);
    case 'local':
      return localKeys(settings, options);
    case 'aws_kms':
      return (await import('./aws-kms.js')).awsKmsProvider(settings);
    case 'vault':
      return (await import('./vault.js')).vaultProvider(settings);
  }
}

function localKeys({ keysFile, passphraseFile }: LocalSettings, { passphrase, ...options }: OpenOptions): LocalKeys {
  const fromFile = passphraseFile === undefined ? undefined : () => readSecret({ file: passphraseFile }, 'KOPROGO_STATE_PASSPHRASE');
  return new LocalKeys({ path: keysFile, passphrase: fromFile ?? passphrase, ...options });
}

async function masterKey(source: MasterKey): Promise<{ version: number; key: Buffer }> {
  const text = await readSecret(source, source.variable);
  return { version: source.version, key: decodeMasterKey(text.reveal(), 'file' in source ? say('file', { variable: source.variable }) : source.variable) };
}
