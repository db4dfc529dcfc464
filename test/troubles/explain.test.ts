import { afterEach, describe, expect, it } from 'vitest';
import { CommandFailed } from '../../src/edges/command.js';
import { InfraError, InputError } from '../../src/errors.js';
import { CATALOGUE } from '../../src/troubles/catalogue.js';
import { everythingAbout, explained, isVerbose, troublesOf } from '../../src/troubles/explain.js';
import { flatten, recognise } from '../../src/troubles/recognise.js';
import { speak } from '../../src/words.js';

const LOCKED = ['Reading package lists...', 'Building dependency tree...', 'Reading state information...', 'E: Could not get lock /var/lib/dpkg/lock-frontend. It is held by process 812 (unattended-upgr)', 'E: Unable to acquire the dpkg frontend lock (/var/lib/dpkg/lock-frontend), is another process using it?'].join('\n');
const failed = (stderr: string, stdout = '') => new CommandFailed({ argv: ['apt-get', 'install', 'ufw'], purpose: 'install ufw' }, { exitCode: 100, stdout, stderr }, 'the server 203.0.113.7');

/** What these programs print when all is well. */
const HARMLESS = [
  `Initializing the backend...
Successfully configured the backend "http"! Terraform will automatically
use this backend unless the backend configuration changes.
- Installed terraform-provider-openstack/openstack v3.4.0 (signed by a HashiCorp partner, key ID 4F80527A391BEFD2)
Terraform has been successfully initialized!
Plan: 12 to add, 0 to change, 0 to destroy.
openstack_compute_instance_v2.server: Creating...
openstack_compute_instance_v2.server: Still creating... [10s elapsed]
Apply complete! Resources: 12 added, 0 changed, 0 destroyed.`,
  `Reading package lists...
The following NEW packages will be installed:
  hello liberror-perl
Get:1 http://deb.debian.org/debian bookworm/main amd64 hello amd64 2.10-3 [53.1 kB]
Fetched 53.1 kB in 0s (310 kB/s)
Setting up hello (2.10-3) ...
Processing triggers for man-db (2.11.2-2) ...`,
  ` Network koprogo_default  Created
 Container koprogo-postgres-1  Started
 Container koprogo-postgres-1  Healthy
postgres-1  | LOG:  database system is ready to accept connections
traefik-1   | time="2026-11-23T08:17:34Z" level=info msg="Starting provider *acme.Provider"`,
  'status: done\nboot_status_code: enabled-by-generator\nerrors: []',
  'the disk is full',
];

afterEach(() => {
  speak('en');
});

describe('recognise', () => {
  it.each(HARMLESS)('finds nothing in what is printed when all is well: %.40s', (text) => {
    expect(recognise(text)).toEqual([]);
  });

  it('finds at most one trouble of an area and three in all, and general ones only by themselves', () => {
    const found = recognise(`${LOCKED}\nE: Unable to locate package x\nmanifest unknown\nstatus: error\nHost key verification failed.\ncurl: (6) Could not resolve host: a.example`);
    expect(found.map(({ id }) => id)).toEqual(['docker.image-missing', 'cloud-init.error', 'apt.unknown-package'].map((id) => (id.startsWith('apt') ? 'apt.locked' : id)));
  });

  it('lets nothing through that steers a terminal, and quotes little', () => {
    const [trouble] = recognise(`Unable to find flavor with name ${'d'.repeat(400)}`);
    expect(trouble?.cause.length).toBeLessThan(200);
    const [quota] = recognise('Quota exceeded for resources: [\u0007\u009b31m\u202esecurity_group]');
    expect(quota?.cause).not.toMatch(/[\u0007\u009b\u202e]/);
  });

  it('finds words at the end of a text of many megabytes', () => {
    expect(recognise(`${'x\n'.repeat(4_000_000)}${LOCKED}`)).toHaveLength(1);
  });

  it('takes time in proportion to hostile text, which is looked at in full here', () => {
    const lures = ['a', 'a ', '"', "'", '/', '(', 'a.b-c/', 'DNS problem: ', 'Bind for 0', 'S3 ', 'failed to copy ', 'urn:ietf:params:acme:error:connection :: ', 'lookup a.', 'Get "https://a', 'Invalid response from http://a/', 'Permissions 0644 for \'a', 'no SSH connection to '];
    const spent = (length: number) => {
      const texts = lures.map((lure) => lure.repeat(Math.ceil(length / lure.length)));
      const start = process.hrtime.bigint();
      for (const text of texts) {
        const flat = flatten(text);
        for (const { pattern } of CATALOGUE) pattern.exec(flat);
      }
      return Number(process.hrtime.bigint() - start);
    };
    const best = (length: number) => Math.min(spent(length), spent(length), spent(length));
    best(4096);
    // Twice and a half for a noisy machine; a quadratic pattern takes sixteen times as long.
    expect(best(4 * 16_384) / best(16_384)).toBeLessThan(4 * 2.5);
  });
});

describe('a failure, explained', () => {
  it('says what failed, a few last lines, the cause, and what helps before the hints that it came with', () => {
    const shown = explained(failed(LOCKED), false);
    expect(shown.message.split('\n')).toEqual([
      'could not install ufw on the server 203.0.113.7: exit status 100',
      '…',
      'Reading state information...',
      ...LOCKED.split('\n').slice(-2),
      'Cause: another program is installing packages: on a new server mostly its own automatic updates',
    ]);
    expect(shown.hints).toEqual(['wait ten minutes and type the same command again; never delete the lock files', 'the same command with --verbose shows all that was printed']);
    expect(shown.exitCode).toBe(3);
  });

  it('says it in French', () => {
    speak('fr');
    const { message, hints } = explained(failed(LOCKED), false);
    expect(message).toContain('Cause : un autre programme installe des paquets');
    expect(hints.at(-1)).toContain('--verbose montre tout');
  });

  it('reads all that was printed, also what stands before the last lines', () => {
    expect(troublesOf(failed(`${LOCKED}\n${'and so on\n'.repeat(100)}`)).map(({ id }) => id)).toEqual(['apt.locked']);
    expect(troublesOf(failed('some warning', 'E: Unable to locate package x')).map(({ id }) => id)).toEqual(['apt.unknown-package']);
  });

  it('reads causes, but not behind an error that has hints: it was translated where more is known', () => {
    const cause = new Error('getaddrinfo ENOTFOUND doesnotexist.invalid');
    expect(troublesOf(new InfraError('no answer', { cause })).map(({ id }) => id)).toEqual(['dns.not-found']);
    expect(troublesOf(new InfraError('no answer', { cause, hints: ['check the name'] }))).toEqual([]);
    const circle = new Error('round');
    circle.cause = circle;
    expect(troublesOf(new InfraError('round', { cause: circle }))).toEqual([]);
  });

  it('leaves what it does not know, and its many lines, as they are', () => {
    const error = new InputError('missing:\na\nb\nc\nd\ne', { hints: ['--help'] });
    expect(explained(error, false)).toBe(error);
  });

  it('with --verbose shows all of the message and of the output, printable, and nothing of what went in', () => {
    const error = new CommandFailed({ argv: ['true'], input: 'a secret' }, { exitCode: 1, stdout: '\u001b[31mout\u0007', stderr: `first\n${LOCKED}\n${'more\n'.repeat(20)}` }, 'this computer');
    expect(explained(error, true).message).not.toContain('…');
    expect(explained(error, true).hints.join()).not.toContain('--verbose');
    const all = everythingAbout(error);
    expect(all).toContain('[31mout');
    expect(all).toContain('\nfirst\n');
    expect(all).not.toMatch(/a secret|\u001b|\u0007/);
  });

  it.each([
    [['status', '--verbose'], {}, true],
    [['ssh', '--', 'ls', '--verbose'], {}, false],
    [['status'], { KOPROGO_VERBOSE: '1' }, true],
    [['status'], { KOPROGO_VERBOSE: '' }, false],
  ] as const)('%j in %j: verbose %s', (argv, environment, expected) => {
    expect(isVerbose(argv, environment)).toBe(expected);
  });
});
