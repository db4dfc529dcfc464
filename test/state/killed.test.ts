import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ANCHOR_KIND } from '../../src/keys/audit/format.js';
import { z } from 'zod';
import { silentAudit } from '../../src/keys/audit/audit.js';
import { LocalKeys } from '../../src/keys/providers/local.js';
import { openBackend } from '../../src/state/backends/open-backend.js';
import { silent } from '../../src/progress.js';
import type { Store } from '../../src/state/installations.js';
import { storeOn } from '../../src/state/open-store.js';
import { SeenFile } from '../../src/state/seen.js';
import { StateStoreTerraformState } from '../../src/terraform/document-state-store.js';
import { parseState } from '../../src/terraform/state-format.js';
import { StateRun } from '../../src/terraform/state-run.js';
import { bundleProgram } from '../fixtures/bundle.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { keyMemory, SETTINGS } from '../fixtures/store.js';

/** What the commands import and do not use. */
const UNUSED = ['node-ssh', '@aws-sdk/client-s3', '@aws-sdk/client-kms', 'openpgp', 'execa', '@inquirer/prompts', 'yaml', '@redis/client'];
/** A command that is killed fewer times has done less than it should, or is not counted any more. */
const ENOUGH = 6;
/** Some dozens of processes, one after the other: half a minute each where nothing else runs. */
const LIMIT_MS = 600_000;
const PLANTED = 'planted secret of a Terraform state';
const DOCUMENTS = ['main', 'second'].flatMap((installation) => ['one', 'two', 'three'].map((name) => ({ installation, name })));

// In memory where that can be: a kill, unlike a power cut, loses nothing that was written, and waiting for a disk would prove nothing.
const root = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'koprogo-killed-'));
let program = '';
let made = 0;

interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
  /** Lines on standard output: what it says is stored. */
  confirmed: string[];
  operations: string[];
}

const stateFolder = (home: string) => join(home, 'state', 'koprogo-infra');

function run(home: string, command: string, environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const operations = join(home, 'operations');
    const env = { PATH: process.env['PATH'], HOME: home, XDG_STATE_HOME: join(home, 'state'), XDG_CONFIG_HOME: join(home, 'config'), OPERATIONS: operations, ...environment };
    const child = spawn(process.execPath, [program, command], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: 100_000 });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code, signal, stderr, confirmed: stdout.split('\n').slice(0, -1), operations: code === 0 ? readFileSync(operations, 'utf8').split('\n') : [] });
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
  await expectOnlyDocuments(home, url);
  await withStore(home, url, async (store) => {
    const current = (await store.keys.provider.versions()).find((version) => version.current);
    if (oneKey) expect((await store.keyUsage()).map(({ keyId }) => keyId)).toEqual([current?.keyId]);
  });
}

async function expectOnlyDocuments(home: string, url: string): Promise<void> {
  await withStore(home, url, async (store) => {
    expect((await store.objects.list()).map(({ kind }) => kind).filter((kind) => kind !== ANCHOR_KIND)).toEqual(DOCUMENTS.map(() => 'document'));
  });
}

/** Every file in which a text stands, whatever it is called. */
function filesWith(folder: string, text: string): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return files.map(({ parentPath, name }) => join(parentPath, name)).filter((path) => readFileSync(path).includes(text));
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
  /** `confirmed`: what the killed run, and those before it, had said. */
  afterKill: (home: string, confirmed: readonly string[]) => Promise<void>;
  atEnd: (home: string) => Promise<void>;
}

/**
 * Run after run on the same state, each killed one operation later than the one before, until one gets to its end: so each
 * operation is once the first that is missing, and every run but the first begins with what a killed one left.
 */
async function killEverywhere({ command, from, environment = () => ({}), afterKill, atEnd }: Killing): Promise<void> {
  const home = copyOf(from);
  const settings = environment(home);
  const confirmed: string[] = [];
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
    confirmed.push(...ended.confirmed);
    await afterKill(home, confirmed);
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
  it('the first save of all, which makes the store and its keys', async () => {
    const empty = mkdtempSync(join(root, 'empty-'));
    await killEverywhere({ command: 'fill', from: empty, afterKill: () => Promise.resolve(), atEnd: (home) => expectSettled(home, true) });
  }, LIMIT_MS);

  it('save', async () => {
    const anew = ({ installation, name }: (typeof DOCUMENTS)[number]) => `${installation} ${name} anew`;
    const expectOldOrNew = (home: string, confirmed: readonly string[]) =>
      withStore(home, sqlite(home), async (store) => {
        for (const object of await store.objects.list()) expect((await store.objects.read(object))?.plain.length).toBeGreaterThan(0);
        for (const document of DOCUMENTS) {
          const before = `${document.installation} ${document.name}`;
          const found = await store.documents(document.installation).get(document.name, z.string());
          expect(confirmed.includes(before) ? [anew(document)] : [before, anew(document)]).toContain(found);
        }
      });
    const atEnd = async (home: string) => {
      await expectOldOrNew(home, DOCUMENTS.map(({ installation, name }) => `${installation} ${name}`));
      await expectOnlyDocuments(home, sqlite(home));
    };
    await killEverywhere({ command: 'save', from: filled, afterKill: expectOldOrNew, atEnd });
  }, LIMIT_MS);

  it('what Terraform hands over in an apply; and it is in no file in clear', async () => {
    const kept = (home: string) => join(home, 'unstored-state.sealed');
    const expectNewest = (home: string, confirmed: readonly string[]) =>
      withStore(home, sqlite(home), async (store) => {
        const state = new StateStoreTerraformState(store.documents('main'), 'main', kept(home));
        const reading = await StateRun.begin({ store: state, mode: 'read', folder: home, progress: silent });
        const found = await reading.read();
        expect(found ? parseState(found).serial : 0).toBeGreaterThanOrEqual(Math.max(0, ...confirmed.map(Number)));
        if (found) expect(found.includes(PLANTED)).toBe(true);
        expect(filesWith(home, PLANTED)).toEqual([]);
      }).then(() => expectWhole(home));
    const atEnd = async (home: string) => {
      await expectNewest(home, []);
      expect(existsSync(kept(home))).toBe(false);
      await withStore(home, sqlite(home), async (store) => {
        expect(await store.documents('main').names()).toEqual(['one', 'terraform-spool-key', 'terraform-state', 'three', 'two']);
      });
    };
    await killEverywhere({ command: 'apply', from: filled, environment: () => ({ PLANTED }), afterKill: expectNewest, atEnd });
  }, LIMIT_MS);

  it('keys rotate', async () => {
    await killEverywhere({ command: 'rotate', from: filled, afterKill: (home) => expectWhole(home), atEnd: (home) => expectSettled(home, false) });
  }, LIMIT_MS);

  it('keys migrate', async () => {
    await killEverywhere({ command: 'migrate', from: rotated, afterKill: (home) => expectWhole(home), atEnd: (home) => expectSettled(home, true) });
  }, LIMIT_MS);

  it('keys migrate --re-encrypt', async () => {
    await killEverywhere({ command: 're-encrypt', from: rotated, afterKill: (home) => expectWhole(home), atEnd: (home) => expectSettled(home, true) });
  }, LIMIT_MS);
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
    await killEverywhere({ command: 'move', from: filled, environment, afterKill: (home) => expectWhole(home), atEnd });
  }, LIMIT_MS);
});
