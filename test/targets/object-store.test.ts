import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, expect, it } from 'vitest';
import { Secret } from '../../src/secret.js';
import { objectStoreAnswers, objectStoreDown, startObjectStore } from '../../src/targets/sandbox/object-store.js';
import { freePorts } from '../../src/targets/sandbox/ports.js';
import { rgwUnavailable, startRgw } from '../fixtures/rgw.js';

const why = rgwUnavailable();
if (why !== undefined) console.warn(`left out: ${why}`);

const directories: string[] = [];
afterAll(async () => {
  for (const directory of directories) {
    await objectStoreDown(directory);
    await rm(directory, { recursive: true, force: true });
  }
});

function client(port: number, secretAccessKey: string): S3Client {
  return new S3Client({ endpoint: `http://127.0.0.1:${port}`, region: 'us-east-1', forcePathStyle: true, credentials: { accessKeyId: 'ACCESS', secretAccessKey } });
}

it.skipIf(why !== undefined)('keeps objects over a restart, encrypts with the test KMS, and takes changed keys', { timeout: 120_000 }, async () => {
  const directory = join(await mkdtemp(join(tmpdir(), 'koprogo-store-')), 'a rather deep folder'.repeat(6).replaceAll(' ', '-'), 'store');
  directories.push(directory);
  const [port = 0] = await freePorts(1);
  const store = await startObjectStore(directory, port, { accessKey: 'ACCESS', secretKey: new Secret('first/secret+1') });
  const s3 = client(port, 'first/secret+1');
  await s3.send(new CreateBucketCommand({ Bucket: 'kept' }));
  await s3.send(new PutObjectCommand({ Bucket: 'kept', Key: 'a', Body: 'hello', ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'testkey-1' }));
  await store.stop();
  expect(await objectStoreAnswers(directory, port)).toBe(false);

  await startObjectStore(directory, port, { accessKey: 'ACCESS', secretKey: new Secret('second') });
  const again = client(port, 'second');
  const head = await again.send(new HeadObjectCommand({ Bucket: 'kept', Key: 'a' }));
  expect(head.ServerSideEncryption).toBe('aws:kms');
  const object = await again.send(new GetObjectCommand({ Bucket: 'kept', Key: 'a' }));
  expect(await object.Body?.transformToString()).toBe('hello');
  await expect(s3.send(new GetObjectCommand({ Bucket: 'kept', Key: 'a' }))).rejects.toMatchObject({ name: 'SignatureDoesNotMatch' });
});

it.skipIf(why !== undefined)('is one server for all test files of a run', { timeout: 200_000 }, async () => {
  const [one, two] = await Promise.all([startRgw(), startRgw()]);
  expect(one.endpoint).toBe(two.endpoint);
  const s3 = new S3Client({ endpoint: one.endpoint, region: 'us-east-1', forcePathStyle: true, credentials: one });
  await s3.send(new CreateBucketCommand({ Bucket: 'fixture-own' }));
  await one.stop();
  await expect(s3.send(new PutObjectCommand({ Bucket: 'fixture-own', Key: 'a', Body: 'x' }))).resolves.toBeDefined();
});
