import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANCHOR_KIND } from '../../src/keys/audit/format.js';
import { z } from 'zod';
import { silentAudit } from '../../src/keys/audit/audit.js';
import { LocalKeys } from '../../src/keys/providers/local.js';
import { openBackend } from '../../src/state/backends/open-backend.js';
import type { Store } from '../../src/state/installations.js';
import { storeOn } from '../../src/state/open-store.js';
import { SeenFile } from '../../src/state/seen.js';
import { bundleProgram } from '../fixtures/bundle.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { keyMemory, SETTINGS } from '../fixtures/store.js';

/** What the commands import and do not use. */
const UNUSED = ['node-ssh', '@aws-sdk/client-s3', '@aws-sdk/client-kms', 'openpgp', 'execa', '@inquirer/prompts', 'yaml', '@redis/client'];
/** A command that is killed fewer times has done less than it should, or is not counted any more. */
const ENOUGH = 6;
const DOCUMENTS = ['main', 'second'].flatMap((installation) => ['one', 'two', 'three'].map((name) => ({ installation, name })));

// In memory where that can be: a kill, unlike a power cut, loses nothing that was written, and waiting for a disk would prove nothing.
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'koprogo-killed-'));
let program = '';
let made = 0;

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  operations: string[];
}

const stateFolder = (home: string) => join(home, 'state', 'koprogo-infra');

function run(home: string, command: string, environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const operations = join(home, 'operations');
    const env = { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CONFIG_HOME: join(home, 'config'), OPERATIONS: operations, ...environment };
    const child = spawn(process.execPath, [program, command], { env, stdio: ['ignore', 'ignore', 'pipe'], timeout: 100_000 });
    let stderr = '';
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code, signal, stderr, operations: code === 0 ? readFileSync(operations, 'utf8').split('\n') : [] });
    });
  });
}

async function withStore<T>(home: string, url: string, work: (store: Store) => Promise<T>): Promise<T> {
  const keys = new LocalKeys({ path: join(home, 'config', 'koprogo-infra', 'keys.json'), passphrase: () => Promise.resolve(undefined), mayCreate: false, fips: false, memory: keyMemory });
  const seen = (id: string) => new SeenFile(join(stateFolder(home), `seen-${id}`));
  const store = await storeOn(await openBackend(url, {}), keys, SETTINGS, { seen, audit: () => silentAudit, memory: keyMemory });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

const sqlite = (home: string) => `sqlite:${join(stateFolder(home), 'state.db')}`;

/** Every object opens, and every document has its content. */
async function expectWhole(home: string, url = sqlite(home)): Promise<void> {
  await withStore(home, url, async (store) => {
    for (const object of await store.objects.list()) expect((await store.objects.read(object))?.plain.length).toBeGreaterThan(0);
    for (const { installation, name } of DOCUMENTS) expect(await store.documents(installation).get(name, z.string())).toBe(`${installation} ${name}`);
  });
}

/** Nothing but the documents is left, and where the audit log ended: no lock and no note of a run; with `oneKey`, all under the current key. */
async function expectSettled(home: string, oneKey: boolean, url = sqlite(home)): Promise<void> {
  await expectWhole(home, url);
  await withStore(home, url, async (store) => {
    expect((await store.objects.list()).map(({ kind }) => kind).filter((kind) => kind !== ANCHOR_KIND)).toEqual(DOCUMENTS.map(() => 'document'));
    const current = (await store.keys.provider.versions()).find((version) => version.current);
    if (oneKey) expect((await store.keyUsage()).map(({ keyId }) => keyId)).toEqual([current?.keyId]);
  });
}

function copyOf(home: string): string {
  const copy = join(root, `home-${made++}`);
  cpSync(home, copy, { recursive: true, verbatimSymlinks: true });
  return copy;
}

/** A command, what must hold after each kill, and what when it has got to its end. */
interface Killing {
  command: string;
  from: string;
  environment?: (home: string) => Record<string, string>;
  afterKill: (home: string) => Promise<void>;
  atEnd: (home: string) => Promise<void>;
}

/**
 * Run after run on the same state, each killed one operation later than the one before, until one gets to its end: so each
 * operation is once the first that is missing, and every run but the first begins with what a killed one left.
 */
async function killEverywhere({ command, from, environment = () => ({}), afterKill, atEnd }: Killing): Promise<void> {
  const home = copyOf(from);
  const settings = environment(home);
  for (let point = 1; ; point++) {
    const ended = await run(home, command, { ...settings, KILL_AT: String(point) });
    const where = `${command} before operation ${point}`;
    if (ended.signal === null) {
      expect([ended.code, ended.code === 0 ? '' : ended.stderr, where]).toEqual([0, '', where]);
      expect(point).toBeGreaterThan(ENOUGH);
      await atEnd(home);
      return;
    }
    expect([ended.signal, where]).toEqual(['SIGKILL', where]);
    await afterKill(home);
  }
}

let filled = '';
let rotated = '';
beforeAll(async () => {
  program = await bundleProgram(root, 'killed', "import './test/fixtures/killed-program.ts';", UNUSED);
  filled = mkdtempSync(join(root, 'filled-'));
  expect(await run(filled, 'fill')).toMatchObject({ code: 0, stderr: '' });
  rotated = copyOf(filled);
  expect(await run(rotated, 'rotate')).toMatchObject({ code: 0, stderr: '' });
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('killed anywhere, nothing is lost and the same command converges:', () => {
  it('keys rotate', async () => {
    await killEverywhere({ command: 'rotate', from: filled, afterKill: expectWhole, atEnd: (home) => expectSettled(home, false) });
  }, 120_000);

  it('keys migrate', async () => {
    await killEverywhere({ command: 'migrate', from: rotated, afterKill: expectWhole, atEnd: (home) => expectSettled(home, true) });
  }, 120_000);

  it('keys migrate --re-encrypt', async () => {
    await killEverywhere({ command: 're-encrypt', from: rotated, afterKill: expectWhole, atEnd: (home) => expectSettled(home, true) });
  }, 120_000);
});

const missing = postgresUnavailable();
if (missing !== undefined) console.warn(`Left out: a move to PostgreSQL that is killed, because ${missing}`);

describe.skipIf(missing !== undefined)('killed anywhere, a move to PostgreSQL', () => {
  let server: RunningPostgres;
  beforeAll(() => {
    server = startPostgres();
  });
  afterAll(() => {
    server.stop();
  });

  const database = (home: string) => `d${home.split('-').at(-1) ?? ''}`;
  const target = (home: string) => `postgres://koprogo@/${database(home)}?host=${encodeURIComponent(server.directory)}`;

  it('loses nothing here, and the same command brings everything there', async () => {
    const environment = (home: string) => {
      if (server.sql(`SELECT 1 FROM pg_database WHERE datname = '${database(home)}'`) === '') server.sql(`CREATE DATABASE ${database(home)}`);
      return { TARGET: target(home), COUNT_POSTGRES: '1' };
    };
    const atEnd = async (home: string) => {
      await expectSettled(home, false);
      await expectSettled(home, false, target(home));
    };
    await killEverywhere({ command: 'move', from: filled, environment, afterKill: expectWhole, atEnd });
  }, 120_000);
});
