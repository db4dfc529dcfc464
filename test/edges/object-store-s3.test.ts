import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ObjectStore, readObject, verifyStored } from '../../src/edges/object-store.js';
import { uploadStream } from '../../src/edges/object-upload.js';
import { openS3, type S3Options } from '../../src/edges/s3.js';
import { Secret } from '../../src/secret.js';
import { objectStoreContract } from '../contract/object-store.js';
import { type Rgw, rgwUnavailable, startRgw } from '../fixtures/rgw.js';

const why = rgwUnavailable();
if (why !== undefined) console.warn(`left out: ${why}`);
const MIB = 1024 * 1024;
const BUCKET = 'edge-contract';

let rgw: Rgw;
const stores: ObjectStore[] = [];

interface Change {
  endpoint?: string;
  bucket?: string;
  accessKeyId?: string;
  secret?: string;
  encryption?: S3Options['bucket']['encryption'];
}

async function open(change: Change = {}): Promise<ObjectStore> {
  const store = await openS3({
    bucket: {
      endpoint: change.endpoint ?? rgw.endpoint,
      region: 'us-east-1',
      bucket: change.bucket ?? BUCKET,
      encryption: change.encryption ?? { mode: 'aws:kms', keyId: rgw.kmsKeyId },
    },
    accessKeyId: change.accessKeyId ?? rgw.accessKeyId,
    secretAccessKey: new Secret(change.secret ?? rgw.secretAccessKey),
    from: 'server',
    pauses: [50, 100, 200],
  });
  stores.push(store);
  return store;
}

describe.skipIf(why !== undefined)('a bucket at Ceph RGW', { timeout: 120_000 }, () => {
  let store: ObjectStore;

  beforeAll(async () => {
    rgw = await startRgw();
    store = await open();
    expect(await store.bucket.exists()).toBe(false);
    await store.bucket.create();
    await store.bucket.create();
  }, 200_000);

  afterAll(async () => {
    for (const one of stores) one.close();
    await rgw.stop();
  });

  afterEach(() => {
    vi.useRealTimers();
  });

  objectStoreContract(() => store);

  it('makes a private bucket with versions', async () => {
    expect(await store.bucket.exists()).toBe(true);
    expect(await store.bucket.versioned()).toBe(true);
    expect(await store.bucket.openToEverybody()).toBe(false);
  });

  it('finds out that AES256 is answered with 200 and ignored', async () => {
    const careless = await open({ encryption: { mode: 'AES256' } });
    await careless.put('sse/a', Buffer.from('x'));
    await expect(verifyStored(careless, 'sse/a', 1)).rejects.toThrow(/ignores the encryption that was asked for: AES256 .* HEAD shows none/);
    const accepting = await open({ encryption: { mode: 'none' } });
    await expect(verifyStored(accepting, 'sse/a', 1)).resolves.toBeDefined();
  });

  it.each<[string, () => Change, RegExp, RegExp]>([
    ['an unknown access key', () => ({ accessKeyId: 'NOBODY' }), /does not know the S3 access key/, /access key id/],
    ['a wrong secret key', () => ({ secret: 'wrong' }), /secret key does not belong to the access key/, /enter the secret key again/],
    ['a missing bucket', () => ({ bucket: 'no-such-bucket' }), /there is no such bucket/, /koprogo-infra setup/],
    ['a port where nothing listens', () => ({ endpoint: 'http://127.0.0.1:9' }), /does not answer \(ECONNREFUSED\)/, /curl/],
    ['a name that does not exist', () => ({ endpoint: 'http://nothing.invalid' }), /does not (exist|answer)/, /./],
    ['http where TLS is expected', () => ({ endpoint: rgw.endpoint.replace('http:', 'https:') }), /no trusted TLS connection/, /openssl s_client/],
  ])('explains %s', async (_, change, message, hint) => {
    const wrong = await open(change());
    const error = await wrong.put('wrong/a', Buffer.from('x')).then(
      () => undefined,
      (thrown: unknown) => thrown as { message: string; hints: string[]; cause: unknown },
    );
    expect(error?.message).toMatch(message);
    expect(error?.message).toMatch(/could not store wrong\/a in bucket/);
    expect(error?.hints.join('\n')).toMatch(hint);
    expect(error?.cause).toBeInstanceOf(Error);
    expect(`${error?.message ?? ''}${String(error?.cause)}`).not.toContain(rgw.secretAccessKey);
  });

  it('says that the clock is wrong when it is 20 minutes off', async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 20 * 60_000 });
    await expect(store.put('clock/a', Buffer.from('x'))).rejects.toThrow(/clock of this computer is wrong/);
    expect(store.clockAhead()).toBeGreaterThan(19 * 60);
    expect(store.clockAhead()).toBeLessThan(21 * 60);
    vi.useRealTimers();
    await store.put('clock/a', Buffer.from('x'));
    expect(Math.abs(store.clockAhead() ?? 99)).toBeLessThan(5);
  });

  it('sends a part again when the connection is cut in the middle of it', async () => {
    const proxy = await cuttingProxy({ up: [3 * MIB, 2 * MIB] });
    const content = Buffer.alloc(20 * MIB, 'koprogo');
    const through = await open({ endpoint: proxy.endpoint });
    await uploadStream(through, 'cut/up', [content] as unknown as AsyncIterable<Uint8Array>);
    expect(proxy.cuts()).toBe(2);
    expect(Buffer.from(await readObject(store, 'cut/up', content.length)).equals(content)).toBe(true);
    await proxy.close();
  });

  it('goes on where a download was cut', async () => {
    const content = Buffer.from(Array.from({ length: 300_000 }, (_, i) => i).join(','));
    await store.put('cut/down', content);
    const proxy = await cuttingProxy({ down: [700_000, 300_000] });
    const through = await open({ endpoint: proxy.endpoint });
    expect(Buffer.from(await readObject(through, 'cut/down', content.length)).equals(content)).toBe(true);
    expect(proxy.cuts()).toBe(2);
    await proxy.close();
  });

  it('gives up when every try is cut, and leaves no parts', async () => {
    const proxy = await cuttingProxy({ up: Array.from({ length: 50 }, () => MIB) });
    const through = await open({ endpoint: proxy.endpoint });
    await expect(uploadStream(through, 'cut/always', [Buffer.alloc(9 * MIB)] as unknown as AsyncIterable<Uint8Array>)).rejects.toThrow(/could not send part \d of cut\/always .* does not answer/);
    await proxy.close();
    expect(await store.head('cut/always')).toBeUndefined();
    expect(await store.abortUploads('cut/')).toBeLessThanOrEqual(1);
  });
});

describe('a bucket at a server that answers', () => {
  const xml = (body: string) => `<?xml version="1.0" encoding="UTF-8"?>${body}`;
  const failure = (code: string) => xml(`<Error><Code>${code}</Code><Message>said \u001b[31mthe server</Message></Error>`);
  const page = (keys: string[], next?: string) =>
    xml(
      `<ListBucketResult>${keys.map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`).join('')}` +
        `<IsTruncated>${String(next !== undefined)}</IsTruncated>${next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`}</ListBucketResult>`,
    );

  async function answering(answer: (request: IncomingMessage, count: number) => { status: number; body: string; date?: Date }) {
    let count = 0;
    const server = createHttpServer((request, response) => {
      request.resume().on('end', () => {
        const { status, body, date } = answer(request, (count += 1));
        response.writeHead(status, { 'content-type': 'application/xml', ...(date ? { date: date.toUTCString() } : {}) }).end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const store = await openS3({
      bucket: { endpoint: `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`, region: 'x', bucket: 'stub', encryption: { mode: 'none' } },
      accessKeyId: 'a',
      secretAccessKey: new Secret('planted-secret'),
      from: 'server',
      pauses: [1, 1],
    });
    const close = () => {
      store.close();
      server.closeAllConnections();
      server.close();
    };
    return { store, close, requests: () => count };
  }

  const failureOf = async (store: ObjectStore) =>
    store.put('a', Buffer.from('x')).then(
      () => undefined,
      (thrown: unknown) => thrown as { message: string; hints: string[] },
    );

  it.each([
    [403, 'QuotaExceeded', /storage is full or its quota is used up/, 1],
    [507, 'XMinioStorageFull', /storage is full/, 1],
    [403, 'AccessDenied', /not allowed to do that/, 1],
    [301, 'PermanentRedirect', /not in the region "x"/, 1],
    [503, 'SlowDown', /SlowDown/, 3],
    [500, 'InternalError', /InternalError/, 3],
    [400, 'Strange', /said.*the server \(Strange, HTTP 400\)/, 1],
  ])('with %i %s', async (status, code, message, tries) => {
    const { store, close, requests } = await answering(() => ({ status, body: failure(code) }));
    const error = await failureOf(store);
    close();
    expect(error?.message).toMatch(message);
    expect(error?.message).not.toMatch(/\p{Cc}/u);
    expect(inspect(error, { depth: 9 })).not.toContain('planted-secret');
    expect(inspect(error, { depth: 9 })).not.toContain('AWS4-HMAC');
    expect(requests()).toBe(tries);
  });

  it('tries again after a failure that passes', async () => {
    const { store, close, requests } = await answering((_, count) => (count < 3 ? { status: 503, body: failure('SlowDown') } : { status: 200, body: '' }));
    await store.put('a', Buffer.from('x'));
    close();
    expect(requests()).toBe(3);
  });

  it('page by page, leaving out keys that nobody asked for', async () => {
    const { store, close } = await answering((request) => ({ status: 200, body: request.url?.includes('continuation-token=two') === true ? page(['p/c']) : page(['p/a', 'other', 'p/b'], 'two') }));
    const keys = [];
    for await (const { key } of store.list('p/')) keys.push(key);
    close();
    expect(keys).toEqual(['p/a', 'p/b', 'p/c']);
  });

  it('with pages without end', async () => {
    const { store, close } = await answering(() => ({ status: 200, body: page([], 'again') }));
    const read = async () => {
      for await (const object of store.list('p/')) expect(object).toBeUndefined();
    };
    await expect(read()).rejects.toThrow(/does not come to an end/);
    close();
  });

  it('with a clock 20 minutes ahead', async () => {
    const { store, close } = await answering(() => ({ status: 200, body: '', date: new Date(Date.now() + 20 * 60_000) }));
    await store.put('a', Buffer.from('x'));
    close();
    expect(store.clockAhead()).toBeGreaterThan(-20 * 60 - 5);
    expect(store.clockAhead()).toBeLessThan(-20 * 60 + 5);
  });
});

interface Proxy {
  endpoint: string;
  cuts(): number;
  close(): Promise<void>;
}

/** Passes bytes on to RGW and cuts connections after so many bytes, upwards or downwards; once for each number of the list. */
async function cuttingProxy(limits: { up?: number[]; down?: number[] }): Promise<Proxy> {
  const { hostname, port } = new URL(rgw.endpoint);
  const up = [...(limits.up ?? [])];
  const down = [...(limits.down ?? [])];
  const open = new Set<Socket>();
  let cuts = 0;
  const server: Server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on('error', () => undefined).on('close', () => open.delete(socket));
    }
    const pass = (from: Socket, to: Socket, left: number[]) => {
      let passed = 0;
      from.on('data', (chunk: Buffer) => {
        passed += chunk.length;
        const limit = left[0];
        if (limit !== undefined && passed > limit) {
          left.shift();
          cuts += 1;
          client.resetAndDestroy();
          upstream.destroy();
        } else if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
      });
      from.on('end', () => to.end());
    };
    pass(client, upstream, up);
    pass(upstream, client, down);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const own = typeof address === 'object' && address ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${own}`,
    cuts: () => cuts,
    close: () =>
      new Promise((resolve) => {
        for (const socket of open) socket.destroy();
        server.close(() => {
          resolve();
        });
      }),
  };
}
