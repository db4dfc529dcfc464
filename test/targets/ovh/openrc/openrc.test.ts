import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { OpenRcError } from '../../../../src/targets/ovh/openrc/openrc-error.js';
import { type OpenRc, parseOpenRc, readOpenRc } from '../../../../src/targets/ovh/openrc/openrc.js';

const directory = mkdtempSync(join(tmpdir(), 'openrc-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

/** As the OVH manager hands it out. */
const OVH = `#!/usr/bin/env bash
# To use an Openstack cloud you need to authenticate against keystone.
export OS_AUTH_URL=https://auth.cloud.ovh.net/v3
export OS_IDENTITY_API_VERSION=3
export OS_USER_DOMAIN_NAME=\${OS_USER_DOMAIN_NAME:-"Default"}
export OS_PROJECT_DOMAIN_NAME=\${OS_PROJECT_DOMAIN_NAME:-"Default"}
# With the addition of Keystone we have standardized on the term **tenant**
export OS_TENANT_ID=0123456789abcdef0123456789abcdef
export OS_TENANT_NAME="1234567890123456"
export OS_USERNAME="user-AbCdEf123456"
# With Keystone you pass the keystone password.
echo "Please enter your OpenStack Password: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
export OS_REGION_NAME="GRA9"
if [ -z "$OS_REGION_NAME" ]; then unset OS_REGION_NAME; fi
`;

/** As Horizon hands it out. */
const STOCK = `#!/usr/bin/env bash
export OS_AUTH_URL=https://cloud.example.org:5000
export OS_PROJECT_ID=0123456789abcdef0123456789abcdef
export OS_PROJECT_NAME="it's mine"
export OS_USER_DOMAIN_NAME="Company"
if [ -z "$OS_USER_DOMAIN_NAME" ]; then unset OS_USER_DOMAIN_NAME; fi
export OS_PROJECT_DOMAIN_ID="default"
if [ -z "$OS_PROJECT_DOMAIN_ID" ]; then unset OS_PROJECT_DOMAIN_ID; fi
unset OS_TENANT_ID
unset OS_TENANT_NAME
export OS_USERNAME="alice"
echo "Please enter your OpenStack Password for project $OS_PROJECT_NAME as user $OS_USERNAME: "
read -sr OS_PASSWORD_INPUT
export OS_PASSWORD=$OS_PASSWORD_INPUT
export OS_REGION_NAME=""
if [ -z "$OS_REGION_NAME" ]; then unset OS_REGION_NAME; fi
export OS_INTERFACE=public
export OS_IDENTITY_API_VERSION=3
`;

const ids = ({ warnings }: OpenRc) => warnings.map(({ id }) => id);
const refusal = (text: string): OpenRcError => {
  try {
    parseOpenRc(text);
  } catch (error) {
    if (error instanceof OpenRcError) return error;
    throw error;
  }
  throw new Error(`read without complaint: ${text}`);
};

describe('an OpenRC file', () => {
  it("of OVH is read, and its password asked for", () => {
    const found = parseOpenRc(OVH);
    expect(found).toEqual({
      values: {
        authUrl: 'https://auth.cloud.ovh.net/v3',
        projectId: '0123456789abcdef0123456789abcdef',
        projectName: '1234567890123456',
        userDomain: { name: 'Default' },
        projectDomain: { name: 'Default' },
        username: 'user-AbCdEf123456',
        region: 'GRA9',
        identityApiVersion: '3',
      },
      missing: ['password'],
      warnings: [],
    });
  });

  it('of stock OpenStack is read', () => {
    const found = parseOpenRc(STOCK);
    expect(found.values).toEqual({
      authUrl: 'https://cloud.example.org:5000/v3',
      projectId: '0123456789abcdef0123456789abcdef',
      projectName: "it's mine",
      userDomain: { name: 'Company' },
      projectDomain: { id: 'default' },
      username: 'alice',
      interface: 'public',
      identityApiVersion: '3',
    });
    expect(found.missing).toEqual(['password', 'region']);
    expect(ids(found)).toEqual(['openrc.emptyRegion']);
  });

  it('with Windows line ends, a byte order mark and blanks around is the same', async () => {
    const found = await readOpenRc(`\n\uFEFF${OVH}`.trimStart().replaceAll('\n', '\r\n'));
    expect(found).toEqual(parseOpenRc(OVH));
    writeFileSync(join(directory, 'windows.sh'), `\uFEFF${OVH.replaceAll('\n', '\r\n')}`);
    expect(await readOpenRc(` '${join(directory, 'windows.sh')}' `)).toEqual(found);
  });

  it('with a password is used, and the advice is given to delete it', async () => {
    const path = join(directory, 'password.sh');
    writeFileSync(path, OVH.replace('$OS_PASSWORD_INPUT', `'p"a$s'`));
    const found = await readOpenRc(path);
    expect(found.values.password?.reveal()).toBe('p"a$s');
    expect(found.missing).toEqual([]);
    expect(found.warnings).toEqual([{ id: 'openrc.passwordInside', with: { path } }]);
    expect(inspect(found, { depth: 9 }) + JSON.stringify(found)).not.toContain('p"a$s');
  });

  it.each([
    ['version 2', OVH.replace('/v3', '/v2.0/'), 'openrc.version2'],
    ['an e-mail address as user', OVH.replace('user-AbCdEf123456', 'me@example.org'), 'openrc.managerAccount'],
    ['the account as user', OVH.replace('user-AbCdEf123456', 'ab12345-ovh'), 'openrc.managerAccount'],
    ['another interface', `${OVH}export OS_INTERFACE=internal\n`, 'openrc.interface'],
    ['an empty region', OVH.replace('"GRA9"', '""'), 'openrc.emptyRegion'],
  ])('with %s is warned of', (_, text, id) => {
    const found = parseOpenRc(text);
    expect(ids(found)).toEqual([id]);
    expect(found.values.authUrl).toBe('https://auth.cloud.ovh.net/v3');
  });

  it('says what is missing', () => {
    expect(parseOpenRc('OS_REGION_NAME=GRA9').missing).toEqual(['authUrl', 'project', 'username', 'password']);
  });

  it('asks only when the environment would: a password that is not there', () => {
    const text = `export OS_USERNAME=u\nif [ -z "\${OS_PASSWORD:-}" ]; then\n printf 'Password of %s: ' "$OS_USERNAME" >&2\n read -rs OS_PASSWORD; echo >&2\nfi\nexport OS_PASSWORD`;
    expect(parseOpenRc(text).missing).toContain('password');
    expect(parseOpenRc(`OS_PASSWORD=x\n${text}`).values.password?.reveal()).toBe('x');
  });
});

describe('what would have to be executed', () => {
  it.each([
    ['OS_PASSWORD=$(pass show ovh)', 'shell.command'],
    ['OS_PASSWORD="a`cat /etc/passwd`"', 'shell.command'],
    ['PW=$(pass show ovh)\nexport OS_PASSWORD=$PW', 'shell.command'],
    ['export OS_PASSWORD="${X:-$(pass)}"', 'shell.command'],
    ['OS_PASSWORD=$((1 + 2))', 'shell.command'],
    ['read OS_PASSWORD < /root/password', 'shell.command'],
    ['OS_PASSWORD=${X^^}', 'shell.expansion'],
    ['OS_PASSWORD=$1', 'shell.expansion'],
    ['export OS_PASSWORD={a,b}', 'shell.expansion'],
    ['OS_PASSWORD=~/x', 'shell.tilde'],
    ['OS_PASSWORD=$HOME', 'shell.environment'],
    ['OS_PASSWORD=(a b)', 'shell.list'],
    ['if [ -f /etc/x ]; then OS_PASSWORD=a; fi', 'shell.condition'],
    ['grep -q x /etc/x && OS_PASSWORD=a', 'shell.condition'],
    [`OS_PASSWORD=$'\\xff'`, 'shell.escape'],
  ])('is refused by name and line: %s', (text, why) => {
    const before = 'export OS_REGION_NAME=GRA9\n\n';
    const { said, message } = refusal(before + text);
    expect(said).toMatchObject({ id: 'openrc.refused', with: { name: 'OS_PASSWORD', line: 3 + (text.split('\n').length - 1), why: { id: why } } });
    expect(message).toMatch(/^line \d: OS_PASSWORD cannot be read: /);
  });

  it.each(['f() {\n OS_A=b\n}', 'function f { OS_A=b; }', 'for i in 1; do OS_A=$i; done', 'case x in x) OS_A=1;; esac', '(OS_A=b)', '{ OS_A=b; }', 'eval "OS_A=b"', '. ./other.sh; OS_A=1', 'printf -v OS_A x', 'cat <<X\nOS_A=b\nX', 'OS_A=b; return', '$X OS_A=b', 'fi; OS_A=b', 'if true; then OS_A=b', 'OS_A="b', "OS_A='b", 'OS_A=${B', 'OS_A=$(b', `OS_A=${'${A:-'.repeat(30)}`])(
    'is refused where it stands: %j',
    (text) => {
      expect(refusal(text).message).toMatch(/line \d+/);
    },
  );

  it('names a function, and never what may be a password', () => {
    expect(refusal('ask() { :; }; OS_A=1').message).toContain('line 1: ask() has no place');
    expect(refusal('export OS_PASSWORD= secret(word').message).not.toContain('secret');
    expect(refusal('export OS_PASSWORD=secret(word').message).toBe('line 1: OS_PASSWORD cannot be read: it is a list');
  });

  it('is not executed', () => {
    const witness = join(directory, 'witness');
    for (const how of [`$(touch ${witness})`, `\`touch ${witness}\``, `a; touch ${witness}`, `<(touch ${witness})`]) {
      try {
        parseOpenRc(`OS_REGION_NAME=${how}\ntouch ${witness}`);
      } catch (error) {
        expect(error).toBeInstanceOf(OpenRcError);
      }
    }
    expect(() => execFileSync('test', ['-e', witness])).toThrow();
  });

  it('does not matter where no OS_ variable depends on it', () => {
    expect(parseOpenRc('HERE=$(pwd)\necho "$(date)"\n[ -f x ] && X=1\nexport OS_REGION_NAME=GRA9 PS1="[\\u@\\h \\W]$ "').values.region).toBe('GRA9');
  });
});

describe('values that cannot be right', () => {
  it.each(['OS_AUTH_URL=http://auth.cloud.ovh.net/v3', 'OS_AUTH_URL=auth.cloud.ovh.net', 'OS_AUTH_URL=https://me:secret-word@auth.cloud.ovh.net/v3', 'OS_AUTH_URL=https://secret-word@auth.cloud.ovh.net/v3', 'OS_AUTH_URL=file:///secret-word'])('%s', (text) => {
    const error = refusal(text);
    expect(error.said.id).toBe('openrc.badAuthUrl');
    expect(inspect(error, { depth: 9 })).not.toContain('secret-word');
  });

  it.each([`OS_REGION_NAME='secret word'`, `OS_TENANT_ID='secret-word/..'`, `OS_USERNAME=$'secret-word\\n'x`, `OS_PASSWORD="secret-word${'x'.repeat(2000)}"`])('%s, and are not shown', (text) => {
    const error = refusal(text);
    expect(error.said.id).toBe('openrc.badValue');
    expect(inspect(error, { depth: 9 })).not.toContain('secret');
  });
});

describe('what was given instead', () => {
  const file = (name: string, content: string | Buffer) => {
    writeFileSync(join(directory, name), content);
    return join(directory, name);
  };
  const sparse = (name: string, size: number) => {
    const path = file(name, '');
    truncateSync(path, size);
    return path;
  };
  const rubbish = Array.from({ length: 2048 }, (_, at) => String.fromCharCode(33 + ((at * 7919) % 94))).join('').replaceAll('OS_', 'xx');
  mkdirSync(join(directory, 'folder'));
  symlinkSync(join(directory, 'folder'), join(directory, 'link'));
  execFileSync('mkfifo', [join(directory, 'pipe')]);

  it.each([
    ['nothing', '  ', 'openrc.nothing'],
    ['2 KB of rubbish', rubbish, 'openrc.notOpenRc'],
    ['rubbish in lines', rubbish.replace(/.{60}/g, '$&\n'), 'openrc.notOpenRc'],
    ['a file of 5 MB', file('large', Buffer.alloc(5 * 1024 * 1024, 'OS_A=b\n')), 'openrc.tooLarge'],
    ['a file of 3 GiB', sparse('huge', 3 * 1024 ** 3), 'openrc.tooLarge'],
    ['5 MB of text', 'OS_A=b\n'.repeat(750_000), 'openrc.tooLarge'],
    ['a folder', join(directory, 'folder'), 'openrc.directory'],
    ['a link to a folder', join(directory, 'link'), 'openrc.directory'],
    ['a pipe', join(directory, 'pipe'), 'openrc.noFile'],
    ['a device', '/dev/null', 'openrc.noFile'],
    ['no file', join(directory, 'none'), 'openrc.notThere'],
    ['a file below a file', join(directory, 'large', 'x'), 'openrc.notThere'],
    ['a private key', file('id_ed25519', '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r\n-----END OPENSSH PRIVATE KEY-----\n'), 'openrc.privateKey'],
    ['a pasted private key', '-----BEGIN RSA PRIVATE KEY-----\nb3BlbnNzaC1r\n', 'openrc.privateKey'],
    ['a web page', file('openrc.html', '<!DOCTYPE html><html><body>OS_AUTH_URL=x</body></html>'), 'openrc.webPage'],
    ['an image', file('x.png', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0xff, 0xfe])), 'openrc.notText'],
    ['UTF-16', file('utf16', Buffer.from('\uFEFFOS_A=b', 'utf16le')), 'openrc.notText'],
    ['PowerShell', file('x.ps1', '$env:OS_AUTH_URL = "https://auth.cloud.ovh.net/v3"\n'), 'openrc.windows'],
    ['clouds.yaml', file('clouds.yaml', 'clouds:\n  ovh:\n    auth:\n      username: x\n'), 'openrc.cloudsYaml'],
    ['an empty file', file('empty', ''), 'openrc.notOpenRc'],
    ['a NUL', '/tmp/a\0b', 'openrc.notOpenRc'],
  ])('%s gives one clear error', async (_, given, id) => {
    const error: unknown = await readOpenRc(given).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(OpenRcError);
    expect((error as OpenRcError).said.id).toBe(id);
    expect((error as OpenRcError).hints.length).toBeGreaterThan(0);
    expect(inspect(error, { depth: 9 }).length).toBeLessThan(3000);
    expect((error as OpenRcError).message).not.toContain('b3BlbnNz');
  });

  it.skipIf(process.getuid?.() === 0)('a file that may not be read', async () => {
    const path = file('closed', OVH);
    chmodSync(path, 0);
    await expect(readOpenRc(path)).rejects.toMatchObject({ said: { id: 'openrc.notReadable' } });
  });
  if (process.getuid?.() === 0) console.warn('Left out: a file that may not be read. Root may read every file');
});
