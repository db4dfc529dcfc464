import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { InfraError, InputError } from '../../../src/errors.js';
import { KeyServiceFailed, UnknownKeyVersion, WrongKey } from '../../../src/keys/provider.js';
import { awsKmsProvider } from '../../../src/keys/providers/aws-kms.js';
import { everythingOf } from '../../contract/key-provider.js';

const ARN = 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab';
const BINDING = { installation: 'rue-haute-12', kind: 'document', name: 'secrets' };
const VARIABLES = { AWS_ACCESS_KEY_ID: 'AKIATESTTESTTESTTEST', AWS_SECRET_ACCESS_KEY: 'planted-secret-access-key', AWS_SESSION_TOKEN: 'planted-session-token', AWS_EC2_METADATA_DISABLED: 'true' };
const KEY = randomBytes(32);

interface Answer {
  status: number;
  body: string;
  type?: string;
}
const error = (type: string, message = '', status = 400): Answer => ({ status, body: JSON.stringify({ __type: type, message }) });
const ok = (body: object): Answer => ({ status: 200, body: JSON.stringify(body) });
const wrapped = ok({ KeyId: ARN, CiphertextBlob: Buffer.from('a wrapped data key').toString('base64') });

/** Answers in the words of AWS's documentation, one after the other; the last one again and again. 'hang' answers never. */
describe('what AWS KMS may answer', () => {
  let server: Server;
  let endpoint: string;
  let answers: (Answer | 'hang')[] = [];
  let asked: { target: string; body: Record<string, unknown> }[] = [];
  const before = { ...process.env };

  beforeAll(async () => {
    Object.assign(process.env, VARIABLES);
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (chunk: Buffer) => parts.push(chunk));
      request.on('end', () => {
        asked.push({ target: String(request.headers['x-amz-target']), body: JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown> });
        const answer = answers.length > 1 ? answers.shift() : answers[0];
        if (answer === undefined || answer === 'hang') return;
        response.writeHead(answer.status, { 'content-type': answer.type ?? 'application/x-amz-json-1.1' }).end(answer.body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    endpoint = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  });
  afterEach(() => {
    asked = [];
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
    for (const name of Object.keys(VARIABLES)) {
      const value = before[name];
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  });

  const provider = (keyId = ARN, limit = 5000) => awsKmsProvider({ provider: 'aws_kms', keyId, region: 'eu-central-1', endpoint }, { pauses: [1, 1], limit, rotationPause: 1 });
  async function failure(work: Promise<unknown>): Promise<InfraError> {
    const thrown = await work.then(() => undefined, (reason: unknown) => reason);
    if (!(thrown instanceof InfraError)) throw new Error(`it did not fail as expected: ${String(thrown)}`);
    const text = everythingOf(thrown);
    for (const secret of ['planted', KEY.toString('base64'), 'DOCTYPE']) expect(text).not.toContain(secret);
    return thrown;
  }
  const wrapFails = (...given: (Answer | 'hang')[]) => {
    answers = given;
    return failure(provider().wrap(KEY, BINDING));
  };

  it.each<[string, Answer, RegExp, boolean, string]>([
    ['expired credentials', error('ExpiredTokenException', 'The security token included in the request is expired'), /credentials have expired/, false, 'aws sso login'],
    ['an unknown access key', error('UnrecognizedClientException', 'The security token included in the request is invalid.'), /does not know the access key/, false, 'aws sts get-caller-identity'],
    ['a wrong secret key', error('InvalidSignatureException', 'The request signature we calculated does not match the signature you provided.'), /signature does not match/, false, 'AWS_SECRET_ACCESS_KEY'],
    ['a wrong clock', error('InvalidSignatureException', 'Signature expired: 20261122T101500Z is now earlier than 20261123T101500Z'), /clock of this computer/, false, 'date -u'],
    ['a denial', error('AccessDeniedException', `User: arn:aws:iam::111122223333:user/ops is not authorized to perform: kms:Encrypt on resource: ${ARN}`), /denies it: User: .*kms:Encrypt/, false, 'docs/keys-services.md'],
    ['a disabled key', error('DisabledException', `${ARN} is disabled.`), /the key is disabled/, false, 'aws kms enable-key'],
    ['a key that is about to go', error('KMSInvalidStateException', `${ARN} is pending deletion.`), /about to be deleted/, false, 'cancel-key-deletion'],
    ['a key elsewhere', error('NotFoundException', `Key '${ARN}' does not exist`), /no such key in eu-central-1/, false, 'AWS_REGION'],
    ['a key for signing', error('InvalidKeyUsageException'), /not one for encrypting/, false, 'create-key'],
    ['throttling', error('ThrottlingException', 'Rate exceeded'), /slows this account down/, true, 'again'],
    ['an internal error', error('KMSInternalException', '', 500), /has a problem/, true, 'again'],
    ['a page of a proxy', { status: 502, body: '<!DOCTYPE html>planted', type: 'text/html' }, /has a problem/, true, 'again'],
    ['a page of something else', { status: 200, body: '<!DOCTYPE html>planted', type: 'text/html' }, /HTTP 200/, false, ''],
    ['a refusal that quotes the request', error('ValidationException', `Value '${KEY.toString('base64')}' at 'plaintext' failed`), /refuses the request \(ValidationException/, false, 'describe-key'],
    ['nonsense that is JSON', ok({ KeyId: 'x', CiphertextBlob: 'AAAA' }), /does not speak as AWS KMS does/, false, 'AWS_ENDPOINT_URL'],
  ])('says what to do about %s', async (_, answer, message, transient, hint) => {
    const thrown = await wrapFails(answer);
    expect(thrown).toBeInstanceOf(KeyServiceFailed);
    expect(thrown.message).toMatch(message);
    expect(thrown).toMatchObject({ transient });
    expect(thrown.hints.join('\n')).toContain(hint);
    expect(asked.length).toBe(transient ? 3 : 1);
  });

  it('tries again what may pass', async () => {
    answers = [error('ThrottlingException', 'Rate exceeded'), error('KMSInternalException', '', 500), wrapped];
    expect((await provider().wrap(KEY, BINDING)).keyId).toBe(ARN);
    expect(asked.map(({ target }) => target)).toEqual(Array(3).fill('TrentService.Encrypt'));
  });

  it('shows AWS no name of an object, only a hash of it, as the encryption context', async () => {
    answers = [wrapped];
    await provider('alias/koprogo').wrap(KEY, BINDING);
    expect(asked[0]?.body).toMatchObject({ KeyId: 'alias/koprogo', EncryptionAlgorithm: 'SYMMETRIC_DEFAULT', Plaintext: KEY.toString('base64') });
    expect(asked[0]?.body['EncryptionContext']).toEqual({ 'koprogo-infra:binding': expect.stringMatching(/^[0-9a-f]{64}$/) as string });
    expect(JSON.stringify(asked)).not.toContain('rue-haute');
  });

  it('gives up on a server that does not answer', async () => {
    answers = ['hang'];
    const started = Date.now();
    const thrown = await failure(provider(ARN, 300).wrap(KEY, BINDING));
    expect(thrown.message).toContain('does not answer');
    expect(Date.now() - started).toBeLessThan(5000);
    const closed = awsKmsProvider({ provider: 'aws_kms', keyId: ARN, region: 'eu-central-1', endpoint: 'http://127.0.0.1:1' }, { pauses: [1] });
    expect((await failure(closed.wrap(KEY, BINDING))).message).toContain('does not answer (ECONNREFUSED)');
  });

  it('says how to get credentials and a region, and does not wait for a program that gives none', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'koprogo-aws-'));
    const [config, none] = [join(folder, 'config'), join(folder, 'none')];
    writeFileSync(config, '[default]\ncredential_process = sleep 5\n');
    const kept = { ...process.env };
    const forgetAws = () => {
      for (const name of Object.keys(process.env).filter((key) => key.startsWith('AWS_'))) Reflect.deleteProperty(process.env, name);
    };
    try {
      forgetAws();
      Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: 'true', AWS_CONFIG_FILE: none, AWS_SHARED_CREDENTIALS_FILE: none });
      const without = await failure(provider().wrap(KEY, BINDING));
      expect(without.message).toContain('no usable AWS credentials');
      expect(without.hints[0]).toBe('log in: aws sso login');
      const nowhere = awsKmsProvider({ provider: 'aws_kms', keyId: 'alias/koprogo', region: undefined, endpoint: undefined }, { pauses: [] });
      expect((await failure(nowhere.wrap(KEY, BINDING))).message).toContain('no AWS region is set');
      process.env['AWS_CONFIG_FILE'] = config;
      expect((await failure(provider(ARN, 200).wrap(KEY, BINDING))).message).toContain('does not answer');
    } finally {
      forgetAws();
      Object.assign(process.env, kept);
      rmSync(folder, { recursive: true });
    }
    expect(asked).toEqual([]);
  });

  it('tells a changed data key from a denied one', async () => {
    const unwrap = (answer: Answer) => {
      answers = [answer];
      return failure(provider().unwrap({ keyId: ARN, wrapped: Buffer.from('x') }, BINDING));
    };
    expect(await unwrap(error('InvalidCiphertextException'))).toBeInstanceOf(WrongKey);
    expect(await unwrap(error('IncorrectKeyException', 'The key ID in the request does not identify a CMK that can perform this operation.'))).toBeInstanceOf(WrongKey);
    expect(await unwrap(error('AccessDeniedException', 'The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you are not allowed to access.'))).toBeInstanceOf(WrongKey);
    expect(await unwrap(error('AccessDeniedException', 'User: arn:aws:iam::1:user/x is not authorized to perform: kms:Decrypt'))).toBeInstanceOf(KeyServiceFailed);
    const plain = (KeyId: string, bytes: number) => ok({ KeyId, Plaintext: Buffer.alloc(bytes, 7).toString('base64') });
    expect(await unwrap(plain(ARN, 31))).toBeInstanceOf(WrongKey);
    expect(await unwrap(plain(ARN.replace('1234abcd', '1234abce'), 32))).toBeInstanceOf(WrongKey);
  });

  it('says that an older key is gone', async () => {
    answers = [error('NotFoundException')];
    const older = ARN.replace('1234abcd', '99999999');
    expect(await failure(provider().unwrap({ keyId: older, wrapped: Buffer.from('x') }, BINDING))).toBeInstanceOf(UnknownKeyVersion);
  });

  const described = ok({ KeyMetadata: { KeyId: 'x', Arn: ARN, KeyState: 'Enabled', KeyUsage: 'ENCRYPT_DECRYPT', KeySpec: 'SYMMETRIC_DEFAULT', CreationDate: 1_700_000_000 } });

  it('asks for a rotation once, and waits until it is done', async () => {
    answers = [described, ok({ KeyId: ARN }), ok({ KeyRotationEnabled: false, OnDemandRotationStartDate: 1_700_000_000 }), ok({ KeyRotationEnabled: false })];
    expect(await provider().rotate()).toBe(ARN);
    expect(asked.map(({ target }) => target.slice('TrentService.'.length))).toEqual(['DescribeKey', 'RotateKeyOnDemand', 'GetKeyRotationStatus', 'GetKeyRotationStatus']);
    answers = [described, ok({ KeyId: ARN }), ok({ KeyRotationEnabled: false, OnDemandRotationStartDate: 1_700_000_000 })];
    expect((await failure(provider().rotate())).message).toContain('still at it');
    asked = [];
    answers = [described, error('KMSInternalException', '', 500)];
    await failure(provider().rotate());
    expect(asked.length, 'a lost answer may have been a rotation: it is not asked for twice').toBe(2);
  });

  it.each<[string, string, typeof InputError | typeof KeyServiceFailed, string]>([
    ['a key that AWS cannot rotate', 'UnsupportedOperationException', InputError, 'aws kms update-alias'],
    ['a key that was rotated too often', 'LimitExceededException', InputError, 'aws kms enable-key-rotation'],
    ['a denial', 'AccessDeniedException', KeyServiceFailed, 'aws kms enable-key-rotation'],
    ['a rotation that is going on', 'ConflictException', KeyServiceFailed, 'get-key-rotation-status'],
  ])('says how to rotate %s', async (_, type, kind, hint) => {
    answers = [described, error(type)];
    const thrown = await failure(provider().rotate());
    expect(thrown).toBeInstanceOf(kind);
    expect(thrown.hints.join('\n')).toContain(hint);
  });

  it('does not claim an age where it may not look at the rotations', async () => {
    answers = [described, error('AccessDeniedException', 'User: x is not authorized')];
    expect(await provider().versions()).toEqual([{ keyId: ARN, version: undefined, created: undefined, current: true }]);
    answers = [described, ok({ Rotations: [{ RotationDate: 1_750_000_000 }], NextMarker: 'm', Truncated: true }), ok({ Rotations: [{ RotationDate: 1_760_000_000 }], Truncated: false })];
    expect((await provider().versions())[0]?.created).toEqual(new Date(1_760_000_000_000));
  });
});
