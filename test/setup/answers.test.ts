import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { Interrupted } from '../../src/interrupt.js';
import { Secret } from '../../src/secret.js';
import { collectAnswers, converse } from '../../src/setup/answers.js';
import { BACK, problemWith } from '../../src/setup/asking.js';
import { loadAnswersFile } from '../../src/setup/answers-file.js';
import { QUESTIONS } from '../../src/setup/questions.js';
import { answersTemplate } from '../../src/setup/template.js';
import { speak } from '../../src/words.js';

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

afterEach(() => {
  speak('en');
});

describe('collectAnswers', () => {
  it('needs nothing but fallbacks for the sandbox', async () => {
    const { config } = await collectAnswers({ ...none, flags: { target: 'sandbox' } }, silently);
    expect(config).toEqual({ target: 'sandbox', domain: 'koprogo.test', www: false, unlock: 'auto', recovery: { copies: 'later' } });
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
    let resumed = {};
    const options = { acceptFallbacks: false, ask, resumed: (answers: object) => (resumed = answers) };
    const { answers } = await collectAnswers({ ...given, draft: { ...kept.at(-1), 'host.user': 'admin' } }, options);
    expect(answers).toMatchObject({ domain: 'copro.example.be', 'host.user': 'admin', 'bucket.region': 'us-east-1' });
    expect(answers).not.toHaveProperty('email');
    expect(proposed).toEqual({ 'bucket.secretAccessKey': undefined, 'recovery.copies': 'later' });
    expect(resumed).toMatchObject({ 'host.user': 'admin' });
    expect((await collectAnswers({ flags: { target: 'sandbox' }, environment: {}, draft: { domain: 'draft.example.be' } }, silently)).config.domain).toBe('koprogo.test');
  });

  it('does not ask an installation that exists again for what it may go without', async () => {
    const asked: string[] = [];
    const ask = async ({ key }: { key: string }, fallback: string | undefined) => {
      asked.push(key);
      return fallback;
    };
    const { answers } = await collectAnswers({ ...none, flags: { target: 'sandbox' } }, { acceptFallbacks: false, ask });
    expect(asked).toContain('sshKey');
    asked.length = 0;
    await collectAnswers({ ...none, stored: answers }, { acceptFallbacks: false, ask });
    expect(asked).toEqual([]);
  });

  it('asks for www after the domain of a real site, takes it for a sandbox where it is given, and no for an installation that is older', async () => {
    const asked: string[] = [];
    const ask = async ({ key }: { key: string }, fallback: string | undefined) => {
      asked.push(key);
      return key === 'www' ? 'yes' : fallback;
    };
    const given = { flags: {}, environment: secret, file: host };
    const { answers, config } = await collectAnswers({ ...given, file: { ...host, domain: undefined }, flags: { domain: 'a.be' } }, { acceptFallbacks: false, ask });
    expect([asked[0], answers['www'], config.www]).toEqual(['www', 'yes', true]);
    asked.length = 0;
    expect((await collectAnswers({ ...given, stored: { domain: 'a.be' } }, { acceptFallbacks: false, ask })).config.www).toBe(false);
    expect((await collectAnswers({ ...given, stored: { www: 'yes' } }, silently)).config.www).toBe(true);
    expect((await collectAnswers({ ...none, flags: { target: 'sandbox' } }, { acceptFallbacks: false, ask })).config.www).toBe(false);
    expect(asked).not.toContain('www');
    expect((await collectAnswers({ ...none, flags: { target: 'sandbox', www: 'yes' } }, silently)).config.www).toBe(true);
    expect((await collectAnswers({ ...none, flags: { target: 'sandbox' }, environment: { KOPROGO_WWW: 'yes' } }, silently)).config.www).toBe(true);
    expect(await problemsOf(collectAnswers({ ...given, flags: { www: 'maybe' } }, silently))).toContain('--www: "maybe" must be yes or no');
  });

  it('goes back to the question before, proposes what was answered there, and asks what follows from it anew', async () => {
    const asked: [string, string | undefined][] = [];
    const replies: (string | typeof BACK)[] = ['host', BACK, 'sandbox', 'a.example.be', BACK, 'b.example.be', 'manual', '', 'later'];
    const { answers } = await collectAnswers(none, {
      acceptFallbacks: false,
      ask: async ({ key }, fallback) => {
        asked.push([key, fallback]);
        return replies.shift();
      },
    });
    expect(asked).toEqual([
      ['target', 'sandbox'],
      ['domain', undefined],
      ['target', 'host'],
      ['domain', 'koprogo.test'],
      ['unlock', 'auto'],
      ['domain', 'a.example.be'],
      ['unlock', 'auto'],
      ['sshKey', undefined],
      ['recovery.copies', 'later'],
    ]);
    expect(answers).toEqual({ target: 'sandbox', domain: 'b.example.be', unlock: 'manual', 'recovery.copies': 'later' });
  });

  it('goes back from the agreement, keeping what was typed unseen, and beyond the first question only where there is one', async () => {
    const offered: (string | undefined)[] = [];
    const ask = async ({ key, optional }: { key: string; optional?: boolean }, fallback: string | undefined) => {
      if (key !== 'bucket.secretAccessKey') return optional ? '' : fallback;
      offered.push(fallback);
      return fallback ?? 'very-secret';
    };
    let times = 0;
    const agree = async () => (times++ === 0 ? BACK : undefined);
    await collectAnswers({ ...none, file: { ...host, recovery: { copies: 'later' } } }, { acceptFallbacks: false, ask, agree });
    expect(offered).toEqual([undefined, 'very-secret']);
    const sources = { ...none, flags: { target: 'sandbox' } };
    const replies: (string | typeof BACK)[] = [BACK, 'koprogo.test', 'auto', '', 'later'];
    expect(await converse(sources, { acceptFallbacks: false, ask: async () => BACK, asksBefore: true })).toBe(BACK);
    expect(await converse(sources, { acceptFallbacks: false, ask: async () => replies.shift() })).toMatchObject({ config: { domain: 'koprogo.test' } });
  });

  it.each(['sandbox', 'host'])('broken off at any question, asks the same one again the next time: %s', async (target) => {
    const right: Record<string, string> = { domain: 'copro.example.be', 'bucket.secretAccessKey': 'very-secret', 'recovery.copies': 'kit', 'recovery.directory': '/media/usb/k' };
    for (const [group, values] of Object.entries(host)) if (typeof values === 'object') for (const [name, value] of Object.entries(values)) right[`${group}.${name}`] = value;
    const flags = { target };
    let draft: Record<string, string> | undefined;
    /** Breaks off at the first question that is not among these; undefined when all were answered. */
    const breakOffAfter = async (passed: ReadonlySet<string>) => {
      const asked: string[] = [];
      const work = collectAnswers({ ...none, flags, ...(draft && { draft }) }, {
        acceptFallbacks: false,
        keep: async (typed) => void (draft = typed),
        ask: async ({ key }, fallback) => {
          asked.push(key);
          if (!passed.has(key)) throw new Interrupted();
          return right[key] ?? fallback;
        },
      });
      return work.then(
        () => undefined,
        () => asked,
      );
    };
    const passed = new Set<string>();
    for (let asked = await breakOffAfter(passed); asked !== undefined; asked = await breakOffAfter(passed)) {
      const key = asked.at(-1) ?? '';
      // A second time, nothing having been answered: the same question, after the secrets that are not kept.
      expect((await breakOffAfter(passed))?.at(-1)).toBe(key);
      passed.add(key);
    }
    const expected = QUESTIONS.filter(({ key, when, unasked }) => key !== 'target' && (!when || when({ target, 'recovery.copies': 'kit' })) && !unasked?.({ target })).map(({ key }) => key);
    expect([...passed]).toEqual(expected);
  });

  it('asks the last question again when all was answered before the conversation was broken off', async () => {
    const asked: string[] = [];
    const draft = { domain: 'copro.example.be', unlock: 'manual', sshKey: '', 'recovery.copies': 'later' };
    const ask = async ({ key }: { key: string }) => {
      asked.push(key);
      return 'later';
    };
    const { answers } = await collectAnswers({ ...none, flags: { target: 'sandbox' }, draft }, { acceptFallbacks: false, ask });
    expect(asked).toEqual(['recovery.copies']);
    expect(answers).toEqual({ target: 'sandbox', domain: 'copro.example.be', unlock: 'manual', 'recovery.copies': 'later' });
  });

  it('asks for a directory only where a copy of the recovery key is wanted', async () => {
    const config = async (flags: Record<string, string>) => (await collectAnswers({ ...none, flags: { target: 'sandbox', ...flags } }, silently)).config.recovery;
    expect(await config({ 'recovery.copies': 'sheets' })).toEqual({ copies: 'sheets', directory: '-' });
    expect(await config({ 'recovery.copies': 'kit', 'recovery.directory': '/media/usb/k' })).toEqual({ copies: 'kit', directory: '/media/usb/k' });
    expect(await problemsOf(config({ 'recovery.copies': 'kit' }))).toContain('--recovery-directory <directory>, KOPROGO_RECOVERY_DIRECTORY');
    expect(await problemsOf(config({ 'recovery.directory': '/x' }))).toContain('--recovery-directory: does not apply');
  });

  it('says in French what is wrong', async () => {
    speak('fr');
    const file = { ...host, disks: { ...host.disks, postgres: '/dev/sda' }, colour: 'red', host: { ...host.host, port: 70000 } };
    const message = await problemsOf(collectAnswers({ flags: { unlock: 'maybe' }, environment: {}, file }, silently));
    expect(message).toContain('les réponses sont incomplètes ou inexactes');
    expect(message).toContain('fichier de réponses, disks.postgres : "/dev/sda" doit être un chemin sous /dev/disk/by-id');
    expect(message).toContain('"70000" doit être un numéro de port, de 1 à 65535');
    expect(message).toContain('--unlock : "maybe" doit être auto, tpm ou manual');
    expect(message).toContain('bucket.secretAccessKey : pas de réponse ; donnez --s3-secret-key-file <file>');
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

describe('answersTemplate', () => {
  it.each(['en', 'fr'] as const)('in %s is accepted as it is, and again once its lines are filled in', async (language) => {
    speak(language);
    const { parse } = await import('yaml');
    const template = answersTemplate('host');
    expect(template).toContain(language === 'en' ? '# Address of the server' : '# Adresse du serveur');
    expect(template).toMatch(/KOPROGO_S3_SECRET_ACCESS_KEY/);
    expect(template).not.toMatch(/secretAccessKey/);
    expect(parse(template)).toMatchObject({ target: 'host', host: null });
    expect(parse(answersTemplate())).toMatchObject({ host: null, disks: null, bucket: null, ovh: null, ovhBucket: null, ovhApi: null });
    const values: Record<string, string> = { domain: host.domain, email: 'a@example.be', sshKey: '/root/.ssh/id', ...host.host, ...host.disks, ...host.bucket };
    const filled = template.replace(/^( *)# (\w+):( \S+)?$/gm, (_line, indent: string, name: string, proposed?: string) => `${indent}${name}: ${values[name] ?? proposed?.trim() ?? ''}`);
    const { config } = await collectAnswers({ flags: {}, environment: secret, file: parse(filled) }, { acceptFallbacks: false });
    expect(config).toMatchObject({ target: 'host', email: 'a@example.be', host: { address: '192.0.2.7', port: 22 }, bucket: { bucket: 'copro-backups' } });
  });

  it('refuses a target that does not exist', () => {
    expect(() => answersTemplate('moon')).toThrow('"moon"');
  });
});

describe('QUESTIONS', () => {
  it.each(QUESTIONS.map((question) => ({ key: question.key, question })))('say in the language of the person what an answer must be: $key', ({ question }) => {
    const rubbish = ['\u0000', '-', 'é !', '99999999', 'x'.repeat(2000), 'x'.repeat(70_000)];
    const problems = rubbish.map((text) => problemWith(question, text)).filter((problem) => problem !== undefined);
    speak('fr');
    for (const problem of rubbish.map((text) => problemWith(question, text)).filter((one) => one !== undefined)) {
      expect(problem).toMatch(/^(ne doit|doit|ressemble)/);
      expect(problem.length).toBeLessThan(200);
    }
    expect(problems.every((problem) => /^(must|looks)/.test(problem))).toBe(true);
    expect(problems.length).toBeGreaterThan(0);
  });

  it('have distinct keys, flags and variables', () => {
    for (const field of ['key', 'flag', 'variable'] as const) {
      expect(new Set(QUESTIONS.map((question) => question[field])).size).toBe(QUESTIONS.length);
    }
  });
});
