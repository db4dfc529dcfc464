import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { generateSshKey } from '../../src/keys/ssh-key.js';
import { metaData, userData } from '../../src/server/cloud-init.js';

const hostKey = generateSshKey('host');
const publicKey = generateSshKey('operator@home "quoted": # not a comment').publicKey;
const firstBoot = { hostname: 'koprogo-a', user: 'debian', publicKey, hostKey };

it('carries the operator and exactly the one host key', () => {
  const text = userData(firstBoot).reveal();
  expect(text.startsWith('#cloud-config\n')).toBe(true);
  expect(parse(text)).toEqual({
    hostname: 'koprogo-a',
    manage_etc_hosts: 'localhost',
    users: [{ name: 'debian', gecos: 'Operator', groups: ['adm', 'sudo'], sudo: 'ALL=(ALL) NOPASSWD:ALL', shell: '/bin/bash', lock_passwd: true, ssh_authorized_keys: [publicKey] }],
    disable_root: true,
    ssh_pwauth: false,
    ssh_deletekeys: true,
    ssh_keys: { ed25519_private: hostKey.privateKey.reveal(), ed25519_public: hostKey.publicKey },
    no_ssh_fingerprints: true,
    package_update: false,
    package_upgrade: false,
  });
});

it('is printed nowhere', () => {
  expect(`${String(userData(firstBoot))} ${JSON.stringify(userData(firstBoot))}`).toBe('[redacted] "[redacted]"');
});

it.each([
  [{ publicKey: '' }, 'not an SSH public key'],
  [{ publicKey: '-----BEGIN OPENSSH PRIVATE KEY-----' }, 'not an SSH public key'],
  [{ publicKey: `${publicKey}\nssh-ed25519 AAAA second` }, 'not an SSH public key'],
  [{ publicKey: `command="x" ${publicKey}` }, 'not an SSH public key'],
  [{ hostname: 'a;reboot' }, 'not a host name'],
  [{ hostname: '$(id)' }, 'not a host name'],
])('refuses %j', (wrong, message) => {
  expect(() => userData({ ...firstBoot, ...wrong })).toThrow(message);
});

it('names the instance, so that a second boot changes nothing', () => {
  expect(parse(metaData('1c6f'))).toEqual({ 'instance-id': '1c6f' });
});
