import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InfraError } from '../errors.js';
import { NotAState } from './state-format.js';
import type { StateRun } from './state-run.js';
import { MAX_STATE_BYTES, type TerraformLock, terraformLockSchema } from './state-store.js';
import { say } from './words.js';

export interface StateServer {
  /** What tells Terraform where its state is. The password in it is good for this server only, which ends with the run. */
  environment: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const MAX_LOCK_BYTES = 64 * 1024;
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;

interface Answer {
  status: number;
  body?: string | Buffer;
}

/** A request that is not answered as it wants, with a status and a sentence. */
class Refused extends Error {
  constructor(
    readonly status: number,
    words: string,
  ) {
    super(words);
  }
}

/**
 * Terraform's "http" backend on the loopback interface, on a random port, for one run of one Terraform:
 *
 *     GET    /state          200 with the state, 204 without one
 *     POST   /state?ID=lock  200 when the state was taken; 409 without the lock
 *     LOCK   /lock           200; 423 with the holder's lock
 *     UNLOCK /lock           200; 409 with the holder's lock; 400 for an empty body, which `terraform force-unlock` sends
 *
 * Terraform gets a 424 where the store fails: from 500 on it would try again, for half a minute and more, what the
 * store's own client has already tried again.
 *
 * Only who has the user and the password, which are new for every run, gets an answer. A web page that makes this
 * computer's browser ask (by another Host name for 127.0.0.1, or with an Origin) gets none even then.
 */
export async function serveState(run: StateRun, mayWrite: boolean): Promise<StateServer> {
  const user = randomBytes(16).toString('base64url');
  const password = randomBytes(32).toString('base64url');
  const expected = digest(`Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`);
  const server = createServer({ headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, connectionsCheckingInterval: 5000, maxHeaderSize: 8192 });
  const port = await listen(server);
  server.on('request', (request, response) => {
    const answer = admit(request, `127.0.0.1:${port}`, expected) ?? route(request, run, mayWrite);
    void Promise.resolve(answer)
      .catch(failed)
      .then((said) => {
        send(request, response, said);
      });
  });
  return { environment: environmentFor(`http://127.0.0.1:${port}`, user, password), close: () => close(server) };
}

/** All settings that the backend reads, so that none of the operator's own for other work leaks in. */
function environmentFor(address: string, user: string, password: string): Record<string, string> {
  return {
    TF_HTTP_ADDRESS: `${address}/state`,
    TF_HTTP_LOCK_ADDRESS: `${address}/lock`,
    TF_HTTP_UNLOCK_ADDRESS: `${address}/lock`,
    TF_HTTP_UPDATE_METHOD: 'POST',
    TF_HTTP_LOCK_METHOD: 'LOCK',
    TF_HTTP_UNLOCK_METHOD: 'UNLOCK',
    TF_HTTP_USERNAME: user,
    TF_HTTP_PASSWORD: password,
    TF_HTTP_RETRY_MAX: '2',
    TF_HTTP_RETRY_WAIT_MIN: '1',
    TF_HTTP_RETRY_WAIT_MAX: '5',
    TF_HTTP_CLIENT_CA_CERTIFICATE_PEM: '',
    TF_HTTP_CLIENT_CERTIFICATE_PEM: '',
    TF_HTTP_CLIENT_PRIVATE_KEY_PEM: '',
  };
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new InfraError(say('server.listen', { why: cause.message }), { cause }));
    });
    server.listen(0, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  await new Promise<void>((resolve) => {
    server.close(() => {
      resolve();
    });
    server.closeAllConnections();
  });
}

function admit({ headers }: IncomingMessage, host: string, expected: Buffer): Answer | undefined {
  // Hashes first: they have one length, whatever was sent, and timingSafeEqual wants that.
  if (!timingSafeEqual(digest(headers.authorization ?? ''), expected)) return { status: 401, body: 'who is asking?' };
  if (headers.host !== host || headers.origin !== undefined) return { status: 403, body: 'not for web pages' };
  return undefined;
}

async function route(request: IncomingMessage, run: StateRun, mayWrite: boolean): Promise<Answer> {
  const { method = '', url = '' } = request;
  if (method === 'GET' && url === '/state') {
    const state = await run.read();
    return state ? { status: 200, body: state } : { status: 204 };
  }
  const lock = /^\/state(?:\?ID=([\w-]{1,100}))?$/.exec(url);
  const known = (method === 'POST' && lock !== null) || ((method === 'LOCK' || method === 'UNLOCK') && url === '/lock');
  if (!known) throw new Refused(url === '/lock' || lock ? 405 : 404, 'there is nothing here by this name');
  if (!mayWrite) throw new Refused(403, 'this run only reads');
  if (method === 'POST') {
    if (!(await run.post(lock?.[1], await body(request, MAX_STATE_BYTES)))) throw new Refused(409, 'a state is taken only under the lock of this run');
    return { status: 200 };
  }
  const info = parseLock(await body(request, MAX_LOCK_BYTES));
  const answer = method === 'LOCK' ? await run.lock(info) : await run.unlock(info.ID);
  if (answer === 'taken' || answer === 'released') return { status: 200 };
  return { status: method === 'LOCK' ? 423 : 409, body: JSON.stringify({ ...answer, holder: undefined }) };
}

async function body(request: IncomingMessage, limit: number): Promise<Buffer> {
  // Terraform always says the length; a body that goes on without one could not be answered any more once it is too long.
  const length = Number(request.headers['content-length']);
  if (!Number.isSafeInteger(length)) throw new Refused(411, 'how long is it?');
  if (length > limit) throw new Refused(413, `more than ${limit} bytes`);
  const parts: Buffer[] = [];
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}

function parseLock(bytes: Buffer): TerraformLock {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    value = undefined;
  }
  const read = terraformLockSchema.omit({ holder: true }).safeParse(value);
  if (!read.success) throw new Refused(400, 'not a lock: koprogo-infra state unlock releases one that was left');
  return read.data;
}

function failed(error: unknown): Answer {
  if (error instanceof Refused) return { status: error.status, body: error.message };
  if (error instanceof NotAState) return { status: 400, body: error.message };
  // What it was, the run knows and says: it may name places that are nobody's business here.
  return { status: 424, body: 'the store of the state failed' };
}

function send(request: IncomingMessage, response: ServerResponse, { status, body: content = '' }: Answer): void {
  response.statusCode = status;
  response.setHeader('Content-Type', Buffer.isBuffer(content) ? 'application/json' : 'text/plain; charset=utf-8');
  response.setHeader('Cache-Control', 'no-store');
  if (status === 401) response.setHeader('WWW-Authenticate', 'Basic realm="state"');
  // What was not read of a request must not be taken for the next one.
  if (!request.complete) response.setHeader('Connection', 'close');
  response.end(content);
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
