import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { z } from 'zod';
import { answersSchema, ANSWERS_DOCUMENT } from '../../src/commands/open.js';
import { type Command, script } from '../../src/edges/command.js';
import { xdg } from '../../src/edges/files.js';
import { toConfig } from '../../src/setup/config.js';
import { type Context, createContext } from '../../src/setup/context.js';
import type { Store } from '../../src/state/installations.js';
import { ADMIN_EMAIL } from '../../src/stack/admin.js';
import { ensureStackState } from '../../src/stack/secrets.js';
import { openStore } from '../../src/state/open-store.js';
import type { StateStore } from '../../src/state/store.js';
import { hasEnded } from '../../src/targets/sandbox/daemons.js';
import { readDocument } from '../../src/targets/sandbox/document.js';
import { layout } from '../../src/targets/sandbox/layout.js';
import { type ServerSpec, serverSpec } from '../../src/targets/sandbox/spec.js';
import { serverPid } from '../../src/targets/sandbox/vm.js';
import type { Operator } from './harness.js';
import { RecordingReporter } from '../fixtures/reporter.js';

/** The installation under test, reached as the program itself reaches it, but for looking behind it. */
export class Installation {
  readonly directory: string;
  readonly disks: { root: string; postgres: string; documents: string };
  #context: Context | undefined;
  #store: Store | undefined;

  constructor(readonly name: string) {
    this.directory = join(xdg.data(), 'koprogo-infra', name);
    const { root, postgres, documents } = layout(this.directory);
    this.disks = { root, postgres, documents };
  }

  async state(): Promise<StateStore> {
    this.#store ??= await openStore(process.env, () => Promise.resolve(undefined));
    return this.#store.documents(this.name);
  }

  async context(): Promise<Context> {
    if (this.#context) return this.#context;
    const state = await this.state();
    const answers = await state.get(ANSWERS_DOCUMENT, answersSchema);
    this.#context = createContext({ name: this.name, state, config: toConfig(answers ?? {}), reporter: new RecordingReporter(), patience: 400 });
    return this.#context;
  }

  /** Runs a script on the server as root and returns what it printed. */
  async onServer(body: string, options: Partial<Command> & { args?: readonly string[] } = {}): Promise<string> {
    const { args = [], ...rest } = options;
    const server = await (await this.context()).server();
    return (await server.run({ ...script(body, ...args), root: true, timeout: 300, ...rest })).stdout;
  }

  async sql(statement: string, database = 'koprogo_db'): Promise<string> {
    const psql = 'docker exec -i koprogo-postgres-1 psql -X -v ON_ERROR_STOP=1 -At -U koprogo -d "$1"';
    return (await this.onServer(psql, { args: [database], input: statement })).trim();
  }

  /** Logs in as KoproGo's first administrator, as a visitor does: through the published port and the router. Gives the HTTP status. */
  async logIn(password: string): Promise<number> {
    const { config, machine } = await this.context();
    const { web } = await machine();
    return new Promise((resolve, reject) => {
      const headers = { host: `api.${config.domain}`, 'content-type': 'application/json' };
      const asked = request({ host: web.host, port: web.http, path: '/api/v1/auth/login', method: 'POST', headers, agent: false, timeout: 120_000 });
      asked.once('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      asked.once('error', reject);
      asked.end(JSON.stringify({ email: ADMIN_EMAIL, password }));
    });
  }

  /** The statuses of logging in with the password that KoproGo publishes, and with the first one of our own: 401 and 200 when all is well. */
  async logIns(): Promise<[published: number, own: number]> {
    const { adminPassword } = await ensureStackState(await this.state());
    return [await this.logIn('admin123'), await this.logIn(adminPassword.reveal())];
  }

  /** Makes a data disk larger while the machine runs, as a provider does. */
  async growDisk(disk: 'postgres' | 'documents', byBytes: number): Promise<void> {
    const { [disk]: file, qmp } = layout(this.directory);
    const size = (await stat(file)).size + byBytes;
    await tellQemu(qmp, { execute: 'block_resize', arguments: { device: disk, size } });
    if ((await stat(file)).size !== size) throw new Error(`${file} did not grow`);
  }

  /** The virtual machine as Terraform starts it, to be switched on without the program. */
  async serverSpec(): Promise<ServerSpec> {
    const document = await readDocument(await this.state());
    if (!document) throw new Error(`${this.name} has no server`);
    const { ports, forwards, serials } = document;
    const web = [{ from: ports.ssh, to: 22 }, { from: ports.http, to: 80 }, { from: ports.https, to: 443 }];
    return serverSpec.parse({ directory: this.directory, serials, cpus: 2, memory: 3072, forwards: [...web, ...forwards] });
  }

  /** Forgets the connection: after a reboot, a power cut, a destroy. */
  disconnect(): void {
    this.#context?.close();
    this.#context = undefined;
  }

  /** The power fails: QEMU is gone between two instructions. */
  async powerCut(): Promise<void> {
    this.disconnect();
    const pid = await serverPid(this.directory);
    if (pid === undefined) throw new Error('the server does not run, its power cannot be cut');
    process.kill(pid, 'SIGKILL');
    if (!(await hasEnded(pid, 30))) throw new Error('a killed QEMU did not end');
  }

  async isRunning(): Promise<boolean> {
    return (await serverPid(this.directory)) !== undefined;
  }

  /** Every secret of the installation, by where it is kept: what must be found nowhere in clear. */
  async secrets(): Promise<Map<string, string>> {
    const store = await this.state();
    const found = new Map<string, string>();
    for (const name of await store.names()) collect(name, await store.get(name, z.unknown()), found);
    return found;
  }
}

/** One order over QEMU's own protocol: it greets, is told to begin, and answers each order with a line. */
async function tellQemu(socket: string, order: object): Promise<void> {
  // The name of a socket has 107 characters at most, and the folder's alone may have more.
  const short = mkdtempSync(join(tmpdir(), 'qmp-'));
  symlinkSync(dirname(socket), join(short, 'at'));
  const connection = connect(join(short, 'at', basename(socket)));
  try {
    await new Promise<void>((resolve, reject) => {
      connection.setTimeout(60_000, () => {
        reject(new Error('QEMU does not answer'));
      });
      connection.once('error', reject);
      connection.once('close', () => {
        reject(new Error('QEMU hung up'));
      });
      let said = '';
      connection.on('data', (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes('"error"')) reject(new Error(said));
        if (said.split('"return"').length > 2) resolve();
      });
      connection.write(`${JSON.stringify({ execute: 'qmp_capabilities' })}\n${JSON.stringify(order)}\n`);
    });
  } finally {
    connection.destroy();
    rmSync(short, { recursive: true });
  }
}

/** Builds a sandbox up to the point where its disks would be formatted: a hardened server whose two data disks are blank. */
export async function untilDisksAreBlank(operator: Operator, name: string): Promise<void> {
  const killAfter = { pattern: /^ {2}… Encrypted volumes/m, delay: 0 };
  const { signal, stderr } = await operator.cli(['setup', '--installation', name, '--target', 'sandbox', '--yes'], { timeout: 1500, killAfter });
  if (signal !== 'SIGKILL') throw new Error(`set-up did not come to the disks:\n${stderr}`);
}

const SECRET_FIELD = /passphrase|password|secret|private|token|totp|energy|jwt/i;

function collect(path: string, value: unknown, found: Map<string, string>): void {
  if (typeof value === 'string') {
    if (!SECRET_FIELD.test(path) || value.length < 12) return;
    // A key block is searched for by one line of its body.
    const text = value.startsWith('-----BEGIN') ? (value.split('\n').filter((line) => line.length > 50).at(-1) ?? value) : value;
    found.set(path, text);
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) collect(`${path}.${key}`, inner, found);
  }
}

/** Whether a file holds one of these texts, a line each. Lines end at NUL (-z): the holes of a disk would be one line of gigabytes. */
export function holds(file: string, text: string): boolean {
  try {
    execFileSync('grep', ['-qazF', '-f', '-', '--', file], { input: text, stdio: ['pipe', 'ignore', 'pipe'] });
    return true;
  } catch (error) {
    if ((error as { status?: number }).status === 1) return false;
    throw error;
  }
}
