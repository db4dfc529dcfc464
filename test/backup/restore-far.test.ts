import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FILES } from '../../src/backup/layout.js';
import { restoreBackup } from '../../src/backup/restore.js';
import { SshHost } from '../../src/edges/ssh.js';
import { silent } from '../../src/progress.js';
import { gpgUnavailable, startGpg } from '../fixtures/gpg.js';
import { postgresUnavailable, type RunningPostgres, startPostgres } from '../fixtures/postgres.js';
import { type RunningSshd, sshdUnavailable, startSshd } from '../fixtures/sshd.js';
import { dumpOf, type Keys, makeBackup, makeKeys, SAMPLE_SQL } from './restore-support.js';

const why = postgresUnavailable() ?? sshdUnavailable() ?? gpgUnavailable();
if (why) console.warn(`tests of the restore over SSH and by stock tools left out: ${why}`);

describe.skipIf(why !== undefined)('a restore', { timeout: 120_000 }, () => {
  let server: RunningPostgres;
  let keys: Keys;
  let backup: Awaited<ReturnType<typeof makeBackup>>;
  const databases = () => server.sql(`SELECT string_agg(datname, ' ') FROM pg_database WHERE datname LIKE 'koprogo%'`, 'postgres');

  beforeAll(async () => {
    server = startPostgres();
    server.sql(SAMPLE_SQL);
    keys = await makeKeys();
    backup = await makeBackup(keys, await dumpOf(server));
  });
  afterAll(() => {
    server.stop();
  });

  describe('over SSH', () => {
    let sshd: RunningSshd;
    let host: SshHost;
    beforeAll(async () => {
      sshd = await startSshd();
      host = await SshHost.connect(sshd.address, sshd.identity);
    });
    afterAll(async () => {
      host.close();
      await sshd.stop();
    });
    const restore = () => restoreBackup({ ...backup.source, target: { host, access: server.access }, progress: silent, mode: { kind: 'scratch' } });

    it('gives every row back', async () => {
      const report = await restore();
      expect(report.tables.every((table) => table.verdict === 'equal')).toBe(true);
      expect(databases()).toBe('koprogo_db');
    });

    it('of a damaged object commits nothing and leaves nothing', async () => {
      const { store, key } = backup;
      const good = store.objects.get(key('database')) ?? Buffer.alloc(0);
      store.objects.set(key('database'), good.subarray(0, -64));
      await expect(restore()).rejects.toThrow(/is cut short/);
      store.objects.set(key('database'), good);
      expect(databases()).toBe('koprogo_db');
    });

    it('whose connection breaks commits nothing', async () => {
      const { store } = backup;
      const own = await SshHost.connect(sshd.address, sshd.identity);
      store.beforePiece = (offset) => {
        if (offset > 250_000) own.close();
      };
      const target = { host: own, access: server.access };
      await expect(restoreBackup({ ...backup.source, target, progress: silent, mode: { kind: 'scratch' } })).rejects.toThrow(/connection .* was lost|not run a command|ended/);
      store.beforePiece = () => undefined;
      const left = databases().split(' ').find((name) => name.startsWith('koprogo_restore'));
      if (left !== undefined) expect(server.sql(`SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace`, left)).toBe('0');
      await restore();
      expect(databases()).toBe('koprogo_db');
    });
  });

  it('by gpg, gunzip and psql alone, as docs/restore.md tells, gives the same rows', async () => {
    const gpg = startGpg();
    const directory = mkdtempSync(join(tmpdir(), 'koprogo-stock-'));
    try {
      gpg.run(['--import'], keys.recovery.privateKey.reveal());
      writeFileSync(join(gpg.home, 'passphrase'), keys.recovery.passphrase.reveal());
      for (const role of ['database', 'globals'] as const) writeFileSync(join(directory, FILES[role]), backup.store.objects.get(backup.key(role)) ?? '');
      const psql = [...server.access.prefix, 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-U', 'koprogo', '-d'];
      server.sql('CREATE DATABASE restored TEMPLATE template0', 'postgres');
      const decrypt = ['gpg', ...gpg.options, '--passphrase-file', join(gpg.home, 'passphrase'), '-d', join(directory, FILES.database)];
      const script = 'set -euo pipefail; n=$1; shift; "${@:1:n}" | gunzip | "${@:n+1}" >/dev/null';
      execFileSync('bash', ['-c', script, 'x', String(decrypt.length), ...decrypt, ...psql, 'restored'], { stdio: ['ignore', 'inherit', 'inherit'] });
      for (const query of ['SELECT count(*), md5(string_agg(o::text, chr(10) ORDER BY id)) FROM owners o', 'SELECT md5(string_agg(c, chr(10) ORDER BY c)) FROM "Other Schema"."Odd ""Name""; x"', 'SELECT count(*) FROM parts']) {
        expect(server.sql(query, 'restored')).toBe(server.sql(query));
      }
    } finally {
      rmSync(directory, { recursive: true, force: true });
      gpg.stop();
    }
  });
});
