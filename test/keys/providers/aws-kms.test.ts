import { randomBytes } from 'node:crypto';
import * as sdk from '@aws-sdk/client-kms';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InfraError, InputError } from '../../../src/errors.js';
import { KeyServiceFailed, UnknownKeyVersion } from '../../../src/keys/provider.js';
import { awsKmsProvider } from '../../../src/keys/providers/aws-kms.js';
import type { AwsKmsSettings } from '../../../src/keys/providers/settings.js';
import { everythingOf, keyProviderContract } from '../../contract/key-provider.js';
import { type Moto, motoUnavailable, startMoto } from '../../fixtures/moto.js';

const why = motoUnavailable();
if (why !== undefined) console.warn(`AWS KMS is not tested against Moto: ${why}`);

const REGION = 'eu-central-1';
const BINDING = { installation: 'rue-haute-12', kind: 'document', name: 'answers of the wizard' };
const VARIABLES = { AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST', AWS_SECRET_ACCESS_KEY: 'planted-secret-access-key', AWS_EC2_METADATA_DISABLED: 'true', AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' };

describe.skipIf(why !== undefined)('AWS KMS, against Moto', () => {
  let moto: Moto;
  let admin: sdk.KMSClient;
  const before = { ...process.env };

  beforeAll(async () => {
    Object.assign(process.env, VARIABLES);
    moto = await startMoto();
    admin = new sdk.KMSClient({ endpoint: moto.endpoint, region: REGION });
  });
  afterAll(() => {
    moto.stop();
    admin.destroy();
    for (const name of Object.keys(VARIABLES)) {
      const value = before[name];
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });

  const newKey = async () => (await admin.send(new sdk.CreateKeyCommand({}))).KeyMetadata?.Arn ?? '';
  const settings = (keyId: string, more: Partial<AwsKmsSettings> = {}): AwsKmsSettings => ({ provider: 'aws_kms', keyId, region: REGION, endpoint: moto.endpoint, ...more });
  const provider = (keyId: string) => awsKmsProvider(settings(keyId), { pauses: [], rotationPause: 1 });
  const failure = async (work: Promise<unknown>): Promise<InfraError> => {
    const error = await work.then(() => undefined, (thrown: unknown) => thrown);
    if (!(error instanceof InfraError)) throw new Error(`it did not fail as expected: ${String(error)}`);
    expect(everythingOf(error)).not.toContain('planted');
    return error;
  };

  describe('the contract of key providers, by ARN', () => {
    keyProviderContract({ open: async () => provider(await newKey()), numbered: false });
  });

  it('finds the key by id, alias and alias ARN, and names it by its ARN', async () => {
    const arn = await newKey();
    const alias = `alias/test-${randomBytes(4).toString('hex')}`;
    await admin.send(new sdk.CreateAliasCommand({ AliasName: alias, TargetKeyId: arn }));
    for (const keyId of [arn.split('/')[1] ?? '', alias, `${arn.slice(0, arn.indexOf(':key/'))}:${alias}`]) {
      const { keyId: wrappedBy } = await provider(keyId).wrap(randomBytes(32), BINDING);
      expect(wrappedBy).toBe(arn);
      expect(await provider(keyId).versions()).toMatchObject([{ keyId: arn, version: undefined, current: true }]);
    }
  });

  it('moves data keys to the key that the alias points to now', async () => {
    const [one, two] = [await newKey(), await newKey()];
    const alias = `alias/test-${randomBytes(4).toString('hex')}`;
    await admin.send(new sdk.CreateAliasCommand({ AliasName: alias, TargetKeyId: one }));
    const kms = provider(alias);
    const key = randomBytes(32);
    const old = await kms.wrap(key, BINDING);
    await admin.send(new sdk.UpdateAliasCommand({ AliasName: alias, TargetKeyId: two }));
    expect(await kms.versions()).toMatchObject([{ keyId: two, current: true }]);
    expect((await kms.unwrap(old, BINDING)).equals(key)).toBe(true);
    const renewed = await kms.rewrap(old, BINDING);
    expect(renewed.keyId).toBe(two);
    expect((await kms.unwrap(renewed, BINDING)).equals(key)).toBe(true);
    const error = await failure(kms.retire(one));
    expect(error.hints.join()).toContain(`aws kms disable-key --key-id ${one}`);
  });

  it('counts the age of the key from the newest rotation', async () => {
    const kms = provider(await newKey());
    const [made] = await kms.versions();
    await kms.rotate();
    const [rotated] = await kms.versions();
    expect(rotated?.keyId).toBe(made?.keyId);
    expect(rotated?.created?.getTime() ?? 0).toBeGreaterThan(made?.created?.getTime() ?? Infinity);
  });

  it('says which state keeps a key from being used, and what to type', async () => {
    const arn = await newKey();
    // Moto knows these two by the bare id only; AWS takes the ARN as well.
    const KeyId = arn.split('/')[1] ?? '';
    await admin.send(new sdk.DisableKeyCommand({ KeyId }));
    const disabled = await failure(provider(arn).versions());
    expect(disabled).toMatchObject({ hints: [`aws kms enable-key --key-id ${arn}`], transient: false });
    expect(disabled.message).toContain('the key is disabled');
    await admin.send(new sdk.ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 7 }));
    const error = await failure(provider(arn).versions());
    expect(error).toBeInstanceOf(KeyServiceFailed);
    expect(error.message).toContain('about to be deleted');
    expect(error.hints[0]).toContain(`aws kms cancel-key-deletion --key-id ${arn}`);
  });

  it('refuses keys that are not for encrypting with', async () => {
    const { KeyMetadata } = await admin.send(new sdk.CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }));
    const error = await failure(provider(KeyMetadata?.Arn ?? '').versions());
    expect(error).toBeInstanceOf(InputError);
    expect(error.message).toContain('not a symmetric key');
  });

  it('tells a missing key, and hints at the region', async () => {
    const missing = '11111111-2222-4333-8444-555555555555';
    const error = await failure(provider(missing).wrap(randomBytes(32), BINDING));
    expect(error.message).toContain(`there is no such key in ${REGION}`);
    expect(error.hints.join()).toContain('AWS_REGION');
  });

  it('refuses key ids of other accounts and regions without asking there', async () => {
    const arn = await newKey();
    const key = randomBytes(32);
    const { wrapped } = await provider(arn).wrap(key, BINDING);
    for (const keyId of [arn.replace(/:\d{12}:/, ':999988887777:'), arn.replace(REGION, 'us-east-1'), arn.replace(':key/', ':alias/')]) {
      expect(await failure(provider(arn).unwrap({ keyId, wrapped }, BINDING))).toBeInstanceOf(UnknownKeyVersion);
      expect(await failure(provider(arn).rewrap({ keyId, wrapped }, BINDING))).toBeInstanceOf(UnknownKeyVersion);
    }
  });
});
