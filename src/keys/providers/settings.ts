import { join } from 'node:path';
import { z } from 'zod';
import { xdg } from '../../edges/files.js';
import { InputError } from '../../errors.js';
import type { Secret } from '../../secret.js';
import { GENERATE_MASTER_KEY } from './master-key.js';
import * as values from './setting-values.js';
import { say } from './words.js';

/** A secret that is in the environment, or the path of a file that holds it (and may end in one line break). */
export type SecretSource = { value: Secret } | { file: string };

/** One version of the master key, in base64. The variable's name is for messages. */
export type MasterKey = { version: number; variable: string } & SecretSource;

export interface NoneSettings {
  provider: 'none';
  current: MasterKey;
  /** Older versions, for reading, by version. */
  older: MasterKey[];
}

export interface LocalSettings {
  provider: 'local';
  keysFile: string;
  /** Where its passphrase is; undefined: asked for at the terminal. */
  passphraseFile: string | undefined;
}

export interface AwsKmsSettings {
  provider: 'aws_kms';
  /** Key id, key ARN, alias or alias ARN. */
  keyId: string;
  /** undefined: the SDK finds it in the profile. */
  region: string | undefined;
  endpoint: string | undefined;
}

export interface VaultSettings {
  provider: 'vault';
  /** Without a "/" at its end: https://vault.example.org:8200. */
  address: string;
  token: SecretSource;
  namespace: string | undefined;
  mount: string;
  keyName: string;
  verifyTls: boolean;
  caFile: string | undefined;
}

export type ProviderSettings = NoneSettings | LocalSettings | AwsKmsSettings | VaultSettings;

export interface KeyOptions {
  /** Content of up to so many bytes is encrypted in one piece. */
  envelopeThresholdBytes: number;
  /** `maxSize` is a number of data keys. */
  dataKeyCache: { enabled: boolean; ttlSeconds: number; maxSize: number };
  rotationIntervalDays: number;
  /** What is asked for; what is really on is found out elsewhere. */
  hardening: { memoryLocking: boolean; guardPages: boolean; constantTime: boolean; fips: boolean };
  /** `log` undefined: the audit log is in its usual place. */
  audit: { enabled: boolean; log: string | undefined };
  /** Settings that work and are weaker than they should be, or look like a mistake; for the security report. */
  warnings: string[];
}

/** By `provider` one of four. */
export type KeySettings = ProviderSettings & KeyOptions;

const PROVIDERS = ['none', 'local', 'aws_kms', 'vault'] as const;
const MIB = 1024 * 1024;

/**
 * All settings of keys and encryption (requirements E1 to E8; docs/keys-services.md lists them). No file is read.
 * An empty variable counts as one that is not set, as Compose passes them; variables of the other providers are not
 * looked at. Throws one InputError with everything that is wrong, by variable, without any value.
 */
export function readKeySettings(environment: NodeJS.ProcessEnv): KeySettings {
  const reader = new Reader(environment);
  const provider = readProvider(reader);
  const options = readOptions(reader);
  if (provider && reader.problems.length === 0) return { ...provider, ...options, warnings: reader.warnings };
  const problems = reader.problems.map((problem) => `  ${problem}`);
  throw new InputError(say('settings', { problems: problems.join('\n') }), { hints: [...reader.hints, say('settings.correct')] });
}

/** Reads variables one by one and collects what is wrong with them. */
class Reader {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly hints = new Set<string>();

  constructor(readonly environment: NodeJS.ProcessEnv) {}

  has(name: string): boolean {
    return (this.environment[name] ?? '') !== '';
  }

  /** undefined when it is not set, or wrong. */
  read<T>(name: string, schema: z.ZodType<T>): T | undefined {
    if (!this.has(name)) return undefined;
    const result = schema.safeParse(this.environment[name]);
    if (result.success) return result.data;
    this.complain(name, result.error.issues[0]?.message ?? say('value.wrong'));
    return undefined;
  }

  complain(name: string, problem: string, hint?: string): void {
    this.problems.push(`${name} ${problem}`);
    if (hint !== undefined) this.hints.add(hint);
  }

  /** A secret from `name` or from the file that `name`_FILE names; undefined (and said) when both are set. */
  readSecret(name: string, schema: z.ZodType<Secret>): SecretSource | undefined {
    const value = this.read(name, schema);
    const file = this.read(`${name}_FILE`, values.path);
    if (this.has(name) && this.has(`${name}_FILE`)) this.complain(name, say('settings.both', { name }));
    else if (value) return { value };
    else if (file !== undefined) return { file };
    return undefined;
  }
}

function readOptions(reader: Reader): Omit<KeyOptions, 'warnings'> {
  const flag = (name: string, fallback: boolean) => reader.read(name, values.boolean) ?? fallback;
  const count = (name: string, least: number, most: number, fallback: number) => reader.read(name, values.integer(least, most)) ?? fallback;
  return {
    envelopeThresholdBytes: count('ENVELOPE_THRESHOLD_BYTES', 0, 16 * MIB, MIB),
    dataKeyCache: {
      enabled: flag('ENABLE_DEK_CACHE', true),
      ttlSeconds: count('DEK_CACHE_TTL_SECONDS', 1, 86_400, 300),
      maxSize: count('DEK_CACHE_MAX_SIZE', 1, 100_000, 1000),
    },
    rotationIntervalDays: count('KEY_ROTATION_INTERVAL_DAYS', 1, 3650, 90),
    hardening: {
      memoryLocking: flag('ENABLE_MEMORY_LOCKING', true),
      guardPages: flag('ENABLE_GUARD_PAGES', true),
      constantTime: flag('ENABLE_CONSTANT_TIME_OPS', true),
      fips: flag('ENABLE_FIPS_MODE', false),
    },
    audit: { enabled: flag('ENABLE_CRYPTO_AUDIT', true), log: reader.read('SECURITY_AUDIT_LOG', values.path) },
  };
}

function readProvider(reader: Reader): ProviderSettings | undefined {
  switch (providerName(reader)) {
    case 'none':
      return readNone(reader);
    case 'local':
      return {
        provider: 'local',
        keysFile: reader.read('KOPROGO_KEYS_FILE', values.path) ?? join(xdg.config(), 'koprogo-infra', 'keys.json'),
        passphraseFile: reader.read('KOPROGO_STATE_PASSPHRASE_FILE', values.path),
      };
    case 'aws_kms':
      return readAwsKms(reader);
    case 'vault':
      return readVault(reader);
    case undefined:
      return undefined;
  }
}

function providerName(reader: Reader): (typeof PROVIDERS)[number] | undefined {
  if (reader.has('KMS_PROVIDER')) return reader.read('KMS_PROVIDER', z.enum(PROVIDERS, { error: say('settings.provider', { providers: PROVIDERS.join(', ') }) }));
  for (const name of ['AWS_KMS_KEY_ID', 'VAULT_ADDR'].filter((variable) => reader.has(variable))) {
    reader.warnings.push(say('settings.unused', { name }));
  }
  return reader.has('MASTER_ENCRYPTION_KEY') || reader.has('MASTER_ENCRYPTION_KEY_FILE') ? 'none' : 'local';
}

function readNone(reader: Reader): NoneSettings | undefined {
  const given = reader.problems.length;
  const version = reader.read('ENCRYPTION_KEY_VERSION', values.integer(1, 1_000_000)) ?? 1;
  const current = readMasterKey(reader, 'MASTER_ENCRYPTION_KEY', version);
  if (!reader.has('MASTER_ENCRYPTION_KEY') && !reader.has('MASTER_ENCRYPTION_KEY_FILE')) {
    reader.complain('MASTER_ENCRYPTION_KEY', say('settings.master'), say('settings.makeKey', { command: GENERATE_MASTER_KEY }));
  }
  const older = olderVersions(reader, version).map((number) => readMasterKey(reader, `MASTER_ENCRYPTION_KEY_V${number}`, number));
  const keys = [current, ...older].filter((key) => key !== undefined);
  for (const [index, key] of keys.entries()) {
    const same = keys.slice(0, index).find((other) => 'value' in key && 'value' in other && key.value.reveal() === other.value.reveal());
    if (same) reader.complain(key.variable, say('settings.same', { variable: same.variable }));
  }
  const [first, ...rest] = keys;
  return first && reader.problems.length === given ? { provider: 'none', current: first, older: rest } : undefined;
}

function readMasterKey(reader: Reader, variable: string, version: number): MasterKey | undefined {
  const before = reader.problems.length;
  const source = reader.readSecret(variable, values.masterKey);
  if (reader.problems.length > before) reader.hints.add(say('master.make', { command: GENERATE_MASTER_KEY }));
  return source && { version, variable, ...source };
}

/** The numbers n of MASTER_ENCRYPTION_KEY_V<n>, ascending. One that is not older than the current version is a mistake that would show only when it is too late. */
function olderVersions(reader: Reader, current: number): number[] {
  const found = new Set<number>();
  for (const name of Object.keys(reader.environment).sort()) {
    const number = /^MASTER_ENCRYPTION_KEY_V(.*?)(_FILE)?$/.exec(name)?.[1];
    if (number === undefined || !reader.has(name)) continue;
    if (!/^[1-9]\d{0,6}$/.test(number)) reader.complain(name, say('settings.number'));
    else if (Number(number) >= current) reader.complain(name, say('settings.older', { current }));
    else found.add(Number(number));
  }
  return [...found].sort((a, b) => a - b);
}

function readAwsKms(reader: Reader): AwsKmsSettings | undefined {
  const keyId = reader.read('AWS_KMS_KEY_ID', values.awsKeyId);
  if (!reader.has('AWS_KMS_KEY_ID')) reader.complain('AWS_KMS_KEY_ID', say('settings.aws'), 'aws kms list-aliases');
  const region = reader.read('AWS_REGION', values.region);
  const ofArn = keyId === undefined ? undefined : values.regionOfArn(keyId);
  if (region !== undefined && ofArn !== undefined && region !== ofArn) reader.complain('AWS_REGION', say('settings.regions', { region, ofArn }));
  const endpoint = reader.read('AWS_ENDPOINT_URL_KMS', values.serverUrl) ?? reader.read('AWS_ENDPOINT_URL', values.serverUrl);
  return keyId === undefined ? undefined : { provider: 'aws_kms', keyId, region: region ?? ofArn, endpoint };
}

function readVault(reader: Reader): VaultSettings | undefined {
  const address = reader.read('VAULT_ADDR', values.serverUrl);
  if (!reader.has('VAULT_ADDR')) reader.complain('VAULT_ADDR', say('settings.vault'));
  if (address?.endsWith('/v1') === true) reader.complain('VAULT_ADDR', say('settings.v1'));
  const token = reader.readSecret('VAULT_TOKEN', values.token);
  if (!reader.has('VAULT_TOKEN') && !reader.has('VAULT_TOKEN_FILE')) reader.complain('VAULT_TOKEN', say('settings.token'), say('settings.login'));
  const namespace = reader.read('VAULT_NAMESPACE', values.vaultPath);
  const mount = reader.read('VAULT_MOUNT_PATH', values.vaultPath) ?? 'transit';
  const keyName = reader.read('VAULT_KEY_NAME', values.vaultKeyName) ?? 'koprogo';
  const verifyTls = reader.read('VAULT_VERIFY_TLS', values.boolean) ?? true;
  const caFile = reader.read('VAULT_CA_CERT_PATH', values.path);
  if (!verifyTls && address !== undefined && !values.isLoopback(address)) {
    reader.warnings.push(say('settings.tls'));
  }
  return address !== undefined && token ? { provider: 'vault', address, token, namespace, mount, keyName, verifyTls, caFile } : undefined;
}
