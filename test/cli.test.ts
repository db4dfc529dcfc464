import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { EXIT } from '../src/errors.js';
import { generateSshKey } from '../src/keys/ssh-key.js';
import { openStore } from '../src/state/open-store.js';

const PROGRAM = fileURLToPath(new URL('../bin/koprogo-infra.js', import.meta.url));
const root = mkdtempSync(join(tmpdir(), 'koprogo-cli-'));
let home = '';

beforeEach(() => {
  home = mkdtempSync(join(root, 'home-'));
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

interface Result {
  code: number | null;
  stdout: string;
  stderr: string;
}

const folders = () => ({ XDG_STATE_HOME: join(home, 'state'), XDG_DATA_HOME: join(home, 'data'), XDG_CONFIG_HOME: join(home, 'config'), XDG_CACHE_HOME: join(home, 'cache') });

/** The built program, as an operator's shell starts it, but without a terminal. */
function cli(args: readonly string[], environment: Readonly<Record<string, string>> = {}, interruptAt?: RegExp): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [PROGRAM, ...args], { env: { PATH: process.env['PATH'], HOME: home, ...folders(), ...environment }, stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      if (interruptAt?.test(stderr)) child.kill('SIGINT');
    });
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout, stderr });
    });
  });
}

/** Installations of which something is stored. */
async function installations(): Promise<string[]> {
  const { stdout } = await cli(['state', 'list', '--json']);
  const { objects } = JSON.parse(stdout) as { objects: { installation: string; kind: string }[] };
  return [...new Set(objects.filter(({ kind }) => kind === 'document').map(({ installation }) => installation))];
}

describe('the command line', () => {
  it.each([
    [['--help'], 'setup', 'Exit codes:'],
    [['setup', '--help'], '--confirm-format', 'koprogo-infra setup --target sandbox --yes'],
    [['backup', 'restore', '--help'], '--in-place', 'Examples:'],
    [['luks', 'unlock', '--help'], 'recovery passphrases', 'Example:'],
  ])('%j explains itself, with an example', async (args, option, rest) => {
    const { code, stdout, stderr } = await cli(args);
    expect([code, stderr]).toEqual([EXIT.ok, '']);
    expect(stdout).toContain(option);
    expect(stdout).toContain(rest);
  });

  it('speaks French where it is asked to, or the locale does', async () => {
    for (const [args, environment] of [[['keys', '--help', '--lang', 'fr'], {}], [['keys', '--help'], { KOPROGO_LANG: 'fr' }], [['keys', '--help'], { LANG: 'fr_BE.UTF-8' }]] as const) {
      expect((await cli(args, environment)).stdout).toContain('les clés qui chiffrent tout ce qui est conservé');
    }
    const { code, stderr } = await cli(['status', '--lang', 'nl']);
    expect([code, stderr]).toEqual([EXIT.usage, expect.stringContaining('the language is en or fr, not "nl"')]);
  });

  it.each([
    ['setup without anybody to ask', ['setup'], 'no --yes'],
    ['an unknown command', ['setpu'], "unknown command 'setpu'"],
    ['an unknown option', ['status', '--colour'], "unknown option '--colour'"],
    ['a name that is no name', ['status', '-i', '$(id)'], 'is not an installation name'],
    ['an installation that does not exist', ['backup', 'restore', '-i', 'copro'], 'no installation named "copro"'],
    ['no installation at all', ['destroy'], 'no installation on this computer yet'],
    ['an answers file that does not exist', ['setup', '--yes', '--answers', '/nonexistent/answers.yaml'], '/nonexistent/answers.yaml cannot be read'],
    ['a hostile domain', ['setup', '--target', 'sandbox', '--yes', '--domain', 'a.be;reboot'], '"a.be;reboot" must be a domain name'],
    ['a hostile answer in the environment', ['setup', '--target', 'sandbox', '--yes'], 'KOPROGO_DOMAIN: "$(id)" must be a domain name', { KOPROGO_DOMAIN: '$(id)' }],
  ] as const)('stops at %s, changes nothing and leaves nothing', async (_, args, message, environment: Readonly<Record<string, string>> = {}) => {
    const { code, stdout, stderr } = await cli(args, environment);
    expect(stderr).toContain(message);
    expect([code, stdout]).toEqual([EXIT.usage, '']);
    expect(stderr).not.toContain('    at ');
    expect(await installations()).toEqual([]);
  });

  it('lists everything that is wrong with an answers file at once', async () => {
    const answers = join(home, 'answers.yaml');
    writeFileSync(answers, 'target: host\ndomain: a.be/x\nhost: { port: 99999 }\ncolour: red\nbucket: { secretAccessKey: in-the-file }\n');
    const { code, stderr } = await cli(['setup', '--yes', '--answers', answers]);
    expect(code).toBe(EXIT.usage);
    for (const path of ['domain:', 'host.port:', 'colour: unknown', 'bucket.secretAccessKey: a secret does not belong there', 'host.address: no answer', 'disks.documents: no answer']) {
      expect(stderr).toContain(path);
    }
    expect(stderr).not.toContain('in-the-file');
  });

  it('prints nothing but JSON on standard output when asked for JSON', async () => {
    const { stdout } = await cli(['doctor', '--json']);
    expect(Array.isArray((JSON.parse(stdout) as { findings?: unknown[] }).findings)).toBe(true);
  });

  it('plans a sandbox without making anything', async () => {
    const { code, stdout } = await cli(['setup', '--target', 'sandbox', '--plan', '--json']);
    expect(code).toBe(EXIT.ok);
    const { steps } = JSON.parse(stdout) as { steps: { id: string; state: string }[] };
    expect(steps.find(({ id }) => id === 'sandbox-machine')?.state).toBe('needed');
    expect(steps.find(({ id }) => id === 'restore-test')?.state).toBe('unknown');
    expect(await installations()).toEqual([]);
  });

  describe('with a Terraform that is not fit', () => {
    const bin = join(root, 'bin');
    beforeAll(() => {
      mkdirSync(bin, { recursive: true });
      writeFileSync(join(bin, 'terraform'), `#!/bin/sh\necho '{"terraform_version": "0.12.31"}'\n`, { mode: 0o755 });
    });

    it.each([
      ['too old', () => `${bin}:/usr/bin:/bin`, '0.12.31'],
      ['missing', () => '/nonexistent', 'neither terraform nor tofu'],
    ])('says that it is %s', async (_, path, message) => {
      const { code, stdout } = await cli(['doctor'], { PATH: path() });
      expect(code).toBe(EXIT.usage);
      expect(stdout).toContain(message);
    });
  });

  it('ends at once when it is interrupted, says so, and gives no stack', async () => {
    const answers = join(home, 'answers.json');
    const disk = (name: string) => `/dev/disk/by-id/virtio-${name}`;
    const host = { address: '127.0.0.1', port: 1, hostKey: generateSshKey('copro').publicKey };
    const bucket = { endpoint: 'http://127.0.0.1:1', bucket: 'copro', accessKeyId: 'AKIA' };
    writeFileSync(answers, JSON.stringify({ target: 'host', domain: 'copro.example.be', host, disks: { postgres: disk('pg1'), documents: disk('docs1') }, bucket }));
    const environment = { KOPROGO_S3_SECRET_ACCESS_KEY: 'very-secret' };
    const { code, stdout, stderr } = await cli(['setup', '--yes', '--answers', answers], environment, /waiting for SSH/);
    expect([code, stdout]).toEqual([EXIT.interrupted, '']);
    expect(stderr).toMatch(/interrupted; nothing that was finished is lost\n.*type the same command again/);
    expect(stderr).not.toContain('    at ');
    expect(await installations()).toEqual(['koprogo']);
    expect((await cli(['destroy', '--confirm', 'koprogo', '--yes'])).code).toBe(EXIT.ok);
    expect(await installations()).toEqual([]);
  });

  it('does not run two set-ups of one installation at once', async () => {
    for (const [variable, folder] of Object.entries(folders())) vi.stubEnv(variable, folder);
    const store = await openStore({}, () => Promise.resolve(undefined));
    const holder = { token: 'a'.repeat(32), pid: 1, started: '', host: 'another-computer', machine: '', user: 'anna', purpose: 'setup', since: '2026-11-22T10:00:00.000Z' };
    await store.objects.write({ installation: 'sandbox', kind: 'lock', name: 'installation' }, Buffer.from(JSON.stringify(holder)), 'absent');
    await store.close();
    vi.unstubAllEnvs();
    const { code, stderr } = await cli(['setup', '--target', 'sandbox', '--yes']);
    expect(code).toBe(EXIT.busy);
    expect(stderr).toContain('another-computer');
  });

  it('rotates the keys, brings everything under the new one, and retires the old one', async () => {
    const answers = join(home, 'answers.json');
    writeFileSync(answers, JSON.stringify({ target: 'sandbox' }));
    expect((await cli(['setup', '--answers', answers, '--yes', '--installation', 'main'], {}, / {2}… /)).code).toBe(EXIT.interrupted);
    const status = async () => JSON.parse((await cli(['keys', 'status', '--json'])).stdout) as { keys: { keyId: string; current: boolean; objects: number }[]; problems: string[] };
    const [first] = (await status()).keys;
    expect((await cli(['keys', 'rotate'])).code).toBe(EXIT.ok);
    const between = await status();
    expect(between.keys.map(({ current }) => current)).toEqual([false, true]);
    expect(between.problems.join()).toContain('keys migrate');
    expect((await cli(['keys', 'retire', '1'])).code).toBe(EXIT.refused);
    expect((await cli(['keys', 'migrate'])).code).toBe(EXIT.ok);
    const after = await status();
    expect(after.keys.find(({ keyId }) => keyId === first?.keyId)?.objects).toBe(0);
    expect(after.problems).toEqual([]);
    expect((await cli(['keys', 'retire', '1'])).code).toBe(EXIT.ok);
    const shown = await cli(['state', 'show', 'answers', '--installation', 'main', '--reveal']);
    expect(JSON.parse(shown.stdout)).toMatchObject({ target: 'sandbox' });
    expect((await cli(['state', 'show', 'answers', '--installation', 'main'])).code).toBe(EXIT.refused);
    expect((await cli(['audit', 'verify'])).stdout).toMatch(/^Intact/);
    const recorded = await cli(['audit', 'show', '--operation', 'rotate', 'retire', '--json']);
    expect(recorded.stdout).toContain('"begun"');
    const kept = join(home, 'export');
    expect((await cli(['state', 'export', '--to', kept])).code).toBe(EXIT.ok);
    const other = `sqlite:${join(home, 'other', 'state.db')}`;
    expect((await cli(['state', 'import', kept, '--state', other])).stdout).toMatch(/^1 documents written/);
    expect((await cli(['state', 'list', '--state', 'postgres://anna:geheim@127.0.0.1/x'])).stderr).toMatch(/must not hold a password/);
    expect((await cli(['state', 'migrate', '--to', 'redis://:geheim@127.0.0.1'])).stderr).toMatch(/--to must not hold a password/);
    expect((await cli(['state', 'migrate', '--to', `sqlite:${join(home, 'state', 'koprogo-infra', 'state.db')}`])).stderr).toMatch(/the new place is the present one/);
    const settings = join(home, 'settings.env');
    writeFileSync(join(home, 'place'), other, { mode: 0o600 });
    writeFileSync(settings, `KOPROGO_STATE_FILE=${join(home, 'place')}\n`);
    expect((await cli(['state', 'migrate', '--settings', settings])).stdout).toMatch(/^0 documents written .* 1 were there already/);
    expect((await cli(['state', 'migrate', '--to', other])).stdout).toMatch(/^0 documents written .* 1 were there already/);
  }, 600_000);
});
