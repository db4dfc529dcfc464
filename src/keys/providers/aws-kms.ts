import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { InputError } from '../../errors.js';
import { DATA_KEY_BYTES } from '../envelope/envelope-format.js';
import { type KeyBinding, type KeyProvider, KeyServiceFailed, type KeyVersion, UnknownKeyVersion, type WrappedKey, WrongKey } from '../provider.js';
import { KmsConnection, type KmsTiming } from './aws-kms-client.js';
import { codeOf, keyState } from './aws-kms-errors.js';
import { bindingDigest, checkDataKey } from './binding.js';
import type { AwsKmsSettings } from './settings.js';
import { say } from './words.js';

const KEY_ARN = /^(arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}):key\/(?:mrk-[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/;
const ALGORITHM = 'SYMMETRIC_DEFAULT';
/** The name is in CloudTrail beside every use of the key; its value is a hash, so that the names of objects are not. */
const CONTEXT_NAME = 'koprogo-infra:binding';
const ROTATION_LOOKS = 30;
const ROTATION_PAUSE_MS = 2000;

const keyArn = z.string().max(255).regex(KEY_ARN);
const blob = z.instanceof(Uint8Array).refine(({ length }) => length > 0 && length <= 4096);
const metadataSchema = z.object({ Arn: keyArn, KeyState: z.string().optional(), KeyUsage: z.string().optional(), KeySpec: z.string().optional(), CreationDate: z.date().optional() });
const wrappedSchema = z.object({ KeyId: keyArn, CiphertextBlob: blob });
const plainSchema = z.object({ KeyId: keyArn, Plaintext: z.instanceof(Uint8Array) });
const rotationsSchema = z.object({ Rotations: z.array(z.object({ RotationDate: z.date().optional() })).max(1000).optional(), NextMarker: z.string().max(2048).optional() });

/**
 * Data keys wrapped by one symmetric key of AWS KMS, with the SDK's usual credentials (environment, profile, SSO,
 * container, instance). Encrypt, Decrypt and ReEncrypt carry a hash of the binding as their encryption context.
 *
 * A key id is the key's ARN as KMS answered it. KMS rotates the material inside a key, and the ARN stays. So:
 * - `versions` gives one version, the key that the setting names now; `created` is the newest rotation of its material
 *   (undefined without the right to kms:ListKeyRotations), or the key's creation where it never was rotated.
 * - `rotate` lets KMS make new material (RotateKeyOnDemand) and returns the same ARN. KMS keeps all older material as
 *   long as the key exists, so every wrapped key still unwraps, nothing has to be migrated, and nothing can be retired.
 * - Who wants another key rather than new material points the alias in AWS_KMS_KEY_ID to a new key. The old ARN is
 *   then an older version: it unwraps while that key is enabled and the role may use it, `rewrap` (ReEncrypt) moves
 *   data keys to the new one inside KMS, and `keys migrate` is what does it for all objects.
 * - `retire` always refuses and names the commands: a key of AWS may encrypt things that are not ours.
 */
export function awsKmsProvider(settings: AwsKmsSettings, timing: KmsTiming & { rotationPause?: number } = {}): KeyProvider {
  return new AwsKms(settings, timing);
}

class AwsKms implements KeyProvider {
  readonly name = 'aws_kms';
  readonly where: string;
  readonly remote = true;
  readonly #kms: KmsConnection;
  /** Partition, region and account of the key: `arn:aws:kms:eu-central-1:111122223333`. */
  #home: string | undefined;

  constructor(
    private readonly settings: AwsKmsSettings,
    private readonly timing: KmsTiming & { rotationPause?: number },
  ) {
    const { keyId, region, endpoint } = settings;
    this.where = `AWS KMS key "${keyId}"${region === undefined || keyId.startsWith('arn:') ? '' : ` in ${region}`}`;
    this.#kms = new KmsConnection({ where: this.where, keyId, region, endpoint }, timing);
  }

  async versions(): Promise<KeyVersion[]> {
    const { Arn: keyId, CreationDate } = await this.#describe();
    return [{ keyId, version: undefined, created: await this.#newestMaterial(keyId, CreationDate), current: true }];
  }

  async wrap(dataKey: Uint8Array, binding: KeyBinding): Promise<WrappedKey> {
    checkDataKey(dataKey);
    const { keyId } = this.settings;
    const answer = await this.#kms.send(say('doing.wrap'), keyId, (sdk, client, abortSignal) =>
      client.send(new sdk.EncryptCommand({ KeyId: keyId, Plaintext: dataKey, EncryptionContext: contextOf(binding), EncryptionAlgorithm: ALGORITHM }), { abortSignal }),
    );
    const { KeyId, CiphertextBlob } = this.#validated(wrappedSchema, answer);
    return { keyId: KeyId, wrapped: Buffer.from(CiphertextBlob) };
  }

  async unwrap(key: WrappedKey, binding: KeyBinding): Promise<Buffer> {
    await this.#checkHome(key.keyId);
    const answer = await this.#kms.send(say('doing.unwrap'), key.keyId, (sdk, client, abortSignal) =>
      client.send(new sdk.DecryptCommand({ KeyId: key.keyId, CiphertextBlob: key.wrapped, EncryptionContext: contextOf(binding), EncryptionAlgorithm: ALGORITHM }), { abortSignal }),
    );
    const { KeyId, Plaintext } = this.#validated(plainSchema, answer);
    try {
      if (KeyId !== key.keyId || Plaintext.length !== DATA_KEY_BYTES) throw this.#wrongKey();
      return Buffer.from(Plaintext);
    } finally {
      Plaintext.fill(0);
    }
  }

  async rewrap(key: WrappedKey, binding: KeyBinding): Promise<WrappedKey> {
    await this.#checkHome(key.keyId);
    const context = contextOf(binding);
    const answer = await this.#kms.send(say('doing.rewrap'), key.keyId, (sdk, client, abortSignal) =>
      client.send(
        new sdk.ReEncryptCommand({
          CiphertextBlob: key.wrapped,
          SourceKeyId: key.keyId,
          SourceEncryptionContext: context,
          SourceEncryptionAlgorithm: ALGORITHM,
          DestinationKeyId: this.settings.keyId,
          DestinationEncryptionContext: context,
          DestinationEncryptionAlgorithm: ALGORITHM,
        }),
        { abortSignal },
      ),
    );
    const { KeyId, CiphertextBlob, SourceKeyId } = this.#validated(wrappedSchema.extend({ SourceKeyId: keyArn }), answer);
    if (SourceKeyId !== key.keyId) throw this.#wrongKey();
    return { keyId: KeyId, wrapped: Buffer.from(CiphertextBlob) };
  }

  /** Returns when KMS has the new material, or after a minute fails and says that it is still at it. AWS allows a limited number per key (25). */
  async rotate(): Promise<string> {
    const { Arn: keyId } = await this.#describe();
    try {
      await this.#kms.send(say('doing.rotate'), keyId, (sdk, client, abortSignal) => client.send(new sdk.RotateKeyOnDemandCommand({ KeyId: keyId }), { abortSignal }), { once: true });
    } catch (error) {
      throw explainRotation(error, keyId, this.where);
    }
    for (let look = 0; look < ROTATION_LOOKS; look += 1) {
      if (!(await this.#isRotating(keyId))) return keyId;
      await sleep(this.timing.rotationPause ?? ROTATION_PAUSE_MS);
    }
    throw new KeyServiceFailed(say('aws.accepted', { where: this.where }), { transient: true, hints: [`aws kms get-key-rotation-status --key-id ${keyId}`, 'koprogo-infra keys status'] });
  }

  async retire(keyId: string): Promise<void> {
    const { Arn: current } = await this.#describe();
    if (keyId === current) throw new InputError(say('aws.current', { keyId }), { hints: [say('aws.alias'), say('then.migrate')] });
    if (!KEY_ARN.test(keyId)) throw this.#unknown(keyId);
    throw new InputError(say('aws.notFromHere', { keyId }), {
      hints: [say('aws.disable', { keyId }), say('aws.forGood', { keyId })],
    });
  }

  async #describe(): Promise<z.infer<typeof metadataSchema>> {
    const { keyId } = this.settings;
    const answer = await this.#kms.send(say('doing.look'), keyId, (sdk, client, abortSignal) => client.send(new sdk.DescribeKeyCommand({ KeyId: keyId }), { abortSignal }));
    const metadata = this.#validated(metadataSchema, answer.KeyMetadata);
    if (metadata.KeyState !== undefined && metadata.KeyState !== 'Enabled') {
      const [why, transient, ...hints] = keyState(metadata.KeyState, metadata.Arn);
      throw new KeyServiceFailed(say('unusable', { where: this.where, why }), { transient, hints });
    }
    if ((metadata.KeyUsage ?? 'ENCRYPT_DECRYPT') !== 'ENCRYPT_DECRYPT' || (metadata.KeySpec ?? ALGORITHM) !== ALGORITHM) {
      throw new InputError(say('aws.asymmetric', { where: this.where }), { hints: [say('aws.make')] });
    }
    this.#home = homeOf(metadata.Arn);
    return metadata;
  }

  async #newestMaterial(keyId: string, created: Date | undefined): Promise<Date | undefined> {
    let newest = created;
    let marker: string | undefined;
    try {
      do {
        const Marker = marker;
        const answer = await this.#kms.send(say('doing.rotations'), keyId, (sdk, client, abortSignal) =>
          client.send(new sdk.ListKeyRotationsCommand({ KeyId: keyId, ...(Marker === undefined ? {} : { Marker }) }), { abortSignal }),
        );
        const page = this.#validated(rotationsSchema, answer);
        for (const { RotationDate } of page.Rotations ?? []) if (RotationDate && (!newest || RotationDate > newest)) newest = RotationDate;
        marker = page.NextMarker;
      } while (marker !== undefined);
      return newest;
    } catch (error) {
      if (reason(error) === 'AccessDeniedException') return undefined;
      // Keys that KMS does not rotate itself: imported material, custom key stores.
      if (reason(error) === 'UnsupportedOperationException') return created;
      throw error;
    }
  }

  async #isRotating(keyId: string): Promise<boolean> {
    try {
      const answer = await this.#kms.send(say('doing.rotation'), keyId, (sdk, client, abortSignal) => client.send(new sdk.GetKeyRotationStatusCommand({ KeyId: keyId }), { abortSignal }));
      return answer.OnDemandRotationStartDate !== undefined;
    } catch (error) {
      if (reason(error) === 'AccessDeniedException') return false;
      throw error;
    }
  }

  /**
   * Refuses key ids that are not keys of the same account and region. They come from the stored object: whoever can
   * write there could name a key of his own account and so put in content of his own.
   */
  async #checkHome(keyId: string): Promise<void> {
    const theirs = homeOf(keyId);
    if (theirs === undefined) throw this.#unknown(keyId);
    this.#home ??= homeOf(this.settings.keyId);
    if (this.#home === undefined) await this.#describe();
    if (theirs !== this.#home) throw this.#unknown(keyId);
  }

  #unknown(keyId: string): UnknownKeyVersion {
    return new UnknownKeyVersion(say('aws.foreign', { keyId, where: this.where }), { hints: [say('aws.check')] });
  }

  #wrongKey(): WrongKey {
    return new WrongKey(say('aws.changed', { where: this.where }));
  }

  #validated<T>(schema: z.ZodType<T>, answer: unknown): T {
    const result = schema.safeParse(answer);
    if (result.success) return result.data;
    throw new KeyServiceFailed(say('aws.speaks', { where: this.where }), { transient: false, hints: [say('aws.endpoint')] });
  }
}

function homeOf(arn: string): string | undefined {
  return KEY_ARN.exec(arn)?.[1];
}

function contextOf(binding: KeyBinding): Record<string, string> {
  return { [CONTEXT_NAME]: bindingDigest(binding).toString('hex') };
}

/** AWS's name of the error behind a translated one. */
function reason(error: unknown): string {
  return error instanceof KeyServiceFailed && error.cause !== undefined ? codeOf(error.cause) : '';
}

function explainRotation(error: unknown, keyId: string, where: string): unknown {
  const byHand = [say('aws.makeNew'), say('aws.pointAlias'), say('then.migrate')];
  switch (reason(error)) {
    case 'AccessDeniedException':
      return new KeyServiceFailed(say('aws.rotateDenied', { where }), {
        cause: error,
        transient: false,
        hints: [say('aws.giveRight'), say('aws.orRotate', { keyId })],
      });
    case 'UnsupportedOperationException':
      return new InputError(say('aws.kind', { where }), { cause: error, hints: byHand });
    case 'LimitExceededException':
      return new InputError(say('aws.often', { where }), { cause: error, hints: [say('aws.letRotate', { keyId }), ...byHand] });
    case 'ConflictException':
      return new KeyServiceFailed(say('aws.rotating', { where }), { cause: error, transient: true, hints: [`aws kms get-key-rotation-status --key-id ${keyId}`] });
    default:
      return error;
  }
}
