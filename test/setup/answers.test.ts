import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.js';
import { collectAnswers, loadAnswersFile } from '../../src/setup/answers.js';
import { QUESTIONS } from '../../src/setup/questions.js';

const none = { flags: {}, environment: {} };
const silently = { acceptFallbacks: true };

const host = {
  target: 'host',
  domain: 'copro.example.be',
  host: { address: '192.0.2.7', hostKey: `ssh-ed25519 ${'A'.repeat(68)}` },
  disks: { postgres: '/dev/disk/by-id/virtio-pg', documents: '/dev/disk/by-id/virtio-docs' },
  bucket: { endpoint: 'https://s3.example.net', bucket: 'copro-backups', accessKeyId: 'AKIA123' },
};
const secret = { KOPROGO_S3_SECRET_ACCESS_KEY: 'very-secret' };

async function problemsOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'no error',
    (error: unknown) => (error as Error).message,
  );
}

describe('collectAnswers', () => {
  it('needs nothing but fallbacks for the sandbox', async () => {
    const { config } = await collectAnswers({ ...none, flags: { target: 'sandbox' } }, silently);
    expect(config).toEqual({ target: 'sandbox', domain: 'koprogo.test', unlock: 'auto' });
  });

  it('builds the configuration of a host from file and environment', async () => {
    const { config } = await collectAnswers({ flags: {}, environment: secret, file: host }, silently);
    expect(config).toMatchObject({ target: 'host', host: { port: 22, user: 'debian' }, bucket: { encryption: { mode: 'AES256' }, region: 'us-east-1' } });
    expect(config.target === 'host' && config.bucket.secretAccessKey).toBeInstanceOf(Secret);
  });

  it('prefers flags to the environment, that to the file, that to what is stored', async () => {
    const domain = async (sources: Partial<Parameters<typeof collectAnswers>[0]>) =>
      (await collectAnswers({ ...none, ...sources }, silently)).config.domain;
    const stored = { domain: 'stored.example.be' };
    const file = { domain: 'file.example.be' };
    const environment = { KOPROGO_DOMAIN: 'variable.example.be' };
    const flags = { domain: 'flag.example.be' };
    expect(await domain({ stored })).toBe('stored.example.be');
    expect(await domain({ stored, file })).toBe('file.example.be');
    expect(await domain({ stored, file, environment })).toBe('variable.example.be');
    expect(await domain({ stored, file, environment, flags })).toBe('flag.example.be');
  });

  it('names everything that is wrong at once, each with where it came from', async () => {
    const file = { ...host, domain: 'a.be;reboot', colour: 'red', bucket: { ...host.bucket, bucket: 'NO' }, host: { ...host.host, port: 70000 } };
    const message = await problemsOf(collectAnswers({ flags: { unlock: 'maybe' }, environment: {}, file }, silently));
    expect(message).toMatch(/answers file, domain: "a\.be;reboot" must be a domain name/);
    expect(message).toMatch(/answers file, colour: unknown/);
    expect(message).toMatch(/answers file, bucket\.bucket: "NO" must be an S3 bucket name/);
    expect(message).toMatch(/answers file, host\.port: "70000"/);
    expect(message).toMatch(/--unlock: "maybe" must be auto, tpm or manual/);
    expect(message).toMatch(/bucket\.secretAccessKey: no answer; give --s3-secret-key-file <file>, KOPROGO_S3_SECRET_ACCESS_KEY/);
  });

  it.each(['a.be;reboot', '$(id)', '`id`.be', 'http://a.be', 'a.be/x', 'A b.be', '-a.be', '../etc'])('refuses the domain %j', async (domain) => {
    expect(await problemsOf(collectAnswers({ ...none, flags: { target: 'sandbox', domain } }, silently))).toContain('--domain');
  });

  it.each(['/dev/sdb', '/dev/disk/by-id/../sda', '/dev/disk/by-id/', 'virtio-x; rm -rf /', '/dev/disk/by-id/a b'])('refuses the disk %j', async (disk) => {
    const file = { ...host, disks: { ...host.disks, postgres: disk } };
    expect(await problemsOf(collectAnswers({ flags: {}, environment: secret, file }, silently))).toContain('disks.postgres');
  });

  it('keeps secrets out of the answers file and out of messages', async () => {
    const file = { ...host, bucket: { ...host.bucket, secretAccessKey: 'in-the-file' } };
    expect(await problemsOf(collectAnswers({ flags: {}, environment: {}, file }, silently))).toMatch(/a secret does not belong there/);
    const wrong = await problemsOf(collectAnswers({ flags: {}, environment: { KOPROGO_S3_SECRET_ACCESS_KEY: 'with space' }, file: host }, silently));
    expect(wrong).toContain('KOPROGO_S3_SECRET_ACCESS_KEY: must be');
    expect(wrong).not.toContain('with space');
  });

  it('refuses answers that do not apply to the target', async () => {
    expect(await problemsOf(collectAnswers({ ...none, flags: { target: 'sandbox', email: 'a@example.be' } }, silently))).toMatch(/--email: does not apply/);
  });

  it('asks only what is not known, and asks again what is wrong', async () => {
    const asked: string[] = [];
    const replies = ['host', 'not a domain', 'copro.example.be'];
    const { config } = await collectAnswers(
      { flags: {}, environment: secret, file: { host: host.host, disks: host.disks, bucket: host.bucket, unlock: 'tpm' } },
      {
        acceptFallbacks: false,
        ask: async ({ key }, fallback, problem) => {
          asked.push(problem === undefined ? key : `${key} again`);
          return replies.shift() ?? fallback;
        },
      },
    );
    expect(config.domain).toBe('copro.example.be');
    expect(asked.slice(0, 3)).toEqual(['target', 'domain', 'domain again']);
    expect(asked).not.toContain('unlock');
  });

  it('keeps what was typed, but no secret, and proposes it when the conversation begins anew', async () => {
    const kept: Record<string, string>[] = [];
    const keep = async (typed: Record<string, string>) => {
      kept.push({ ...typed });
    };
    const given = { flags: {}, environment: {}, file: { ...host, domain: undefined } };
    const replies: Record<string, string> = { domain: 'copro.example.be', 'bucket.secretAccessKey': 'very-secret' };
    await collectAnswers(given, { acceptFallbacks: false, keep, ask: async ({ key }, fallback) => replies[key] ?? fallback });
    expect(kept.at(-1)).toMatchObject({ domain: 'copro.example.be', 'host.user': 'debian' });
    expect(JSON.stringify(kept)).not.toContain('very-secret');

    const proposed: Record<string, string | undefined> = {};
    const ask = async ({ key }: { key: string }, fallback: string | undefined) => {
      proposed[key] = fallback;
      return replies[key] ?? fallback;
    };
    await collectAnswers({ ...given, draft: { ...kept.at(-1), 'host.user': 'admin', email: 'a@example.be' } }, { acceptFallbacks: false, ask });
    expect(proposed).toMatchObject({ domain: 'copro.example.be', 'host.user': 'admin', 'bucket.region': 'us-east-1', email: undefined });
    expect((await collectAnswers({ flags: { target: 'sandbox' }, environment: {}, draft: { domain: 'draft.example.be' } }, silently)).config.domain).toBe('koprogo.test');
  });

  it('without fallbacks lists every missing answer with its flag and variable', async () => {
    const message = await problemsOf(collectAnswers(none, { acceptFallbacks: false }));
    expect(message).toContain('target: no answer; give --target <target>, KOPROGO_TARGET or a line in the answers file');
  });
});

describe('loadAnswersFile', () => {
  it('reads YAML and JSON and names a file that is neither', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'koprogo-answers-'));
    const write = (name: string, text: string) => {
      writeFileSync(join(directory, name), text);
      return join(directory, name);
    };
    try {
      expect(await loadAnswersFile(write('a.yaml', 'host:\n  address: 192.0.2.7 # its address\n'))).toEqual({ host: { address: '192.0.2.7' } });
      expect(await loadAnswersFile(write('a.json', '{"target": "host"}'))).toEqual({ target: 'host' });
      await expect(loadAnswersFile(write('bad', 'a: [1'))).rejects.toThrow(/bad is not valid YAML or JSON/);
      await expect(loadAnswersFile(join(directory, 'absent'))).rejects.toThrow(/absent cannot be read/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

describe('QUESTIONS', () => {
  it('have distinct keys, flags and variables', () => {
    for (const field of ['key', 'flag', 'variable'] as const) {
      expect(new Set(QUESTIONS.map((question) => question[field])).size).toBe(QUESTIONS.length);
    }
  });
});
