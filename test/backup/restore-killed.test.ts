import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { FILES } from '../../src/backup/layout.js';
import { restoreBackup } from '../../src/backup/restore.js';
import { type DatabaseTarget, scratchName } from '../../src/backup/scratch.js';
import { LocalHost } from '../../src/edges/process.js';
import { silent } from '../../src/progress.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { dumpOf, ID, makeBackup, makeKeys, PREFIX, SAMPLE_SQL } from './restore-support.js';

const why = postgresUnavailable();
if (why) console.warn(`the test of a killed restore is left out: ${why}`);

describe.skipIf(why !== undefined)('a restore killed by SIGKILL', () => {
  let server: RunningPostgres;
  let target: DatabaseTarget;
  const directory = mkdtempSync(join(tmpdir(), 'koprogo-killed-'));

  beforeAll(() => {
    server = startPostgres();
    target = { host: new LocalHost(), access: server.access };
  });
  afterAll(() => {
    server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('in the middle leaves an empty scratch database at most, which the next one takes away', async () => {
    server.sql(SAMPLE_SQL);
    const keys = await makeKeys();
    const backup = await makeBackup(keys, await dumpOf(server));
    const before = server.sql('SELECT count(*), sum(id) FROM owners');
    for (const role of ['database', 'globals'] as const) writeFileSync(join(directory, FILES[role]), backup.store.objects.get(backup.key(role)) ?? '');
    const child = await startChild(backup.manifest, keys);
    const exited = once(child, 'exit');
    await vi.waitFor(
      () => {
        expect(server.sql(`SELECT count(*) FROM pg_stat_activity WHERE datname = '${scratchName(ID)}' AND backend_xid IS NOT NULL`)).toBe('1');
      },
      { timeout: 60_000, interval: 100 },
    );
    child.kill('SIGKILL');
    expect((await exited)[1]).toBe('SIGKILL');
    await vi.waitFor(
      () => {
        expect(server.sql(`SELECT count(*) FROM pg_stat_activity WHERE application_name = 'koprogo-restore'`)).toBe('0');
      },
      { timeout: 60_000, interval: 100 },
    );
    expect(server.sql('SELECT count(*) FROM pg_stat_user_tables', scratchName(ID))).toBe('0');
    expect(server.sql('SELECT count(*), sum(id) FROM owners')).toBe(before);
    const notes: string[] = [];
    const report = await restoreBackup({ ...backup.source, target, mode: { kind: 'scratch' }, progress: { ...silent, note: (text) => void notes.push(text) } });
    expect(notes).toEqual([`dropped what an interrupted restore had left: ${scratchName(ID)}`]);
    expect(report.tables.every((table) => table.verdict === 'equal')).toBe(true);
    expect(server.sql(`SELECT count(*) FROM pg_database WHERE datname LIKE 'koprogo_restore%'`)).toBe('0');
  }, 180_000);

  /** The restore in a process of its own, from files, stopping for good after half of the database object. */
  async function startChild(manifest: object, keys: Awaited<ReturnType<typeof makeKeys>>): Promise<ChildProcess> {
    const job = { access: server.access, manifest, prefix: PREFIX, directory, key: keys.recovery.privateKey.reveal(), passphrase: keys.recovery.passphrase.reveal() };
    writeFileSync(join(directory, 'job.json'), JSON.stringify(job), { mode: 0o600 });
    const contents = `
      import { readFileSync } from 'node:fs';
      import { Readable } from 'node:stream';
      import { restoreBackup } from './src/backup/restore.ts';
      import { LocalHost } from './src/edges/process.ts';
      import { unlockPrivateKey } from './src/keys/recovery/recovery-key.ts';
      import { silent } from './src/progress.ts';
      import { Secret } from './src/secret.ts';
      const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
      async function* pieces(bytes, end) {
        for (let at = 0; at < end; at += 16384) yield bytes.subarray(at, Math.min(at + 16384, end));
        if (end < bytes.length) await new Promise((resolve) => setTimeout(resolve, 60000));
      }
      const get = async (key) => {
        const bytes = readFileSync(job.directory + '/' + key.split('/').at(-1));
        return Readable.from(pieces(bytes, key.includes('database') ? bytes.length / 2 : bytes.length), { objectMode: false });
      };
      const privateKey = await unlockPrivateKey(new Secret(job.key), new Secret(job.passphrase));
      const target = { host: new LocalHost(), access: job.access };
      await restoreBackup({ store: { where: 'files', get }, prefix: job.prefix, manifest: job.manifest, privateKey, target, progress: silent, mode: { kind: 'scratch' } });
    `;
    const outfile = join(directory, 'restore.mjs');
    const banner = "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);";
    const resolveDir = fileURLToPath(new URL('../..', import.meta.url));
    await build({ stdin: { contents, resolveDir, loader: 'ts' }, outfile, bundle: true, platform: 'node', format: 'esm', banner: { js: banner }, logLevel: 'error' });
    return spawn(process.execPath, [outfile, join(directory, 'job.json')], { stdio: ['ignore', 'inherit', 'inherit'] });
  }
});
