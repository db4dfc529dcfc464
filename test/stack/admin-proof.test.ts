import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTemplate } from '../../src/server/templates.js';

const BODY = '{"email":"admin@koprogo.com","password":"admin123"}';

describe('the proof that the published password opens nothing', () => {
  let folder: string;
  let server: Server | undefined;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'koprogo-proof-'));
    // Knows the backend's address and one container of the router; notes what it is told to stop.
    writeFileSync(join(folder, 'docker'), `#!/bin/sh\ncase $1 in inspect) echo 127.0.0.1 ;; ps) echo router-id ;; stop) echo "$@" >>'${folder}/stopped' ;; esac\n`);
    writeFileSync(join(folder, 'sleep'), '#!/bin/sh\n');
    for (const name of ['docker', 'sleep']) chmodSync(join(folder, name), 0o755);
  });
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    server = undefined;
    rmSync(folder, { recursive: true, force: true });
  });

  const asked: { path: string; host: string; body: string }[] = [];
  /** Answers each request with the next of these statuses, the last one for ever. */
  async function answer(...statuses: number[]): Promise<number> {
    asked.length = 0;
    const made = createServer((request, response) => {
      void text(request).then((body) => {
        asked.push({ path: `${request.method ?? ''} ${request.url ?? ''}`, host: request.headers.host ?? '', body });
        response.writeHead(statuses[Math.min(asked.length, statuses.length) - 1] ?? 500).end();
      });
    });
    server = made;
    await new Promise<void>((resolve) => {
      made.listen(0, '127.0.0.1', resolve);
    });
    const address = made.address();
    return typeof address === 'object' && address ? address.port : 0;
  }

  async function prove(at: 'backend' | 'router', port: number) {
    const body = readTemplate('compose/admin-proof.sh').replace(/^export PATH=.*$/m, `export PATH=${folder}:/usr/bin:/bin`).replace(':8080', `:${port}`).replace('http://127.0.0.1$path', `http://127.0.0.1:${port}$path`).replace(':443:', ':1:').replace('https://api.$domain$path', 'https://api.$domain:1$path');
    const child = spawn('bash', ['--norc', '-euo', 'pipefail', '-c', body, 'koprogo', 'a.be', at], { stdio: ['pipe', 'ignore', 'pipe'] });
    child.stdin.end(BODY);
    const said = text(child.stderr);
    const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
    const stopped = existsSync(join(folder, 'stopped')) ? readFileSync(join(folder, 'stopped'), 'utf8').trim() : '';
    return { code, stopped, said: await said };
  }

  it.each(['backend', 'router'] as const)('is given when the %s refuses, asked as a visitor asks', async (at) => {
    const port = await answer(401);
    expect(await prove(at, port)).toEqual({ code: 0, stopped: '', said: '' });
    expect(asked).toEqual([{ path: 'POST /api/v1/auth/login', host: at === 'router' ? 'api.a.be' : `127.0.0.1:${port}`, body: BODY }]);
  });

  it.each(['backend', 'router'] as const)('fails and stops the router when the %s lets somebody in', async (at) => {
    expect(await prove(at, await answer(200))).toMatchObject({ code: 65, stopped: 'stop router-id' });
  });

  it('waits for an answer that comes later', async () => {
    expect((await prove('router', await answer(502, 503, 401))).code).toBe(0);
    expect((await prove('router', await answer(502, 200))).code).toBe(65);
  });

  it('takes silence for no proof', async () => {
    expect(await prove('backend', 1)).toMatchObject({ code: 1, stopped: '', said: expect.stringContaining('no answer at /api/v1/auth/login') as string });
  });

  it('follows to TLS, where nobody gets in without a certificate', async () => {
    expect((await prove('router', await answer(308))).code).toBe(0);
  });
});
