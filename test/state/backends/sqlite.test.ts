import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EXIT, InputError } from '../../../src/errors.js';
import type { Backend } from '../../../src/state/backends/backend.js';
import { loadSqlite } from '../../../src/state/backends/sqlite-library.js';
import { openSqlite } from '../../../src/state/backends/sqlite.js';
import { backendContract } from '../../contract/backend.js';
import { failureOf } from '../../fixtures/failure.js';
import { mountingRefused } from '../../fixtures/mounting.js';
import { buildStateProgram, type StateProgram } from '../../fixtures/state-program.js';

const run = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), 'koprogo-sqlite-'));
let program: StateProgram;
let file: string;
let files = 0;

beforeAll(async () => {
  program = await buildStateProgram();
});
beforeEach(() => {
  files += 1;
  file = join(directory, `case-${files}`, 'state.db');
});
afterAll(() => {
  program.remove();
  rmSync(directory, { recursive: true, force: true });
});

const work = (...argv: string[]) => run(process.execPath, [program.file, `sqlite:${file}`, ...argv]);
const modeOf = (path: string) => statSync(path).mode & 0o777;

async function opened<T>(use: (backend: Backend) => Promise<T>): Promise<T> {
  const backend = await openSqlite(file, { patience: 500 });
  try {
    return await use(backend);
  } finally {
    await backend.close();
  }
}

describe('the state in SQLite', () => {
  const shared = join(directory, 'contract', 'state.db');
  backendContract(() => openSqlite(shared));
});

describe('the file', () => {
  it('and its directory are for this user only, also while it is written', async () => {
    const before = process.umask(0);
    try {
      await opened(async (backend) => {
        await backend.write('a', Buffer.from('x'), 'absent');
        expect(modeOf(file)).toBe(0o600);
        expect(modeOf(join(file, '..'))).toBe(0o700);
        expect(await backend.warnings?.()).toEqual([]);
      });
      const child = spawn(process.execPath, [program.file, `sqlite:${file}`, 'hammer'], { stdio: 'ignore' });
      await journalOf(child, (journal) => {
        expect(modeOf(journal)).toBe(0o600);
      });
    } finally {
      process.umask(before);
    }
  });

  it('is refused where others could reach it, or where it is a symbolic link', async () => {
    await opened(async () => Promise.resolve());
    chmodSync(file, 0o640);
    expect(await failureOf(openSqlite(file))).toMatchObject({ exitCode: EXIT.usage, hints: [`chmod 600 ${file}`] });
    chmodSync(file, 0o600);
    chmodSync(join(file, '..'), 0o750);
    await expect(openSqlite(file)).rejects.toThrow(/others can reach .*mode 0750/);
    chmodSync(join(file, '..'), 0o700);
    const link = join(file, '..', 'link.db');
    symlinkSync(file, link);
    await expect(openSqlite(link)).rejects.toThrow(/symbolic link/);
    const folderLink = join(directory, `link-${files}`);
    symlinkSync(join(file, '..'), folderLink);
    await expect(openSqlite(join(folderLink, 'state.db'))).rejects.toThrow(/symbolic link/);
    await expect(openSqlite(join(folderLink, 'new.db'))).rejects.toThrow(/symbolic link/);
    mkdirSync(join(directory, `folder-${files}`, 'x'), { recursive: true, mode: 0o700 });
    await expect(openSqlite(join(directory, `folder-${files}`))).rejects.toThrow(InputError);
  });

  it('is refused, and not touched, when it is something else', async () => {
    mkdirSync(join(file, '..'), { mode: 0o700 });
    writeFileSync(file, 'not a database, but long enough to look like one '.repeat(100), { mode: 0o600 });
    const text = readFileSync(file);
    expect((await failureOf(openSqlite(file))).message).toMatch(/damaged, or not a SQLite database/);
    expect(readFileSync(file).equals(text)).toBe(true);

    rmSync(file);
    const { DatabaseSync } = await loadSqlite();
    const foreign = new DatabaseSync(file);
    foreign.exec('CREATE TABLE objects (id TEXT)');
    foreign.close();
    chmodSync(file, 0o600);
    const before = readFileSync(file);
    expect((await failureOf(openSqlite(file))).message).toMatch(/not a state of koprogo-infra; nothing was written/);
    expect(readFileSync(file).equals(before)).toBe(true);
  });

  it('is refused when a newer version wrote it, or when its tables were changed', async () => {
    await opened(async () => Promise.resolve());
    const { DatabaseSync } = await loadSqlite();
    const change = (sql: string) => {
      const database = new DatabaseSync(file);
      database.exec(sql);
      database.close();
    };
    change('PRAGMA user_version = 2');
    expect((await failureOf(openSqlite(file))).message).toMatch(/newer version of koprogo-infra \(format 2, this one knows 1\)/);
    change('PRAGMA user_version = 1; CREATE TRIGGER spy AFTER INSERT ON objects BEGIN DELETE FROM objects; END');
    expect((await failureOf(openSqlite(file))).message).toMatch(/tables were changed/);
    change('DROP TRIGGER spy');
    await opened(async (backend) => {
      expect(await backend.ids()).toEqual([]);
    });
  });

  it('is said to be damaged when it is', async () => {
    await opened(async (backend) => backend.write('a', Buffer.alloc(300_000, 7), 'absent'));
    const copy = `${file}.copy`;
    copyFileSync(file, copy);
    truncateSync(file, 8192);
    expect((await failureOf(opened(async (backend) => backend.read('a')))).message).toMatch(/it is damaged/);
    const bytes = readFileSync(copy);
    bytes.fill(0xff, 4096, 12288);
    writeFileSync(file, bytes);
    expect((await failureOf(opened(async (backend) => backend.read('a')))).message).toMatch(/it is damaged/);
    copyFileSync(copy, file);
    expect((await opened(async (backend) => backend.read('a')))?.bytes.length).toBe(300_000);
  });

  it('that is removed or replaced in the middle takes no more writes', async () => {
    await opened(async (backend) => {
      await backend.write('a', Buffer.from('x'), 'absent');
      rmSync(file);
      expect((await failureOf(backend.write('b', Buffer.from('x'), 'absent'))).message).toMatch(/removed or replaced/);
    });
  });

  it('keeps no trace of what was removed or overwritten', async () => {
    const planted = `PLANTED-${'9f3c'.repeat(20)}`;
    await opened(async (backend) => {
      const revision = await backend.write('a', Buffer.from(planted.repeat(300)), 'absent');
      expect(readFileSync(file).includes(planted)).toBe(true);
      await backend.write('a', Buffer.from('short'), { revision });
    });
    expect(readFileSync(file).includes(planted)).toBe(false);
    expect(existsSync(`${file}-journal`)).toBe(false);
  });
});

describe('several processes', () => {
  it('make the file at the same moment and lose no step of a counter', async () => {
    await Promise.all(Array.from({ length: 4 }, () => work('count', '20')));
    const found = await opened(async (backend) => backend.read('counter'));
    expect(found?.bytes.toString()).toBe('80');
  });

  it('wait for one another, and say who is in the way when it takes too long', async () => {
    await opened(async (backend) => {
      await backend.write('a', Buffer.from('x'), 'absent');
      const { DatabaseSync } = await loadSqlite();
      const other = new DatabaseSync(file);
      other.exec('BEGIN EXCLUSIVE');
      const error = await failureOf(backend.read('a'));
      expect(error).toMatchObject({ exitCode: EXIT.busy, hints: [`see which: fuser -v ${file}`, expect.any(String)] });
      const waiting = backend.read('a');
      await sleep(150);
      other.exec('COMMIT');
      other.close();
      expect((await waiting)?.bytes.toString()).toBe('x');
    });
  });

  it('may be killed at any moment: what was confirmed is there, and the object is the old one or the new one', { timeout: 300_000 }, async () => {
    let confirmed = 0;
    for (let round = 0; round < 8; round += 1) {
      const child = spawn(process.execPath, [program.file, `sqlite:${file}`, 'hammer'], { stdio: ['ignore', 'pipe', 'inherit'] });
      let said = '';
      child.stdout.on('data', (text: Buffer) => (said += text.toString()));
      while (!said.includes('\n')) await sleep(5);
      await sleep(40 + round * 17);
      await killed(child);
      confirmed = Math.max(confirmed, ...said.split('\n').slice(0, -1).map(Number));
      const { stdout } = await work('check');
      expect([confirmed, confirmed + 1]).toContain(Number(stdout));
      const { DatabaseSync } = await loadSqlite();
      const database = new DatabaseSync(file);
      expect(database.prepare('PRAGMA integrity_check').get()).toEqual({ integrity_check: 'ok' });
      database.close();
    }
    expect(confirmed).toBeGreaterThan(8);
  });

  it('say nothing on the screen but what they are asked for, whatever Node.js they run on', async () => {
    const { stdout, stderr } = await work('check');
    expect({ stdout, stderr }).toEqual({ stdout: '0\n', stderr: '' });
  });
});

const noMount = mountingRefused();
if (noMount !== undefined) console.warn(`left out: a full and a read-only file system: ${noMount}`);

describe.skipIf(noMount !== undefined)('on a file system that is full or read-only', () => {
  const mounted = join(directory, 'small');

  beforeEach(() => {
    mkdirSync(mounted, { recursive: true, mode: 0o700 });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=0700', 'koprogo-test', mounted]);
    file = join(mounted, 'state', 'state.db');
    return () => {
      // Lazily: @photostructure/sqlite has the file open until its statements were collected as garbage.
      execFileSync('umount', ['--lazy', mounted]);
    };
  });

  it('an object that has no room is refused, and nothing else is lost', async () => {
    await opened(async (backend) => {
      const revision = await backend.write('a', Buffer.alloc(200_000, 1), 'absent');
      const error = await failureOf(backend.write('a', Buffer.alloc(2_000_000, 2), { revision }));
      expect(error.message).toMatch(/the disk is full; what was stored before is whole/);
      expect(await backend.read('a')).toEqual({ bytes: Buffer.alloc(200_000, 1), revision });
      await backend.write('b', Buffer.from('small'), 'absent');
    });
    await opened(async (backend) => {
      expect(await backend.ids()).toEqual(['a', 'b']);
    });
    writeFileSync(join(mounted, 'filler'), Buffer.alloc(400_000));
    rmSync(join(mounted, 'state'), { recursive: true });
    try {
      writeFileSync(join(mounted, 'filler2'), Buffer.alloc(2_000_000));
    } catch {
      // Full to the last byte, as wanted.
    }
    expect((await failureOf(openSqlite(file))).message).toMatch(/cannot be made|disk is full/);
  });

  it('it can be read, and a write is refused with the reason', async () => {
    await work('count', '1');
    execFileSync('mount', ['-o', 'remount,ro', mounted]);
    await opened(async (backend) => {
      expect((await backend.read('counter'))?.bytes.toString()).toBe('1');
      expect((await failureOf(backend.write('b', Buffer.from('x'), 'absent'))).message).toMatch(/it cannot be written/);
    });
    file = join(mounted, 'state', 'new.db');
    expect((await failureOf(openSqlite(file))).message).toMatch(/cannot be made: EROFS/);
  });
});

/** Waits until the child has a journal, hands its path over, and kills the child. */
async function journalOf(child: ChildProcess, look: (journal: string) => void): Promise<void> {
  try {
    const journal = `${file}-journal`;
    for (let tries = 0; ; tries += 1) {
      if (existsSync(journal)) {
        try {
          look(journal);
          return;
        } catch (error) {
          // It may be gone again between two looks.
          if (existsSync(journal) || tries > 10_000) throw error;
        }
      }
      if (tries > 10_000) throw new Error('no journal was seen');
      await sleep(1);
    }
  } finally {
    await killed(child);
  }
}

async function killed(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}
