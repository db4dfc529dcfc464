import { mkdtempSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { agentStep, type AgentStepDeps } from '../../src/backup/agent-step.js';
import { agentConfigSchema, CONFIG_FILE, LAST_BACKUP_FILE, type LastBackup } from '../../src/backup/agent-config.js';
import { bucketStep } from '../../src/backup/bucket-step.js';
import { firstBackupStep } from '../../src/backup/first-backup-step.js';
import { objectKey } from '../../src/backup/layout.js';
import { formatManifest } from '../../src/backup/manifest.js';
import { runBackup } from '../../src/backup/run.js';
import type { Command, Host, Output } from '../../src/edges/command.js';
import { LocalHost } from '../../src/edges/process.js';
import { EXIT, InfraError } from '../../src/errors.js';
import type { Progress } from '../../src/progress.js';
import { silent } from '../../src/progress.js';
import { Secret } from '../../src/secret.js';
import { MemoryStore } from '../fixtures/memory-store.js';
import { exampleManifest } from './manifest-example.js';

const PREFIX = 'koprogo/tilleuls';
const INVOCATION = 'a'.repeat(32);
const access = async () => ({
  bucket: { endpoint: 'http://127.0.0.1:1', region: 'us-east-1', bucket: 'koprogo', encryption: { mode: 'AES256' } as const },
  accessKeyId: 'access',
  secretAccessKey: new Secret('planted-s3-secret'),
});
const publicKey = async () => ({ armored: '-----BEGIN PGP PUBLIC KEY BLOCK-----', fingerprint: exampleManifest.recoveryKey.fingerprint });

describe('the bucket step', () => {
  const warnings: string[] = [];
  const step = (store: MemoryStore, create = true) =>
    bucketStep({ access, prefix: PREFIX, create, progress: { ...silent, warn: (text) => warnings.push(text) }, open: async () => store });

  it('creates a private, versioned bucket, looks at what it does, and finds it done afterwards', async () => {
    const store = new MemoryStore({ created: false });
    const one = step(store);
    expect(await one.check()).toMatchObject({ state: 'needed', changes: [expect.stringMatching(/create the private, versioned/), expect.stringMatching(/test object/)] });
    await one.apply();
    expect(await one.check()).toEqual({ state: 'done', detail: 'bucket "memory", private, encryption AES256' });
    expect([...store.objects.keys()]).toEqual([`${PREFIX}/probe.json`]);
    expect(store.isVersioned).toBe(true);
  });

  it('switches versioning on, and looks again when another encryption is asked for', async () => {
    const store = new MemoryStore({ ignoreEncryption: true, encryption: { mode: 'none' } });
    const one = step(store);
    await one.apply();
    expect(await one.check()).toMatchObject({ state: 'done' });
    expect(warnings.at(-1)).toMatch(/without server-side encryption, as chosen/);
    store.encryption = { mode: 'AES256' };
    expect(await step(store).check()).toMatchObject({ state: 'needed', changes: [expect.stringMatching(/test object/)] });
    store.encryption = { mode: 'none' };
    store.isVersioned = false;
    expect(await one.check()).toMatchObject({ state: 'needed', changes: [expect.stringMatching(/versioning on/)] });
  });

  it('refuses a storage that ignores encryption, and leaves no object', async () => {
    const store = new MemoryStore({ ignoreEncryption: true });
    await expect(step(store).apply()).rejects.toThrow(/ignores the encryption/);
    expect(store.objects.size).toBe(0);
    expect(await step(store).check()).toMatchObject({ state: 'needed' });
  });

  it.each<[string, (store: MemoryStore) => void, RegExp]>([
    ['the bucket is open to everybody', (store) => (store.isPublic = true), /open to everybody/],
    ['the clock is 20 minutes ahead', (store) => (store.ahead = 1200), /20 minutes ahead of the storage/],
    ['the clock is 20 minutes behind', (store) => (store.ahead = -1200), /20 minutes behind the storage/],
  ])('is blocked when %s', async (_, change, reason) => {
    const store = new MemoryStore();
    change(store);
    expect(await step(store).check()).toMatchObject({ state: 'blocked', reason: expect.stringMatching(reason) as string });
    await expect(step(store).apply()).rejects.toThrow();
  });

  it('is blocked when the bucket is missing and may not be created, and when the storage cannot be asked', async () => {
    expect(await step(new MemoryStore({ created: false }), false).check()).toMatchObject({ state: 'blocked', reason: 'there is no bucket "memory"' });
    const store = new MemoryStore();
    store.fail.set('head', () => new InfraError('wrong key', { hints: ['enter it again'] }));
    expect(await step(store).check()).toEqual({ state: 'blocked', reason: 'wrong key', hints: ['enter it again'] });
  });
});

/** A server in memory that knows the commands of this room and no others. */
class FakeServer implements Host {
  readonly files = new Map<string, { content: string; mode: string; owner: string }>();
  readonly ran: string[] = [];
  user = false;
  directory = false;
  timer = false;
  reload = false;
  mounted = true;
  startExit = 0;
  startError = '';
  look = `${INVOCATION}\n0\n`;
  result = '';
  journal = '';
  progress = '';

  async run(command: Command): Promise<Output> {
    this.ran.push(command.purpose ?? '');
    const stdout = this.#answer(command);
    if (command.purpose !== 'make a backup') return { exitCode: 0, stdout, stderr: '' };
    expect(command.accept).toContain(this.startExit);
    return { exitCode: this.startExit, stdout, stderr: this.startError };
  }

  #answer({ purpose = '', argv, input }: Command): string {
    for (const word of argv) expect(word).not.toContain('planted-s3-secret');
    const apart = (...texts: string[]) => texts.map((text) => `${text}\n\x1e\n`).join('');
    if (purpose === 'look at the backup program') return apart(this.#hashes(), this.#timerText(), this.#probe());
    if (purpose === 'read the installed files') return this.#hashes();
    if (purpose === 'read the result of the backup') return apart(this.look, this.result, this.journal);
    if (purpose === 'read the progress') return this.progress;
    if (purpose === 'make a backup') return '';
    if (purpose.startsWith('make the user')) {
      this.user = this.directory = true;
      return '';
    }
    if (purpose.startsWith('switch the nightly')) {
      this.timer = true;
      this.reload = false;
      return '';
    }
    const [path = '', mode = '', owner = ''] = argv.slice(-3);
    if (purpose === `write ${path}`) {
      this.files.set(path, { content: input instanceof Secret ? input.reveal() : typeof input === 'string' ? input : '', mode, owner });
      this.reload = true;
      return '';
    }
    throw new Error(`unexpected command: ${purpose}: ${argv.join(' ')}`);
  }

  #hashes(): string {
    return [...this.files].map(([path, { content, mode, owner }]) => `${createHash('sha256').update(content).digest('hex')} ${mode} ${owner} 0:0 ${path}\n`).join('');
  }

  #timerText(): string {
    return `Id=koprogo-backup.timer\nActiveState=${this.timer ? 'active' : 'inactive'}\nUnitFileState=${this.timer ? 'enabled' : ''}\n`;
  }

  #probe(): string {
    const lines = [this.mounted && 'mounted yes', this.directory && 'directory koprogo-agent 700', this.user && 'groups koprogo-agent docker', this.reload && 'reload yes'];
    return `${lines.filter(Boolean).join('\n')}\n`;
  }
}

describe('the agent step', () => {
  let bundle: string;
  beforeAll(() => {
    bundle = join(mkdtempSync(join(tmpdir(), 'koprogo-bundle-')), 'agent.mjs');
    writeFileSync(bundle, 'console.log("agent")\n');
  });

  const step = (server: FakeServer, changes: Partial<AgentStepDeps> = {}) =>
    agentStep({
      server: async () => server,
      access,
      publicKey,
      installation: 'tilleuls',
      serverName: 'tilleuls.example.org',
      prefix: PREFIX,
      database: { prefix: ['docker', 'exec', '-i', 'koprogo-postgres'], user: 'koprogo', database: 'koprogo_db' },
      configuration: ['/srv/koprogo/documents/stack', '/etc/koprogo'],
      agentBundle: bundle,
      ...changes,
    });

  it('installs everything, then finds it done with one command', async () => {
    const server = new FakeServer();
    expect(await step(server).check()).toMatchObject({ state: 'needed', changes: expect.arrayContaining(['write /usr/local/lib/koprogo/agent.mjs', `write ${CONFIG_FILE}`, 'switch koprogo-backup.timer on']) as string[] });
    await step(server).apply();
    server.ran.length = 0;
    expect(await step(server).check()).toMatchObject({ state: 'done' });
    expect(server.ran).toEqual(['look at the backup program']);
  });

  it('writes a configuration that the agent reads, for it alone, and without what the agent need not know', async () => {
    const server = new FakeServer();
    await step(server).apply();
    const written = server.files.get(CONFIG_FILE);
    expect(written).toMatchObject({ mode: '0600', owner: 'koprogo-agent:koprogo-agent' });
    const config = agentConfigSchema.parse(JSON.parse(written?.content ?? ''));
    expect(config.storage.secretAccessKey.reveal()).toBe('planted-s3-secret');
    expect(config.prefix).toBe(PREFIX);
    const service = server.files.get('/etc/systemd/system/koprogo-backup.service')?.content ?? '';
    expect(service).toContain('BindReadOnlyPaths=/srv/koprogo/documents/stack /etc/koprogo\n');
    expect(service).not.toContain('{{');
  });

  it.each<[string, (server: FakeServer) => void, string]>([
    ['a changed program', (server) => server.files.set('/usr/local/lib/koprogo/agent.mjs', { content: 'x', mode: '0644', owner: 'root:root' }), 'write /usr/local/lib/koprogo/agent.mjs'],
    ['a readable configuration', (server) => Object.assign(server.files.get(CONFIG_FILE) ?? {}, { mode: '0644' }), `write ${CONFIG_FILE}`],
    ['a timer that is off', (server) => (server.timer = false), 'switch koprogo-backup.timer on'],
    ['units that systemd has not read', (server) => (server.reload = true), 'switch koprogo-backup.timer on'],
    ['a missing user', (server) => (server.user = false), 'make the user koprogo-agent, in the group docker'],
    ['a missing directory', (server) => (server.directory = false), 'make /srv/koprogo/documents/agent'],
  ])('repairs %s', async (_, damage, change) => {
    const server = new FakeServer();
    await step(server).apply();
    damage(server);
    expect(await step(server).check()).toEqual({ state: 'needed', changes: [change] });
    await step(server).apply();
    expect(await step(server).check()).toMatchObject({ state: 'done' });
  });

  it('looks by a command that bash runs to its end on a server where nothing of it is yet', async () => {
    const stubs = mkdtempSync(join(tmpdir(), 'koprogo-stubs-'));
    for (const [name, body] of [['systemctl', 'echo Id=koprogo-backup.timer'], ['mountpoint', 'exit 1']] as const) {
      writeFileSync(join(stubs, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    }
    const real = new LocalHost({ env: { PATH: `${stubs}:${process.env['PATH'] ?? ''}` } });
    const host: Host = { run: (command) => real.run({ ...command, root: false }) };
    const { state } = await step(new FakeServer(), { server: async () => host }).check();
    expect(state).toBe('needed');
  });

  it('asks for a build when there is no bundle, and refuses paths that a unit file would read otherwise', async () => {
    await expect(step(new FakeServer(), { agentBundle: '/nonexistent' }).check()).rejects.toMatchObject({ hints: ['npm run build'] });
    await expect(step(new FakeServer(), { configuration: ['/a b'] }).check()).rejects.toThrow();
  });
});

describe.skipIf(process.getuid?.() !== 0)('backup run, by a real bash as root', () => {
  it('is told to wait when another one starts at the same moment', async () => {
    const stubs = mkdtempSync(join(tmpdir(), 'koprogo-stubs-'));
    writeFileSync(join(stubs, 'systemctl'), '#!/bin/sh\ncase $1 in show) echo inactive ;; start) sleep 2 ;; esac\n', { mode: 0o755 });
    const host = new LocalHost({ env: { PATH: `${stubs}:${process.env['PATH'] ?? ''}` } });
    const both = await Promise.allSettled([runBackup({ server: host, progress: silent }), runBackup({ server: host, progress: silent })]);
    const codes = both.map((one) => (one.status === 'rejected' && one.reason instanceof InfraError ? one.reason.exitCode : undefined));
    // The other fails too, but later: the stub makes no backup.
    expect(codes.sort()).toEqual([EXIT.failed, EXIT.busy]);
  });
});

describe('running a backup now', () => {
  let server: FakeServer;
  const seen: unknown[] = [];
  const progress: Progress = { ...silent, update: (label, amount) => seen.push([label, amount]), warn: (text) => seen.push(text) };
  const run = () => runBackup({ server, progress, interval: 5 });
  const result = (changes: Partial<LastBackup> = {}): string =>
    JSON.stringify({ version: 1, outcome: 'ok', invocation: INVOCATION, id: exampleManifest.id, startedAt: '2026-11-22T02:00:00.000Z', finishedAt: '2026-11-22T02:00:09.000Z', seconds: 9, warnings: [], ...changes });

  beforeEach(() => {
    server = new FakeServer();
    seen.length = 0;
  });

  it('gives the result of this very run, shows progress, and passes warnings on', async () => {
    server.result = result({ warnings: ['the key expires'] });
    server.progress = JSON.stringify({ version: 1, invocation: INVOCATION, phase: 'database', bytes: 5, estimate: 10, updatedAt: '2026-11-22T02:00:00.000Z' });
    const plain = server.run.bind(server);
    server.run = async (command) => {
      if (command.purpose === 'make a backup') await new Promise((resolve) => setTimeout(resolve, 100));
      return plain(command);
    };
    expect(await run()).toMatchObject({ id: exampleManifest.id, seconds: 9 });
    expect(seen).toContainEqual(['backup: database', { done: 5, total: 10, unit: 'bytes' }]);
    expect(seen).toContain('the key expires');
  });

  it.each<[string, (server: FakeServer) => void, RegExp, number]>([
    ['the unit is running', (s) => (s.startExit = 75), /already running/, EXIT.busy],
    ['another process has the lock', (s) => Object.assign(s, { startExit: 1, look: `${INVOCATION}\n6\n`, result: result() }), /already running/, EXIT.busy],
    ['the agent failed', (s) => Object.assign(s, { startExit: 1, look: `${INVOCATION}\n3\n`, result: result({ outcome: 'failed', error: { message: 'no such bucket', hints: ['make it'] } }) }), /the backup failed: no such bucket/, EXIT.failed],
    ['systemd did not start it', (s) => Object.assign(s, { startExit: 1, startError: 'Assertion failed on job for koprogo-backup.service.\n', result: result({ invocation: 'b'.repeat(32) }) }), /Assertion failed on job/, EXIT.failed],
    ['it was killed', (s) => Object.assign(s, { startExit: 1, journal: 'phase: database\nMain process exited, code=killed, status=9/KILL\n' }), /status=9\/KILL/, EXIT.failed],
    ['only an older result is there', (s) => (s.result = result({ invocation: 'b'.repeat(32) })), /gives no reason/, EXIT.failed],
    ['the result is nonsense', (s) => (s.result = '{"outcome":"ok"}'), new RegExp(`${LAST_BACKUP_FILE} on the server is not valid`), EXIT.failed],
  ])('fails when %s', async (_, change, message, exitCode) => {
    change(server);
    const error = await run().then(
      () => undefined,
      (thrown: unknown) => thrown as InfraError,
    );
    expect(error).toBeInstanceOf(InfraError);
    expect(error?.message).toMatch(message);
    expect(error?.exitCode).toBe(exitCode);
  });
});

describe('the step of the first backup', () => {
  const store = new MemoryStore();
  const server = new FakeServer();
  const step = firstBackupStep({ server: async () => server, access, publicKey, installation: 'tilleuls', prefix: PREFIX, progress: silent, open: async () => store });

  async function store1(changes: object, id: string) {
    const manifest = { ...exampleManifest, ...changes, id };
    for (const { file, ciphertextBytes } of manifest.objects) await store.put(objectKey(PREFIX, id, file), Buffer.alloc(ciphertextBytes));
    await store.put(objectKey(PREFIX, id, 'manifest.json'), formatManifest(manifest));
  }

  it('is done when the bucket holds a whole backup of this installation under its present key', async () => {
    expect(await step.check()).toEqual({ state: 'needed', changes: ['make the first backup'] });
    await store1({ installation: 'other' }, '20261122T020000Z-000001');
    await store1({ recoveryKey: { fingerprint: 'F'.repeat(40) } }, '20261122T020000Z-000002');
    expect(await step.check()).toMatchObject({ state: 'needed' });
    await store1({}, '20261122T010000Z-000003');
    expect(await step.check()).toEqual({ state: 'done', detail: 'newest backup 20261122T010000Z-000003' });
    expect(server.ran).toEqual([]);
  });
});
