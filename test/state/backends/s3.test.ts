import * as sdk from '@aws-sdk/client-s3';
import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../../../src/errors.js';
import { type Backend, Conflict } from '../../../src/state/backends/backend.js';
import { openS3Backend } from '../../../src/state/backends/s3.js';
import { backendContract } from '../../contract/backend.js';
import { failureOf } from '../../fixtures/failure.js';
import { type LosingProxy, startLosingProxy } from '../../fixtures/losing-proxy.js';
import { type Rgw, rgwUnavailable, startRgw } from '../../fixtures/rgw.js';

vi.hoisted(() => {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
});

const why = rgwUnavailable();
if (why !== undefined) console.warn(`left out: the state in S3: ${why}`);
const PLAIN = 'state-plain';
const VERSIONED = 'state-versioned';
const PAUSES = [50, 100, 200];

describe.skipIf(why !== undefined)('the state in S3, at Ceph RGW', { timeout: 60_000 }, () => {
  let rgw: Rgw;
  let client: sdk.S3Client;
  let lossy: LosingProxy;
  const opened: Backend[] = [];

  const environment = (change: NodeJS.ProcessEnv = {}) => ({ AWS_ACCESS_KEY_ID: rgw.accessKeyId, AWS_SECRET_ACCESS_KEY: rgw.secretAccessKey, ...change });
  const url = (place: string, endpoint = rgw.endpoint) => `s3://${place}?endpoint=${endpoint}&region=us-east-1`;
  const open = async (place = `${PLAIN}/own`, endpoint?: string) => {
    const backend = await openS3Backend(url(place, endpoint), environment(), { pauses: PAUSES });
    opened.push(backend);
    return backend;
  };
  const keysOf = async (Bucket: string, Prefix: string) => ((await client.send(new sdk.ListObjectsV2Command({ Bucket, Prefix }))).Contents ?? []).map(({ Key }) => Key);
  const throughProxy = () => open(`${PLAIN}/own`, `http://127.0.0.1:${lossy.port}`);

  beforeAll(async () => {
    rgw = await startRgw();
    client = new sdk.S3Client({
      endpoint: rgw.endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: rgw.accessKeyId, secretAccessKey: rgw.secretAccessKey },
    });
    for (const Bucket of [PLAIN, VERSIONED]) await client.send(new sdk.CreateBucketCommand({ Bucket }));
    await client.send(new sdk.PutBucketVersioningCommand({ Bucket: VERSIONED, VersioningConfiguration: { Status: 'Enabled' } }));
    lossy = await startLosingProxy(Number(new URL(rgw.endpoint).port), (data) => data.includes('HTTP/1.1 '));
  }, 180_000);
  afterAll(async () => {
    for (const backend of opened) await backend.close();
    lossy.close();
    client.destroy();
    await rgw.stop();
  });

  backendContract(() => openS3Backend(url(`${PLAIN}/contract`), environment(), { pauses: PAUSES }));

  it('knows only its prefix, and needs none', async () => {
    const [one, two, bare] = [await open(`${PLAIN}/a`), await open(`${PLAIN}/a/b`), await open(PLAIN)];
    expect(one.where).toBe(`bucket "${PLAIN}" at ${rgw.endpoint}, prefix a/`);
    for (const backend of [one, two, bare]) await backend.write('x', Buffer.from(backend.where), 'absent');
    for (const backend of [one, two, bare]) {
      expect(await backend.ids()).toEqual(['x']);
      expect((await backend.read('x'))?.bytes.toString()).toBe(backend.where);
    }
  });

  it('tries once, on an object that it removes again, whether the bucket compares before it stores', async () => {
    const backend = await open(`${PLAIN}/probe`);
    await backend.write('a', Buffer.from('x'), 'absent');
    await backend.write('b', Buffer.from('x'), 'absent');
    expect(await keysOf(PLAIN, 'probe/')).toEqual(['probe/a', 'probe/b']);
  });

  it('is refused in a bucket that does not compare, before the first byte is stored', async () => {
    const backend = await open(`${VERSIONED}/own`);
    const error = await failureOf(backend.write('a', Buffer.from('x'), 'absent'));
    expect(error.message).toMatch(/bucket "state-versioned" at .* cannot hold the state, because it ignores If-None-Match/);
    expect(error).toMatchObject({ exitCode: EXIT.refused, hints: [expect.stringMatching(/make a bucket without versioning/), expect.any(String)] });
    await expect(backend.write('a', Buffer.from('x'), { revision: `"${'0'.repeat(32)}"` })).rejects.toThrow(/cannot hold the state/);
    expect(await backend.ids()).toEqual([]);
    expect(await backend.warnings?.()).toEqual([expect.stringMatching(/keeps old versions/)]);
    expect(await (await open()).warnings?.()).toEqual([]);
  });

  it('leaves a few bytes where an object was removed, which count as none', async () => {
    const backend = await open(`${PLAIN}/removed`);
    const revision = await backend.write('a', Buffer.from('PLANTED'), 'absent');
    await backend.remove('a', { revision });
    const { Body, ContentLength } = await client.send(new sdk.GetObjectCommand({ Bucket: PLAIN, Key: 'removed/a' }));
    expect(ContentLength).toBe(17);
    expect(await Body?.transformToString('latin1')).not.toContain('PLANTED');
    expect(await backend.ids()).toEqual([]);
    // The revision of those bytes is nobody's: not even a bare * moves them.
    for (const wrong of ['*', '"*"', '']) await expect(backend.write('a', Buffer.from('x'), { revision: wrong })).rejects.toThrow(Conflict);
  });

  it('refuses objects of others under its prefix', async () => {
    await client.send(new sdk.PutObjectCommand({ Bucket: PLAIN, Key: 'foreign/a', Body: 'something else that is long enough' }));
    await client.send(new sdk.PutObjectCommand({ Bucket: PLAIN, Key: 'foreign/not an id', Body: 'something else that is long enough' }));
    const backend = await open(`${PLAIN}/foreign`);
    expect((await failureOf(backend.read('a'))).message).toMatch(/foreign\/a .* is not of koprogo-infra/);
    expect((await failureOf(backend.write('a', Buffer.from('x'), 'absent'))).message).toMatch(/is not of koprogo-infra/);
    expect(await backend.ids()).toEqual(['a']);
  });

  it('says what is wrong with the place, and never a key', async () => {
    expect((await failureOf(open('state-nowhere'))).message).toMatch(/there is no bucket "state-nowhere"/);
    const wrongKey = openS3Backend(url(PLAIN), environment({ AWS_SECRET_ACCESS_KEY: 'wrong-planted' }), { pauses: [] });
    expect((await failureOf(wrongKey, 'planted')).message).toMatch(/secret key does not belong to the access key/);
  });

  it('does not take an answer that was lost for a Conflict, and does nothing twice', async () => {
    const [backend, other] = [await throughProxy(), await open()];
    await backend.write('warm-up', Buffer.from('x'), 'absent');
    lossy.loseNextAnswerTo('PUT /state-plain/own/lost');
    const created = await backend.write('lost', Buffer.from('one'), 'absent');
    lossy.loseNextAnswerTo('PUT /state-plain/own/lost');
    const updated = await backend.write('lost', Buffer.from('two'), { revision: created });
    expect(await other.read('lost')).toEqual({ bytes: Buffer.from('two'), revision: updated });
    lossy.loseNextAnswerTo('PUT /state-plain/own/lost', async () => {
      await other.write('lost', Buffer.from('theirs'), { revision: (await other.read('lost'))?.revision ?? '' });
    });
    await expect(backend.write('lost', Buffer.from('mine'), { revision: updated })).rejects.toThrow(Conflict);
    const theirs = await backend.read('lost');
    expect(theirs?.bytes.toString()).toBe('theirs');
    lossy.loseNextAnswerTo('PUT /state-plain/own/lost');
    await backend.remove('lost', { revision: theirs?.revision ?? '' });
    expect(await backend.read('lost')).toBeUndefined();
    lossy.loseNextAnswerTo('PUT /state-plain/own/lost');
    await backend.write('lost', Buffer.from('again'), 'absent');
    expect((await other.read('lost'))?.bytes.toString()).toBe('again');
    expect(lossy.lost).toBe(5);
  });

  it('that cannot be reached is an error within a bounded time, and works again when it is back', async () => {
    const backend = await throughProxy();
    const revision = await backend.write('away', Buffer.alloc(100_000, 1), 'absent');
    lossy.down();
    const begun = Date.now();
    expect((await failureOf(backend.read('away'))).message).toMatch(/could not read own\/away in bucket "state-plain" .*does not answer/);
    expect((await failureOf(backend.write('away', Buffer.from('x'), { revision }))).message).toMatch(/does not answer/);
    expect(Date.now() - begun).toBeLessThan(5000);
    await lossy.up();
    expect((await backend.read('away'))?.revision).toBe(revision);
  });
});

/** As servers behave that are not here to be tried: each answers as it is told. */
describe('a server that', () => {
  const environment = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' };

  /** A bucket of one server in memory; `compares` says which conditions it honours, and how it wants the ETag. */
  async function withServer(compares: { none: boolean; match: boolean; form: 'quoted' | 'bare'; status?: number; full?: { status: number; code: string } }, use: (backend: Backend, requests: string[]) => Promise<void>) {
    const objects = new Map<string, { body: Buffer; etag: string }>();
    const requests: string[] = [];
    let counter = 0;
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const key = request.url ?? '';
        const stored = objects.get(key.split('?')[0] ?? '');
        const none = request.headers['if-none-match'];
        const match = request.headers['if-match'];
        requests.push(`${request.method ?? ''} ${none ?? match ?? ''}`.trim());
        const answer = (status: number, headers: Record<string, string> = {}, body: string | Buffer = '') => {
          response.writeHead(status, headers).end(body);
        };
        const fail = (status: number, code: string) => {
          answer(status, { 'content-type': 'application/xml' }, `<?xml version="1.0"?><Error><Code>${code}</Code></Error>`);
        };
        if (request.method === 'HEAD') answer(200);
        else if (request.method === 'DELETE') {
          objects.delete(key.split('?')[0] ?? '');
          answer(204);
        } else if (request.method === 'GET') {
          if (key.includes('versioning')) answer(200, {}, '<VersioningConfiguration/>');
          else if (stored) answer(200, { etag: stored.etag, 'content-length': String(stored.body.length) }, stored.body);
          else fail(404, 'NoSuchKey');
        } else if (none !== undefined && compares.status !== undefined) fail(compares.status, 'NotImplemented');
        else if (none !== undefined && compares.none && stored) fail(412, 'PreconditionFailed');
        else if (match !== undefined && compares.match && !stored) fail(404, 'NoSuchKey');
        else if (match !== undefined && compares.match && match !== (compares.form === 'bare' ? stored?.etag.replaceAll('"', '') : stored?.etag)) fail(412, 'PreconditionFailed');
        else if (compares.full && Buffer.concat(chunks).length > 100_000) fail(compares.full.status, compares.full.code);
        else {
          counter += 1;
          const etag = `"${String(counter).padStart(32, '0')}"`;
          objects.set(key.split('?')[0] ?? '', { body: Buffer.concat(chunks), etag });
          answer(200, { etag });
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const backend = await openS3Backend(`s3://bucket?endpoint=http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}&region=any`, environment, { pauses: [10] });
    try {
      await use(backend, requests);
    } finally {
      await backend.close();
      server.close();
    }
  }

  it.each(['quoted', 'bare'] as const)('wants the ETag %s gets it so', async (form) => {
    await withServer({ none: true, match: true, form }, async (backend) => {
      const revision = await backend.write('a', Buffer.from('one'), 'absent');
      const second = await backend.write('a', Buffer.from('two'), { revision });
      await expect(backend.write('a', Buffer.from('x'), { revision })).rejects.toThrow(Conflict);
      await expect(backend.write('gone', Buffer.from('x'), { revision })).rejects.toThrow(Conflict);
      expect(await backend.read('a')).toEqual({ bytes: Buffer.from('two'), revision: second });
    });
  });

  it.each([
    { status: 403, code: 'QuotaExceeded' },
    { status: 507, code: 'XMinioStorageFull' },
  ])('has no room any more (%j) is said to be full, asked once, and what was stored is whole', async (full) => {
    await withServer({ none: true, match: true, form: 'quoted', full }, async (backend, requests) => {
      const revision = await backend.write('a', Buffer.from('one'), 'absent');
      const before = requests.length;
      const error = await failureOf(backend.write('a', Buffer.alloc(200_000), { revision }));
      expect(error.message).toMatch(/full|quota/i);
      expect(error.hints.length).toBeGreaterThan(0);
      expect(requests.slice(before).filter((request) => request.startsWith('PUT'))).toHaveLength(1);
      expect(await backend.read('a')).toEqual({ bytes: Buffer.from('one'), revision });
    });
  });

  it.each([
    [{ none: false, match: true }, 'ignores If-None-Match'],
    [{ none: true, match: false }, 'ignores If-Match'],
    [{ none: true, match: true, status: 501 }, 'does not know If-None-Match'],
  ])('does not compare (%j) holds no state: %s', async (behaviour, message) => {
    await withServer({ form: 'quoted', ...behaviour }, async (backend, requests) => {
      const error = await failureOf(backend.write('a', Buffer.from('x'), 'absent'));
      expect(error.message).toContain(message);
      expect(error.exitCode).toBe(EXIT.refused);
      expect(requests).toContain('DELETE');
      expect(await backend.read('a')).toBeUndefined();
    });
  });
});
