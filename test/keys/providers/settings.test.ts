import { describe, expect, it } from 'vitest';
import { InputError } from '../../../src/errors.js';
import { decodeMasterKey } from '../../../src/keys/providers/master-key.js';
import { type KeySettings, readKeySettings } from '../../../src/keys/providers/settings.js';

const KEY = Buffer.from('0123456789abcdef0123456789ABCDEF').toString('base64');
const OTHER = Buffer.from('another key of 32 bytes, for v 1').toString('base64');
const TOKEN = 'hvs.CAESIPlantedTokenPlanted';

function problemsOf(environment: NodeJS.ProcessEnv): InputError {
  try {
    readKeySettings(environment);
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error('the settings were taken');
}

function read<P extends KeySettings['provider']>(provider: P, environment: NodeJS.ProcessEnv): Extract<KeySettings, { provider: P }> {
  const settings = readKeySettings(environment);
  if (settings.provider !== provider) throw new Error(`it is ${settings.provider}`);
  return settings as Extract<KeySettings, { provider: P }>;
}

describe('the settings of the keys', () => {
  it('have defaults: a local key file, everything on but FIPS', () => {
    const settings = read('local', {});
    expect(settings).toMatchObject({
      passphraseFile: undefined,
      envelopeThresholdBytes: 1_048_576,
      dataKeyCache: { enabled: true, ttlSeconds: 300, maxSize: 1000 },
      rotationIntervalDays: 90,
      hardening: { memoryLocking: true, guardPages: true, constantTime: true, fips: false },
      audit: { enabled: true, log: undefined },
      warnings: [],
    });
    expect(settings.keysFile).toMatch(/^\/.*\/koprogo-infra\/keys\.json$/);
  });

  it('choose none when there is a master key, and take what KMS_PROVIDER says', () => {
    expect(readKeySettings({ MASTER_ENCRYPTION_KEY: KEY }).provider).toBe('none');
    expect(readKeySettings({ MASTER_ENCRYPTION_KEY_FILE: '/run/secrets/key' }).provider).toBe('none');
    expect(readKeySettings({ MASTER_ENCRYPTION_KEY: '', KMS_PROVIDER: '' }).provider).toBe('local');
    expect(readKeySettings({ MASTER_ENCRYPTION_KEY: KEY, KMS_PROVIDER: 'local' }).provider).toBe('local');
    expect(problemsOf({ KMS_PROVIDER: 'gcp' }).message).toContain('KMS_PROVIDER must be one of: none, local, aws_kms, vault');
    expect(problemsOf({ KMS_PROVIDER: 'none' }).message).toContain('MASTER_ENCRYPTION_KEY (or MASTER_ENCRYPTION_KEY_FILE) must be set');
    expect(readKeySettings({ VAULT_ADDR: 'https://v.test' }).warnings).toEqual(['VAULT_ADDR is set but KMS_PROVIDER is not: no key service is used']);
  });

  it('read the master key and its older versions, from variables and files', () => {
    const settings = read('none', {
      MASTER_ENCRYPTION_KEY_FILE: '/run/secrets/key',
      ENCRYPTION_KEY_VERSION: '11',
      MASTER_ENCRYPTION_KEY_V10: KEY,
      MASTER_ENCRYPTION_KEY_V2_FILE: '/run/secrets/key-2',
      MASTER_ENCRYPTION_KEY_V3: '',
    });
    expect(settings.current).toEqual({ version: 11, variable: 'MASTER_ENCRYPTION_KEY', file: '/run/secrets/key' });
    expect(settings.older.map(({ version }) => version)).toEqual([2, 10]);
    const [, ten] = settings.older;
    expect(ten && 'value' in ten && ten.value.reveal()).toBe(KEY);
    expect(JSON.stringify(settings)).not.toContain(KEY);
  });

  it('tell apart what is wrong with a master key, and name the command that makes one', () => {
    const bytes = (size: number) => Buffer.from(Array.from({ length: size }, (_, i) => 7 * i + 1)).toString('base64');
    const cases: [string, string][] = [
      [bytes(16), 'is 16 bytes and not 32'],
      [bytes(33), 'is 33 bytes and not 32'],
      [bytes(32).replace('=', ''), 'is not base64: its end is cut off or mistyped'],
      [`${bytes(32).slice(0, 42)}9=`, 'is not base64: its end is cut off or mistyped'],
      [`${bytes(32)}\n`, 'begins or ends with blank space'],
      ['not a key at all, really', 'is not base64: it has other characters'],
      [`_${KEY.slice(1)}`, 'is base64url'],
      ['0123456789abcdef'.repeat(4), 'is 32 bytes in hexadecimal'],
      [Buffer.alloc(32, 65).toString('base64'), 'is one byte again and again'],
    ];
    for (const [text, problem] of cases) {
      const error = problemsOf({ MASTER_ENCRYPTION_KEY: text });
      expect(error.message).toContain(`MASTER_ENCRYPTION_KEY ${problem}`);
      expect(error.hints.join()).toContain('koprogo-infra keys generate');
      expect(JSON.stringify([error.message, error.hints])).not.toContain(text.trim());
      expect(() => decodeMasterKey(text, '/run/secrets/key')).toThrow(`/run/secrets/key ${problem}`);
    }
    expect(decodeMasterKey(KEY, 'x').toString()).toBe('0123456789abcdef0123456789ABCDEF');
  });

  it('refuse versions that contradict one another', () => {
    const base = { MASTER_ENCRYPTION_KEY: KEY, ENCRYPTION_KEY_VERSION: '2' };
    expect(problemsOf({ ...base, MASTER_ENCRYPTION_KEY_V2: OTHER }).message).toContain('MASTER_ENCRYPTION_KEY_V2 is not older than ENCRYPTION_KEY_VERSION, which is 2');
    expect(problemsOf({ ...base, MASTER_ENCRYPTION_KEY_V01: OTHER }).message).toContain('MASTER_ENCRYPTION_KEY_V01 must have the version as a number');
    expect(problemsOf({ ...base, MASTER_ENCRYPTION_KEY_V1: KEY }).message).toContain('MASTER_ENCRYPTION_KEY_V1 holds the same key as MASTER_ENCRYPTION_KEY');
    expect(problemsOf({ ...base, MASTER_ENCRYPTION_KEY_FILE: '/k' }).message).toContain('MASTER_ENCRYPTION_KEY and MASTER_ENCRYPTION_KEY_FILE are both set');
    expect(problemsOf({ MASTER_ENCRYPTION_KEY: KEY, ENCRYPTION_KEY_VERSION: '0' }).message).toContain('ENCRYPTION_KEY_VERSION must be a whole number');
    expect(read('none', { ...base, MASTER_ENCRYPTION_KEY_V1: OTHER }).older).toHaveLength(1);
  });

  it('read numbers and booleans in every usual writing', () => {
    for (const word of ['false', '0', 'no', 'off', 'FALSE', ' Off ']) expect(readKeySettings({ ENABLE_DEK_CACHE: word }).dataKeyCache.enabled).toBe(false);
    for (const word of ['true', '1', 'yes', 'on', 'True']) expect(readKeySettings({ ENABLE_FIPS_MODE: word }).hardening.fips).toBe(true);
    for (const word of ['2', 'y', 'enabled', '-']) expect(problemsOf({ ENABLE_FIPS_MODE: word }).message).toContain('ENABLE_FIPS_MODE must be true or false');
    expect(readKeySettings({ ENVELOPE_THRESHOLD_BYTES: '0' }).envelopeThresholdBytes).toBe(0);
    expect(readKeySettings({ ENVELOPE_THRESHOLD_BYTES: '16777216' }).envelopeThresholdBytes).toBe(16_777_216);
    for (const text of ['16777217', '-1', '1e3', '0x10', ' 5', '1.5', '9'.repeat(400)]) {
      expect(problemsOf({ ENVELOPE_THRESHOLD_BYTES: text }).message).toContain('ENVELOPE_THRESHOLD_BYTES must be a whole number from 0 to 16777216');
    }
  });

  it('read AWS KMS: every way to name a key, the region from its ARN', () => {
    const uuid = '1234abcd-12ab-34cd-56ef-1234567890ab';
    for (const keyId of [uuid, `mrk-${'0a'.repeat(16)}`, 'alias/koprogo/state']) {
      expect(read('aws_kms', { KMS_PROVIDER: 'aws_kms', AWS_KMS_KEY_ID: keyId, AWS_REGION: 'eu-west-3' })).toMatchObject({ keyId, region: 'eu-west-3', endpoint: undefined });
    }
    for (const name of [`key/${uuid}`, 'alias/koprogo']) {
      const keyId = `arn:aws:kms:eu-central-1:111122223333:${name}`;
      expect(read('aws_kms', { KMS_PROVIDER: 'aws_kms', AWS_KMS_KEY_ID: keyId }).region).toBe('eu-central-1');
      expect(problemsOf({ KMS_PROVIDER: 'aws_kms', AWS_KMS_KEY_ID: keyId, AWS_REGION: 'eu-west-3' }).message).toContain('AWS_REGION is eu-west-3, and the key in AWS_KMS_KEY_ID is in eu-central-1');
    }
    for (const keyId of ['koprogo', 'alias/', 'arn:aws:s3:::bucket', `${uuid} `, `alias/${'x'.repeat(300)}`]) {
      expect(problemsOf({ KMS_PROVIDER: 'aws_kms', AWS_KMS_KEY_ID: keyId }).message).toContain('AWS_KMS_KEY_ID');
    }
    expect(problemsOf({ KMS_PROVIDER: 'aws_kms', AWS_KMS_KEY_ID: 'alias/aws/s3' }).message).toContain('only that service may use it');
    const endpoint = (AWS_ENDPOINT_URL: string, more = {}) => ({ KMS_PROVIDER: 'aws_kms', AWS_KMS_KEY_ID: 'alias/k', AWS_ENDPOINT_URL, ...more });
    expect(read('aws_kms', endpoint('http://127.0.0.1:4566/')).endpoint).toBe('http://127.0.0.1:4566');
    expect(read('aws_kms', endpoint('https://all.test', { AWS_ENDPOINT_URL_KMS: 'https://kms.test' })).endpoint).toBe('https://kms.test');
    expect(problemsOf(endpoint('http://kms.test')).message).toContain('AWS_ENDPOINT_URL must be https://');
  });

  it('read Vault: its defaults, its token, and addresses', () => {
    const vault = (more: NodeJS.ProcessEnv) => ({ KMS_PROVIDER: 'vault', VAULT_ADDR: 'https://vault.test:8200/', VAULT_TOKEN: TOKEN, ...more });
    const settings = read('vault', vault({}));
    expect(settings).toMatchObject({ address: 'https://vault.test:8200', mount: 'transit', keyName: 'koprogo', namespace: undefined, verifyTls: true, caFile: undefined });
    expect('value' in settings.token && settings.token.value.reveal()).toBe(TOKEN);
    expect(JSON.stringify(settings)).not.toContain(TOKEN);
    expect(read('vault', vault({ VAULT_TOKEN: '', VAULT_TOKEN_FILE: 'token' })).token).toEqual({ file: `${process.cwd()}/token` });
    expect(read('vault', vault({ VAULT_MOUNT_PATH: '/teams/a/transit/', VAULT_NAMESPACE: 'asbl/' }))).toMatchObject({ mount: 'teams/a/transit', namespace: 'asbl' });
    expect(problemsOf(vault({ VAULT_TOKEN_FILE: '/t' })).message).toContain('VAULT_TOKEN and VAULT_TOKEN_FILE are both set');
    for (const mount of ['..', 'a/../b', 'a//b', 'a?b', 'a b', '%2e%2e']) expect(problemsOf(vault({ VAULT_MOUNT_PATH: mount })).message).toContain('VAULT_MOUNT_PATH');
    for (const name of ['../x', 'a/b', '.a', 'a.', 'x'.repeat(101)]) expect(problemsOf(vault({ VAULT_KEY_NAME: name })).message).toContain('VAULT_KEY_NAME');
    for (const address of ['vault.test:8200', 'http://vault.test', 'https://u:p4ssw0rd@vault.test', 'https://vault.test/?a=b', 'ftp://vault.test', 'https://vault.test/v1', 'http://127.0.0.1.evil.test']) {
      const { message } = problemsOf(vault({ VAULT_ADDR: address }));
      expect(message).toContain('VAULT_ADDR');
      expect(message).not.toContain('p4ssw0rd');
    }
  });

  it('warn where certificates are not verified, but not on this very computer', () => {
    const vault = (address: string) => ({ KMS_PROVIDER: 'vault', VAULT_ADDR: address, VAULT_TOKEN: TOKEN, VAULT_VERIFY_TLS: 'off' });
    expect(readKeySettings(vault('https://vault.test')).warnings).toEqual([expect.stringContaining('VAULT_VERIFY_TLS=false')]);
    for (const host of ['localhost', '127.0.0.1', '[::1]']) expect(readKeySettings(vault(`https://${host}:8200`)).warnings).toEqual([]);
  });

  it('say everything that is wrong at once, and quote no value', () => {
    const wrong = {
      KMS_PROVIDER: 'vault',
      VAULT_TOKEN: 'planted token',
      VAULT_VERIFY_TLS: 'plantedmaybe',
      VAULT_CA_CERT_PATH: '~/planted.pem',
      ENVELOPE_THRESHOLD_BYTES: 'planted1',
      DEK_CACHE_TTL_SECONDS: 'planted2',
      DEK_CACHE_MAX_SIZE: '0',
      KEY_ROTATION_INTERVAL_DAYS: 'planted3',
      ENABLE_MEMORY_LOCKING: 'planted4',
      SECURITY_AUDIT_LOG: 'planted\n5',
    };
    const { message, hints } = problemsOf(wrong);
    const lines = message.split('\n').slice(1).map((line) => line.trim().split(' ')[0]);
    expect(lines.sort()).toEqual(['VAULT_ADDR', ...Object.keys(wrong).filter((name) => name !== 'KMS_PROVIDER')].sort());
    expect(message + hints.join()).not.toContain('planted');
  });
});
