import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { doctor } from '../../src/commands/doctor.js';
import { EXIT } from '../../src/errors.js';
import { speak } from '../../src/words.js';
import { OpenStackStandIn } from '../targets/ovh/openstack/openstack-server.js';

let cloud: OpenStackStandIn;
let folder: string;
let said: string;
beforeEach(async () => {
  cloud = await OpenStackStandIn.start();
  folder = mkdtempSync(join(tmpdir(), 'koprogo-doctor-'));
  said = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation(() => true);
  vi.stubEnv('OS_PASSWORD', cloud.password);
});
afterEach(() => {
  speak('en');
  cloud.stop();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  expect(cloud.surprises).toEqual([]);
});

function openRc({ region = 'GRA9', username = 'user-abcdef123456' } = {}): string {
  const path = join(folder, 'openrc.sh');
  writeFileSync(path, `export OS_AUTH_URL=${cloud.origin}/identity/v3\nexport OS_PROJECT_ID=0123abcd\nexport OS_USER_DOMAIN_NAME="Default"\nexport OS_USERNAME="${username}"\nexport OS_REGION_NAME="${region}"\n`);
  return path;
}

const run = (options: Record<string, unknown>, file = openRc()) => doctor({ arguments: [], options: { openrc: file, ...options } });

it('finds a project that has everything', async () => {
  expect(await run({ json: true })).toBe(EXIT.ok);
  const { findings } = JSON.parse(said) as { findings: { id: string; state: string }[] };
  expect(findings).toHaveLength(15);
  expect(findings.filter(({ state }) => state !== 'ok')).toEqual([]);
  expect(said).not.toContain(cloud.password);
});

it('says what is missing with the way out, in either language', async () => {
  cloud.roles = ['network_security_operator'];
  expect(await run({})).toBe(EXIT.usage);
  expect(said).toMatch(/MISSING {2}roles of the user: these are missing: administrator/);
  said = '';
  speak('fr');
  expect(await run({})).toBe(EXIT.usage);
  expect(said).toMatch(/MANQUE {3}rôles de l’utilisateur/);
});

it('lists the regions where the file names none, and takes another by flag', async () => {
  await expect(run({}, openRc({ region: '' }))).rejects.toMatchObject({ exitCode: EXIT.usage, hints: [expect.stringMatching(/GRA11.*GRA9|GRA9.*GRA11/), expect.anything()] });
  expect(await run({ region: 'SBG5' }, openRc({ region: '' }))).toBe(EXIT.ok);
});

it('refuses what is no OpenRC file, in the language that was asked for, and one that says too little', async () => {
  const path = join(folder, 'page.html');
  writeFileSync(path, '<html>');
  await expect(run({}, path)).rejects.toThrow('this is a web page');
  speak('fr');
  await expect(run({}, path)).rejects.toThrow('c’est une page web');
  speak('en');
  writeFileSync(path, 'export OS_USERNAME=user-abcdef123456\n');
  await expect(run({}, path)).rejects.toThrow('the OpenRC file does not set OS_AUTH_URL, OS_PROJECT_ID');
});

it('refuses flags that only mean something with an OpenRC file', async () => {
  await expect(doctor({ arguments: [], options: { flavor: 'd2-2' } })).rejects.toThrow('--flavor: of use only with --openrc');
});

it('refuses a wrong password and a login without a password', async () => {
  vi.stubEnv('OS_PASSWORD', 'wrong');
  expect(await run({})).toBe(EXIT.usage);
  expect(said).toMatch(/MISSING {2}login of user-abcdef123456: .*401/);
  vi.stubEnv('OS_PASSWORD', '');
  await expect(run({})).rejects.toThrow('no terminal to ask at');
});
