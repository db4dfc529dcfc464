import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { InputError } from '../../src/errors.js';
import { collectAnswers } from '../../src/setup/answers.js';
import { type Ask, BACK } from '../../src/setup/asking.js';
import { createContext } from '../../src/setup/context.js';
import { ovhLive } from '../../src/setup/ovh-live.js';
import { type Answers, explanationOf } from '../../src/setup/question.js';
import { UNLOCK_QUESTION } from '../../src/setup/unlock-question.js';
import { fillIn, speak } from '../../src/words.js';
import { APPLICATION_KEY, APPLICATION_SECRET, CONSUMER_KEY, type OvhServer, startOvh } from '../fixtures/ovh-api.js';
import { RecordingReporter } from '../fixtures/reporter.js';
import { testStore } from '../fixtures/store.js';
import { OpenStackStandIn } from '../targets/ovh/openstack/openstack-server.js';

const BUCKET = { 'bucket.endpoint': 'https://s3.example.net', 'bucket.bucket': 'tilleuls', 'bucket.accessKeyId': 'AKIA123', 'bucket.secretAccessKey': 'very-secret' };

describe('the conversation about OVH', { timeout: 30_000 }, () => {
  let folder: string;
  let openrc: string;
  let cloud: OpenStackStandIn;
  let ovh: OvhServer;
  let warned: string[];
  let asked: string[];
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'koprogo-ovh-talk-'));
    openrc = join(folder, 'openrc.sh');
    cloud = await OpenStackStandIn.start();
    ovh = await startOvh();
    const { authUrl, username } = cloud.credentials();
    writeOpenRc(`export OS_AUTH_URL=${authUrl}`, 'export OS_PROJECT_ID=0123abcd', `export OS_USERNAME="${username}"`, 'export OS_USER_DOMAIN_NAME=Default', 'export OS_REGION_NAME=GRA9');
    warned = [];
    asked = [];
  });
  afterEach(async () => {
    speak('en');
    cloud.stop();
    await ovh.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const writeOpenRc = (...lines: string[]): void => {
    writeFileSync(openrc, `${lines.join('\n')}\n`);
  };
  const live = () => ovhLive((text) => warned.push(text), {}, { 'ovh-eu': ovh.endpoint, 'ovh-ca': ovh.endpoint });

  /** Answers from a script: by key, one after the other; what is proposed where the script says nothing. */
  function person(script: Record<string, (string | typeof BACK)[]>): Ask {
    return async (question, fallback, problem) => {
      const { key, choices } = question;
      const explain = explanationOf(question, {});
      asked.push([key, ...(problem === undefined ? [] : [`(${problem})`]), ...(choices ? [`[${choices.map(({ name }) => fillIn(name)).join(' | ')}]`] : []), ...(problem === undefined && explain ? [fillIn(explain)] : [])].join(' '));
      if (asked.length > 200) throw new Error(`asked on and on: ${asked.at(-1)}`);
      return script[key]?.shift() ?? fallback ?? '';
    };
  }
  const talk = async (script: Record<string, (string | typeof BACK)[]>, more: { flags?: Answers; stored?: Answers; draft?: Answers; keep?: (typed: Answers) => Promise<void> } = {}) => {
    const { keep, flags = {}, ...sources } = more;
    return collectAnswers({ flags: { target: 'ovh', domain: 'tilleuls.example.be', unlock: 'auto', ...BUCKET, ...flags }, environment: {}, ...sources }, { ask: person(script), acceptFallbacks: false, live: live(), ...(keep && { keep }) });
  };
  const keys = () => asked.map((line) => line.split(' ')[0]);
  const about = (key: string) => asked.filter((line) => line.startsWith(`${key} `) || line === key);

  it('asks for the file, tries the login at once, offers what there is, and asks nothing that the file says', async () => {
    const { config, answers } = await talk({ 'ovh.openrc': [openrc], 'ovh.password': ['wrong', cloud.password], 'ovh.backups': ['elsewhere'] });
    expect(keys()).toEqual(['ovh.openrc', 'ovh.password', 'ovh.password', 'ovh.flavor', 'ovh.volumeType', 'ovh.postgresSize', 'ovh.documentsSize', 'www', 'email', 'ovh.dns', 'ovh.backups', 'sshKey', 'bucket.region', 'bucket.encryption', 'recovery.copies']);
    expect(about('ovh.password')[1]).toMatch(/^ovh\.password \(login of user-[^]*401[^]*→/);
    expect(about('ovh.flavor')[0]).toMatch(/\[d2-2: 2 GB of memory, \d+ processors?, 25 GB for the system \(little\) \| d2-4: 4 GB/);
    expect(about('ovh.volumeType')[0]).toContain('[classic | high-speed]');
    expect(config).toMatchObject({ target: 'ovh', ovh: { project: { id: '0123abcd' }, region: 'GRA9', flavor: 'd2-4', userDomain: { name: 'Default' }, postgresSize: 20, dns: 'elsewhere' }, bucket: { bucket: 'tilleuls' } });

    // What was answered is enough for the next run, without the file.
    rmSync(openrc);
    asked = [];
    const again = await talk({}, { stored: answers });
    expect([again.config, keys().filter((key) => key?.startsWith('ovh'))]).toEqual([config, []]);
  });

  it('takes a password that the file holds, and asks where it is wrong', async () => {
    const { authUrl, username } = cloud.credentials();
    writeOpenRc(`OS_AUTH_URL=${authUrl}`, 'OS_PROJECT_ID=0123abcd', `OS_USERNAME=${username}`, 'OS_PASSWORD=planted-pa55', 'OS_REGION_NAME=GRA99');
    const { config } = await talk({ 'ovh.openrc': [openrc], 'ovh.password': [cloud.password], 'ovh.region': ['GRA9'], 'ovh.backups': ['elsewhere'] });
    expect(warned.join('\n')).toContain('holds the password: delete it');
    expect(about('ovh.password')[0]).toMatch(/\(login of user-[^]*401/);
    expect(about('ovh.region')[0]).toMatch(/\(.*GRA99.*GRA9[^]*\[GRA9/);
    expect(config.target === 'ovh' && config.ovh.password.reveal()).toBe(cloud.password);
    expect(JSON.stringify([asked, warned])).not.toContain('planted-pa55');
  });

  it('says what is wrong with the file, and asks one by one where there is none', async () => {
    const page = join(folder, 'page.html');
    writeFileSync(page, '<html>');
    const { authUrl, username } = cloud.credentials();
    speak('fr');
    const { config } = await talk({
      'ovh.openrc': [page, join(folder, 'absent.sh'), ''],
      'ovh.authUrl': ['ftp://x', authUrl],
      'ovh.project': ['0123abcd'],
      'ovh.username': ['me@example.be', username],
      'ovh.password': [cloud.password],
      'ovh.region': ['GRA9'],
      'ovh.postgresSize': ['0', '10000', '30'],
      'ovh.backups': ['elsewhere'],
    });
    expect(about('ovh.openrc').slice(1)).toEqual([expect.stringContaining('c’est une page web'), expect.stringContaining('absent.sh n’existe pas')]);
    expect(about('ovh.username')[1]).toContain('espace client');
    expect(about('ovh.postgresSize').slice(1)).toEqual(Array(2).fill('ovh.postgresSize (doit être un nombre entier de Go, de 10 à 4000)'));
    expect(config).toMatchObject({ ovh: { authUrl, postgresSize: 30 } });
  });

  it('sends for a token with exactly the rights that are needed, and tries it', async () => {
    ovh.rules = [{ method: 'GET', path: '/domain/zone' }];
    const token = { 'ovhApi.applicationKey': [APPLICATION_KEY], 'ovhApi.applicationSecret': [APPLICATION_SECRET], 'ovhBucket.name': ['koprogo-tilleuls'] };
    const work = talk({
      'ovh.openrc': [openrc],
      'ovh.password': [cloud.password],
      'ovh.dns': ['ovh'],
      ...token,
      get 'ovhApi.consumerKey'() {
        // The second time the token was made anew, with all rights.
        if (about('ovhApi.consumerKey').length > 1) ovh.rules = [{ method: 'GET', path: '/*' }, { method: 'POST', path: '/*' }, { method: 'PUT', path: '/*' }, { method: 'DELETE', path: '/*' }];
        return [CONSUMER_KEY];
      },
    }, { flags: { 'ovh.backups': 'ovh' } });
    await expect(work).rejects.toThrow(/bucket\.endpoint|--s3/);
    expect(about('ovhApi.applicationKey')[0]).toMatch(/createToken\/\?GET=\/domain\/zone&.*POST=\/cloud\/project\/0123abcd\/region\/GRA\/storage/);
    expect(about('ovhApi.consumerKey')[1]).toContain('lacks these rights: GET /domain/zone/*');
    expect(JSON.stringify(asked)).not.toContain(APPLICATION_SECRET);
  });

  it('proposes to open the volumes by hand, where a TPM is not to be had', async () => {
    const { config } = await talk({ 'ovh.openrc': [openrc], 'ovh.password': [cloud.password], 'ovh.backups': ['elsewhere'] }, { flags: { unlock: undefined as unknown as string } });
    expect(about('unlock')[0]).toMatch(/no TPM: there `auto` comes down to `manual`[^]*stolen disk[^]*provider who copies[^]*while it runs/);
    expect(config.unlock).toBe('manual');
    expect(explanationOf(UNLOCK_QUESTION, { target: 'host' })?.fr).not.toContain('OVH');
  });

  it('goes back over the file: what it said is forgotten', async () => {
    const other = join(folder, 'other.sh');
    writeFileSync(other, `OS_AUTH_URL=${cloud.credentials().authUrl}\nOS_PROJECT_ID=other\n`);
    const { config } = await talk({ 'ovh.openrc': [other, openrc], 'ovh.username': [BACK], 'ovh.password': [cloud.password], 'ovh.backups': ['elsewhere'] });
    expect(config).toMatchObject({ ovh: { project: { id: '0123abcd' } } });
  });

  it('goes on where it was broken off, reading the file again', async () => {
    let kept: Answers = {};
    const broken = talk({ 'ovh.openrc': [openrc], get 'ovh.password'(): string[] { throw new Error('Ctrl-C'); } }, { keep: async (typed) => void (kept = typed) });
    await expect(broken).rejects.toThrow('Ctrl-C');
    expect(kept).toEqual({ 'ovh.openrc': openrc });
    asked = [];
    await talk({ 'ovh.password': [cloud.password], 'ovh.backups': ['elsewhere'] }, { draft: kept });
    expect(keys()[0]).toBe('ovh.password');
    rmSync(openrc);
    asked = [];
    await expect(talk({ 'ovh.openrc': [''], get 'ovh.authUrl'(): string[] { throw new Error('Ctrl-C'); } }, { draft: kept })).rejects.toThrow();
    expect(asked[0]).toMatch(/^ovh\.openrc \(there is no file/);
  });

  it('takes the text of the file, keeps what it says and not the text, and asks nothing of it again', async () => {
    const { authUrl, username } = cloud.credentials();
    const text = ['#!/bin/bash', `export OS_AUTH_URL=${authUrl}`, 'export OS_PROJECT_ID=0123abcd', `export OS_USERNAME=${username}`, `export OS_PASSWORD='${cloud.password}'`, 'export OS_REGION_NAME=GRA9', ''].join('\n');
    let kept: Answers = {};
    const broken = talk({ 'ovh.openrc': [`rubbish\n${'x'.repeat(2000)}`, text], get 'ovh.flavor'(): string[] { throw new Error('Ctrl-C'); } }, { keep: async (typed) => void (kept = typed) });
    await expect(broken).rejects.toThrow('Ctrl-C');
    expect(about('ovh.openrc')[1]).toMatch(/^ovh\.openrc \(.{1,200}\n/);
    expect(kept).toEqual({ 'ovh.openrc': '', 'ovh.authUrl': authUrl, 'ovh.project': '0123abcd', 'ovh.username': username, 'ovh.userDomain': 'Default', 'ovh.region': 'GRA9' });
    asked = [];
    await talk({ 'ovh.password': [cloud.password], 'ovh.backups': ['elsewhere'] }, { draft: kept });
    expect(keys().slice(0, 3)).toEqual(['ovh.password', 'ovh.region', 'ovh.flavor']);

    const { answers, config } = await talk({ 'ovh.openrc': [text], 'ovh.backups': ['elsewhere'] });
    expect(answers).toMatchObject({ 'ovh.authUrl': authUrl, 'ovh.password': cloud.password });
    expect(answers).not.toHaveProperty(['ovh.openrc']);
    expect(config.target === 'ovh' && config.ovh.openrc).toBeUndefined();
    const given = await collectAnswers({ flags: { target: 'ovh', domain: 'tilleuls.example.be', 'ovh.backups': 'elsewhere', ...BUCKET }, environment: { KOPROGO_OPENRC: text } }, { acceptFallbacks: true, live: live() });
    expect(given.answers).not.toHaveProperty(['ovh.openrc']);
    expect(given.answers).toMatchObject({ 'ovh.username': username });
  });

  it('shows neither a password nor two kilobytes of what was given wrongly', async () => {
    const wrong = collectAnswers({ flags: { target: 'ovh', domain: 'x'.repeat(2000) }, environment: { KOPROGO_OPENRC: 'OS_PASSWORD=planted-pa55\nOS_AUTH_URL=ftp://x' } }, { acceptFallbacks: true, live: live() });
    await expect(wrong).rejects.toThrow(/KOPROGO_OPENRC: line 2/);
    await expect(wrong).rejects.toThrow(/--domain: "x{59}…"/);
    await expect(wrong).rejects.not.toThrow(/planted/);
  });

  it('takes everything from flags and variables where nobody can be asked; a wrong file is one error with the rest', async () => {
    const flags = { target: 'ovh', domain: 'tilleuls.example.be', 'ovh.openrc': openrc, 'ovh.backups': 'elsewhere', ...BUCKET };
    const { config } = await collectAnswers({ flags, environment: { OS_PASSWORD: cloud.password } }, { acceptFallbacks: true, live: live() });
    expect(config).toMatchObject({ ovh: { username: cloud.credentials().username, region: 'GRA9', flavor: 'd2-4' } });
    const context = createContext({ name: 'tilleuls', state: (await testStore()).documents('tilleuls'), config, reporter: new RecordingReporter(), patience: 1 });
    expect((await context.target.describeSetup()).join('\n')).toContain('GRA9');
    expect(await context.target.machine()).toBeUndefined();
    const wrong = collectAnswers({ flags: { ...flags, 'ovh.openrc': folder, 'ovh.flavor': 'a b' }, environment: { OS_PASSWORD: 'x' } }, { acceptFallbacks: true, live: live() });
    await expect(wrong).rejects.toThrow(InputError);
    await expect(wrong).rejects.toThrow(/--openrc: .* is a folder[^]*--flavor: "a b" must be a size/);
  });

  it('takes a project by its name, where the file has no id', async () => {
    const { authUrl, username } = cloud.credentials();
    writeOpenRc(`OS_AUTH_URL=${authUrl}`, 'OS_PROJECT_NAME="a@b c"', 'OS_PROJECT_DOMAIN_ID=default', `OS_USERNAME=${username}`, 'OS_USER_DOMAIN_ID=default');
    const flags = { target: 'ovh', domain: 'tilleuls.example.be', 'ovh.openrc': openrc, 'ovh.region': 'GRA9', 'ovh.backups': 'elsewhere', ...BUCKET };
    const { config } = await collectAnswers({ flags, environment: { OS_PASSWORD: cloud.password } }, { acceptFallbacks: true, live: live() });
    expect(config).toMatchObject({ ovh: { project: { name: 'a@b c', domain: { id: 'default' } }, userDomain: { id: 'default' } } });
  });

  it('leaves variables of other programs alone where they do not apply', async () => {
    const { config } = await collectAnswers({ flags: { target: 'sandbox' }, environment: { OS_PASSWORD: 'x', OVH_ENDPOINT: 'ovh-eu' } }, { acceptFallbacks: true });
    expect(config).toMatchObject({ target: 'sandbox' });
  });
});
