import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silent } from '../../src/progress.js';
import { StateRun } from '../../src/terraform/state-run.js';
import { serveState, type StateServer } from '../../src/terraform/state-server.js';
import { lockOf, MemoryTerraformState, stateBytes } from '../fixtures/memory-terraform-state.js';

let store: MemoryTerraformState;
let server: StateServer | undefined;
beforeEach(() => {
  store = new MemoryTerraformState();
});
afterEach(() => server?.close());

interface Asked {
  path?: string;
  body?: string | Buffer;
  headers?: Record<string, string>;
}

/** Starts a server and returns what asks it, as Terraform does. */
async function serve(mayWrite = true) {
  const run = await StateRun.begin({ store, mode: mayWrite ? 'apply' : 'read', folder: tmpdir(), progress: silent });
  server = await serveState(run, mayWrite);
  const { TF_HTTP_ADDRESS = '', TF_HTTP_USERNAME = '', TF_HTTP_PASSWORD = '' } = server.environment;
  const authorization = `Basic ${Buffer.from(`${TF_HTTP_USERNAME}:${TF_HTTP_PASSWORD}`).toString('base64')}`;
  const { host, hostname, port } = new URL(TF_HTTP_ADDRESS);
  const ask = (method: string, { path = '/state', body = '', headers = {} }: Asked = {}) =>
    new Promise<{ status: number; text: string; headers: IncomingHttpHeaders }>((resolve, reject) => {
      const asked = request({ hostname, port, path, method, headers: { authorization, 'content-length': Buffer.byteLength(body), ...headers }, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, text, headers: response.headers });
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  const status = async (method: string, asked?: Asked) => (await ask(method, asked)).status;
  return { run, ask, status, host, user: TF_HTTP_USERNAME, password: TF_HTTP_PASSWORD };
}

const lockBody = (id: string) => JSON.stringify(lockOf(id));

describe('the server of a state', () => {
  it('serves a run of Terraform', async () => {
    const { status, ask, run, host } = await serve();
    expect(host).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(await ask('GET')).toMatchObject({ status: 204, text: '' });
    expect(await status('LOCK', { path: '/lock', body: lockBody('a-1') })).toBe(200);
    expect(await status('LOCK', { path: '/lock', body: lockBody('a-1') })).toBe(200);
    expect(await status('GET')).toBe(204);
    expect(await status('POST', { path: '/state?ID=a-1', body: stateBytes() })).toBe(200);
    expect(await status('UNLOCK', { path: '/lock', body: lockBody('a-1') })).toBe(200);
    expect(await run.finish()).toEqual({});
    const found = await ask('GET');
    expect([found.status, found.text, found.headers['cache-control']]).toEqual([200, stateBytes().toString(), 'no-store']);
  });

  it('tells Terraform whose the lock is, in its own words only', async () => {
    store.held = { ...lockOf('theirs'), holder: { host: 'h', pid: 1, started: '' } };
    const { ask } = await serve();
    const refused = await ask('LOCK', { path: '/lock', body: lockBody('ours') });
    expect([refused.status, JSON.parse(refused.text)]).toEqual([423, lockOf('theirs')]);
    expect(await ask('UNLOCK', { path: '/lock', body: lockBody('ours') })).toMatchObject({ status: 409 });
    expect(store.held.ID).toBe('theirs');
  });

  it.each(['', '{}', 'no', '{"ID":""}', '{"ID":"../x"}', JSON.stringify({ ID: 'a', Who: 'x'.repeat(2000) })])('takes no lock and no unlock with %j', async (body) => {
    store.held = lockOf('theirs');
    const { status } = await serve();
    expect(await status('UNLOCK', { path: '/lock', body })).toBe(400);
    expect(await status('LOCK', { path: '/lock', body })).toBe(400);
    expect(store.held.ID).toBe('theirs');
  });

  it('takes no state without the lock, and none that is not one', async () => {
    const { status } = await serve();
    await status('LOCK', { path: '/lock', body: lockBody('a-1') });
    expect(await status('POST', { body: stateBytes() })).toBe(409);
    expect(await status('POST', { path: '/state?ID=b-2', body: stateBytes() })).toBe(409);
    expect(await status('POST', { path: '/state?ID=a-1', body: 'x'.repeat(200_000) })).toBe(400);
    expect([store.stored, store.spool.content]).toEqual([undefined, undefined]);
  });

  it('writes nothing for a run that reads', async () => {
    const { status } = await serve(false);
    expect(await status('GET')).toBe(204);
    expect(await status('LOCK', { path: '/lock', body: lockBody('a-1') })).toBe(403);
    expect(await status('POST', { path: '/state?ID=a-1', body: stateBytes() })).toBe(403);
    expect(store.held).toBeUndefined();
  });

  it('answers nobody else', async () => {
    store.stored = { bytes: stateBytes({ mark: 'planted-secret' }), revision: 1 };
    const { ask, user, password, host } = await serve();
    const basic = (name: string, word: string) => ({ authorization: `Basic ${Buffer.from(`${name}:${word}`).toString('base64')}` });
    const { port } = new URL(`http://${host}`);
    const attempts: [number, Record<string, string>][] = [
      [401, { authorization: '' }],
      [401, basic(user, 'wrong')],
      [401, basic('wrong', password)],
      [401, basic(user, password.slice(0, -1))],
      [401, { authorization: `Bearer ${password}` }],
      [403, { host: `localhost:${port}` }],
      [403, { host: `evil.example:${port}` }],
      [403, { origin: 'http://evil.example' }],
      [403, { origin: `http://${host}` }],
    ];
    for (const [status, headers] of attempts) {
      const answer = await ask('GET', { headers });
      expect([answer.status, JSON.stringify(headers)]).toEqual([status, JSON.stringify(headers)]);
      expect(answer.text).not.toContain('planted');
      expect(answer.headers['access-control-allow-origin']).toBeUndefined();
    }
    const another = await serve();
    expect(another.password).not.toBe(password);
    expect((await another.ask('GET', { headers: basic(user, password) })).status).toBe(401);
  });

  it.each([
    ['GET', '/', 404],
    ['GET', '/state/', 404],
    ['GET', '/state/../state', 404],
    ['GET', '//state', 404],
    ['GET', '/state?ID=x&ID=y', 404],
    ['GET', '/state?ID=a-1', 405],
    ['DELETE', '/state', 405],
    ['PUT', '/state', 405],
    ['OPTIONS', '/state', 405],
    ['HEAD', '/state', 405],
    ['POST', '/lock', 405],
    ['LOCK', '/state', 405],
    ['POST', '/state?ID=a%2f1', 404],
  ])('knows no %s %s', async (method, path, expected) => {
    const { status } = await serve();
    expect(await status(method, { path })).toBe(expected);
  });

  it('wants to know the length first, and reads no more than a state may have', async () => {
    const { status } = await serve();
    await status('LOCK', { path: '/lock', body: lockBody('a-1') });
    expect(await status('LOCK', { path: '/lock', body: 'x'.repeat(70_000) })).toBe(413);
    expect(await status('POST', { path: '/state?ID=a-1', headers: { 'content-length': String(65 * 1024 * 1024) } })).toBe(413);
  });

  it('says nothing of the store when that fails, and takes the state none the less', async () => {
    const { ask, run } = await serve();
    await ask('LOCK', { path: '/lock', body: lockBody('a-1') });
    await ask('GET');
    store.failing.add('write').add('read');
    expect((await ask('POST', { path: '/state?ID=a-1', body: stateBytes() })).status).toBe(200);
    expect(await ask('GET')).toMatchObject({ status: 424, text: 'the store of the state failed' });
    expect((await run.finish()).unstored?.message).toContain('the test store is away');
    expect(store.spool.content?.bytes).toEqual(stateBytes());
  });
});
