import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { bundleProgram } from '../../fixtures/bundle.js';
import { folder, open, operations, path, useFreshFolder, verify } from './fresh-log.js';

useFreshFolder();

describe('several processes', { timeout: 120_000 }, () => {
  const writer = (code: string) =>
    bundleProgram(folder, 'writer', `import { openAuditLog } from './src/keys/audit/audit.js';\nconst log = openAuditLog({ enabled: true, path: ${JSON.stringify(path)}, auditKey: Buffer.alloc(32, 7), maxBytes: 20000 });\n${code}`);
  const start = (file: string) => spawn(process.execPath, [file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = (child: ReturnType<typeof start>) => new Promise<number | null>((resolve) => child.on('exit', resolve));

  it('append eight times a hundred lines into one chain', async () => {
    const file = await writer(`for (let n = 1; n <= 100; n++) {
      await log.record({ operation: n % 10 ? 'encrypt' : 'export', object: { installation: 'i', kind: String(process.pid), name: 'n', serial: n }, result: 'ok' });
      if (n % 7 === 0) await new Promise((resolve) => setTimeout(resolve, n % 3));
    }`);
    const children = Array.from({ length: 8 }, () => start(file));
    expect(await Promise.all(children.map(ended))).toEqual(Array(8).fill(0));
    expect(await verify()).toMatchObject({ verdict: 'intact' });
    const names = (await readdir(folder)).filter((name) => name.startsWith('audit.log'));
    const all = (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).flatMap((text) => text.trim().split('\n')).map((line) => JSON.parse(line) as { operation: string; seq: number; object?: { kind: string; serial: number } });
    const written = all.filter(({ operation }) => operation !== 'begin').sort((a, b) => a.seq - b.seq);
    expect(written).toHaveLength(800);
    for (const { pid } of children) {
      expect(written.filter(({ object }) => object?.kind === String(pid)).map(({ object }) => object?.serial)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1));
    }
    expect(names).not.toContain('audit.log.lock');
  });

  it('are killed anywhere, and leave a chain that goes on', async () => {
    const file = await writer(`process.stdout.write('ready');\nfor (let n = 1; ; n++) {
      await log.record({ operation: n % 5 ? 'encrypt' : 'export', object: { installation: 'i', kind: 'k', name: 'x'.repeat(200), serial: n }, result: 'ok' });
      if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
    }`);
    let anchor;
    for (let round = 0; round < 6; round++) {
      const children = [start(file), start(file)];
      await Promise.all(children.map((child) => new Promise((resolve) => child.stdout.once('data', resolve))));
      await delay(20 + Math.random() * 60);
      const ends = children.map(ended);
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(ends);
      const log = open({ maxBytes: 1e6 });
      await log.record({ operation: 'retire', result: 'ok' });
      const result = await verify({ anchor });
      expect(result.findings).toEqual([]);
      expect(['intact', 'cut']).toContain(result.verdict);
      anchor = await log.head();
    }
  });

  it('take the lock from the dead one at a time', async () => {
    const diary = join(folder, 'diary');
    // Half of the time the lock is not given back, but left as somebody's who has died meanwhile.
    const file = await bundleProgram(folder, 'locker', `import { appendFileSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
      import { tryLock, unlock } from './src/edges/file-lock.js';
      const lock = ${JSON.stringify(path)};
      const sleeper = new Int32Array(new SharedArrayBuffer(4));
      const note = (word) => appendFileSync(${JSON.stringify(diary)}, word + ' ' + process.pid + '\\n');
      for (let held = 1; held <= 100; ) {
        if (tryLock(lock)) { Atomics.wait(sleeper, 0, 0, Math.random()); continue; }
        note('enter');
        const mine = JSON.parse(readlinkSync(lock));
        const grave = lock + '.grave.' + process.pid;
        note('leave');
        if (held++ % 2) { unlock(lock); continue; }
        symlinkSync(JSON.stringify({ ...mine, tick: '1', token: (process.pid * 1000 + held).toString(16).padStart(16, '0') }), grave);
        renameSync(grave, lock);
      }`);
    await Promise.all(Array.from({ length: 6 }, () => ended(start(file))));
    const notes = readFileSync(diary, 'utf8').trim().split('\n');
    expect(notes).toHaveLength(6 * 100 * 2);
    expect((await readdir(folder)).filter((name) => /lock\.[0-9a-f]{16}$/.test(name))).toEqual([]);
    for (let at = 0; at < notes.length; at += 2) expect([notes[at], notes[at + 1]]).toEqual([notes[at], notes[at]?.replace('enter', 'leave')]);
  });

  it('write what waits when they exit', async () => {
    const file = await writer(`await log.record({ operation: 'encrypt', result: 'ok' });\nprocess.exit(0);`);
    await ended(start(file));
    expect(operations()).toEqual(['begin', 'encrypt']);
  });
});
