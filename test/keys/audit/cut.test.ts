import { appendFileSync } from 'node:fs';
import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { open, path, verify, useFreshFolder } from './fresh-log.js';

useFreshFolder();

describe('a line that was cut', () => {
  it('is marked by the next operation, the chain goes on, and it is not taken for tampering', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    const sound = await readFile(path);
    for (const keep of [1, 5, 9, 100]) {
      await writeFile(path, sound);
      await log.record({ operation: 'export', result: 'ok' });
      const more = await readFile(path);
      await writeFile(path, more.subarray(0, sound.length + keep));
      expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 3, bytes: keep }], findings: [] });
      await log.record({ operation: 'retire', result: 'ok' });
      expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 3, bytes: keep }], findings: [], head: { seq: 4 } });
    }
  });

  it('may be zeros, or the first of the file', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    const sound = await readFile(path);
    appendFileSync(path, Buffer.alloc(4096));
    await log.record({ operation: 'retire', result: 'ok' });
    expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 3, bytes: 4096 }] });
    await writeFile(path, sound.subarray(0, 40));
    expect(await verify()).toMatchObject({ verdict: 'cut' });
    await log.record({ operation: 'retire', result: 'ok' });
    expect(await verify()).toMatchObject({ verdict: 'cut', cuts: [{ line: 1, bytes: 40 }], head: { seq: 2 } });
  });

  it('that could not have been written there is tampering, also when the program went on after it', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    for (const strange of ['{"seq":9,"time', 'rubbish', '{"seq":3,"time"\n']) {
      appendFileSync(path, strange);
      expect(await verify()).toMatchObject({ verdict: 'tampered' });
      await log.record({ operation: 'retire', result: 'ok' });
      expect(await verify()).toMatchObject({ verdict: 'tampered' });
      await rm(path);
      await log.record({ operation: 'rotate', result: 'ok' });
    }
  });

  it('is missed when its remains are removed afterwards', async () => {
    const log = open();
    await log.record({ operation: 'rotate', result: 'ok' });
    appendFileSync(path, '{"seq":3');
    await log.record({ operation: 'retire', result: 'ok' });
    await writeFile(path, (await readFile(path, 'utf8')).replace('{"seq":3\n', ''));
    expect(await verify()).toMatchObject({ verdict: 'tampered', findings: [{ kind: 'missing', line: 3 }] });
  });

  it('far from being a log is left alone', async () => {
    await writeFile(path, Buffer.alloc(200_000, 'x'), { mode: 0o600 });
    await expect(open().record({ operation: 'rotate', result: 'ok' })).rejects.toMatchObject({ hints: expect.arrayContaining(['koprogo-infra audit verify']) as string[] });
    expect((await stat(path)).size).toBe(200_000);
  });
});
