import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../src/edges/command.js';
import { baselineStep } from '../../src/server/baseline.js';
import { baselineFiles, settingsOf, sshdFile } from '../../src/server/baseline-files.js';
import { SERVER_PACKAGES } from '../../src/server/packages.js';
import { readTemplate } from '../../src/server/templates.js';
import { recordingProgress } from './recording-progress.js';
import { joined, ScriptedHost } from './scripted-host.js';

const LOOK = 'look at the server baseline';
const WRITTEN = 1_795_000_000;

const hash = (content: unknown) => createHash('sha256').update(String(content)).digest('hex');
const GOOD_FILES = [...baselineFiles(), sshdFile()].map((file) => `${hash(file.content)} 0644 root:root 0:0 ${file.path}`).join('\n');
const GOOD_PACKAGES = SERVER_PACKAGES.map((name) => `${name} installed`).join('\n');
const unit = (name: string, active = 'active', enabled = 'enabled') => `Id=${name}\nActiveState=${active}\nUnitFileState=${enabled}\n`;
const GOOD_UNITS = [
  ...['koprogo-firewall.service', 'fail2ban.service', 'unattended-upgrades.service', 'apt-daily.timer', 'apt-daily-upgrade.timer', 'systemd-timesyncd.service'].map((name) => unit(name)),
  ...['chrony.service', 'ntpsec.service', 'openntpd.service', 'ufw.service', 'firewalld.service', 'nftables.service', 'netfilter-persistent.service'].map((name) => unit(name, 'inactive', '')),
].join('\n');
const GOOD_FACTS = [
  'firewall loaded',
  'jail sshd',
  ...[...settingsOf(readTemplate('server/sshd.conf'))].map(([name, value]) => `sshd ${name.toLowerCase()} ${value.replace('prohibit-password', 'without-password')}`),
  `sshd-written ${WRITTEN}`,
  `sshd-loaded ${WRITTEN + 2}`,
  ...[...settingsOf(readTemplate('server/sysctl.conf'))].map(([name, value]) => `sysctl ${name} = ${value}`),
  'core-limit 0',
  'apt APT::Periodic::Unattended-Upgrade "1";',
  'apt Unattended-Upgrade::Origins-Pattern "";',
  'apt Unattended-Upgrade::Origins-Pattern:: "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";',
].join('\n');

const good = { files: GOOD_FILES, packages: GOOD_PACKAGES, units: GOOD_UNITS, facts: GOOD_FACTS };
const probe = (state: typeof good) => joined(state.files, state.packages, state.units, state.facts);
const stepOn = (host: Host, progress = recordingProgress()) => baselineStep({ server: async () => host, progress });

function changed(part: keyof typeof good, from: string | RegExp, to: string): typeof good {
  const text = good[part].replace(from, to);
  expect(text).not.toBe(good[part]);
  return { ...good, [part]: text };
}

describe('baselineStep check', () => {
  it('is done with one command when the server is as it must be', async () => {
    const host = new ScriptedHost({ [LOOK]: probe(good) });
    expect(await stepOn(host).check()).toMatchObject({ state: 'done' });
    expect(host.asked.length).toBe(1);
  });

  it.each<[string, keyof typeof good, string | RegExp, string, string]>([
    ['a package is missing', 'packages', 'fail2ban installed', 'fail2ban not-installed', 'install 1 packages: fail2ban'],
    ['a file was edited', 'files', hash(readTemplate('server/firewall.nft')), hash('flush ruleset'), 'write /etc/koprogo/firewall.nft'],
    ['a file lost its mode', 'files', '0644 root:root', '0666 root:root', 'write /etc/koprogo/firewall.nft'],
    ['the rules are not in the kernel', 'facts', 'firewall loaded\n', '', 'load the firewall'],
    ['fail2ban runs without its jail', 'facts', 'jail sshd\n', '', 'let fail2ban watch sshd'],
    ['fail2ban is stopped', 'units', unit('fail2ban.service'), unit('fail2ban.service', 'failed'), 'start fail2ban.service'],
    ['the firewall does not come at boot', 'units', unit('koprogo-firewall.service'), unit('koprogo-firewall.service', 'active', 'disabled'), 'enable koprogo-firewall.service at boot'],
    ['no clock is kept', 'units', unit('systemd-timesyncd.service'), unit('systemd-timesyncd.service', 'inactive'), 'start systemd-timesyncd.service'],
    ['another file lets passwords in', 'facts', 'sshd passwordauthentication no', 'sshd passwordauthentication yes', "set sshd's PasswordAuthentication to no"],
    ['sshd has not read its file again', 'facts', `sshd-loaded ${WRITTEN + 2}`, `sshd-loaded ${WRITTEN - 1}`, 'let sshd read its settings again'],
    ['plain swap is on', 'facts', 'core-limit', 'swap /dev/sda2\ncore-limit', 'turn off the plain swap /dev/sda2'],
    ['plain swap comes at boot', 'facts', 'core-limit', 'fstab-swap UUID=1\ncore-limit', 'take the plain swap UUID=1 out of /etc/fstab'],
    ['a sysctl is otherwise', 'facts', 'sysctl fs.suid_dumpable = 0', 'sysctl fs.suid_dumpable = 2', 'set fs.suid_dumpable to 0'],
    ['services may dump core', 'facts', 'core-limit 0', 'core-limit infinity', 'forbid core dumps of services'],
    ['updates are off', 'facts', 'Unattended-Upgrade "1"', 'Unattended-Upgrade "0"', 'turn on unattended security updates'],
    ['updates are not for security only', 'facts', /$/, '\napt Unattended-Upgrade::Origins-Pattern:: "origin=Debian";', 'limit unattended updates to security'],
  ])('is needed when %s', async (_, part, from, to, change) => {
    const result = await stepOn(new ScriptedHost({ [LOOK]: probe(changed(part, from, to)) })).check();
    expect(result).toEqual({ state: 'needed', changes: [change] });
  });

  it('accepts a kernel without one of the settings, and another clock', async () => {
    const state = changed('facts', /sysctl kernel\.yama.*\n/, '');
    const units = good.units.replace(unit('systemd-timesyncd.service'), unit('systemd-timesyncd.service', 'inactive', '')).replace(unit('chrony.service', 'inactive', ''), unit('chrony.service'));
    const packages = `${good.packages.replace('systemd-timesyncd installed', '')}\nchrony installed`;
    expect(await stepOn(new ScriptedHost({ [LOOK]: probe({ ...state, units, packages }) })).check()).toMatchObject({ state: 'done' });
  });

  it.each(['ufw.service', 'nftables.service'])('is blocked by %s, which would fight with it', async (name) => {
    const state = changed('units', unit(name, 'inactive', ''), unit(name, 'inactive', 'enabled'));
    expect(await stepOn(new ScriptedHost({ [LOOK]: probe(state) })).check()).toMatchObject({ state: 'blocked', hints: [expect.stringContaining('disable')] });
  });

  it('finds everything to do on a server that answers nothing', async () => {
    expect(await stepOn(new ScriptedHost({ [LOOK]: joined('', '', '', '') })).check()).toMatchObject({ state: 'needed' });
  });
});

describe('baselineStep apply', () => {
  const SWITCH = 'switch the server baseline on';

  it('installs, writes and switches on what is missing, and sshd last', async () => {
    const nothing = joined('', '', '', 'swap /swapfile');
    const progress = recordingProgress();
    const install = `install ${SERVER_PACKAGES.length} packages`;
    const write = `write ${baselineFiles().map(({ path }) => path).join(', ')}`;
    const host = new ScriptedHost({
      [LOOK]: nothing,
      [install]: 'Get:1 http://deb.test trixie/main amd64 jq amd64 1.7\nUnpacking jq (1.7) ...\nSetting up jq (1.7) ...\n',
      [write]: '',
      'turn plain swap off': '/swapfile\n',
      [SWITCH]: '',
      'harden sshd': '',
    });
    await stepOn(host, progress).apply();
    expect(host.purposes).toEqual([LOOK, install, write, 'turn plain swap off', SWITCH, 'harden sshd']);
    expect(host.asked.slice(1).every(({ root }) => root)).toBe(true);
    expect(host.asked.at(-1)?.input).toBe(readTemplate('server/sshd.conf'));
    expect(progress.notes).toEqual([`Installing ${SERVER_PACKAGES.length} packages`, expect.stringContaining('Plain swap turned off (/swapfile)')]);
    expect(progress.updates).toContainEqual({ label: 'installing packages: jq', amount: { done: 1, unit: 'items' } });
  });

  it('changes no more than needed', async () => {
    const host = new ScriptedHost({ [LOOK]: probe(changed('facts', 'firewall loaded\n', '')), [SWITCH]: '' });
    await stepOn(host).apply();
    expect(host.purposes).toEqual([LOOK, SWITCH]);
  });

  it('says that sshd stays as it was when it refuses the settings', async () => {
    const host = new ScriptedHost({
      [LOOK]: probe(changed('facts', 'sshd maxauthtries 5', 'sshd maxauthtries 6')),
      [SWITCH]: '',
      'harden sshd': { exitCode: 65, stderr: 'sshd refuses the new settings, which were not installed: Bad configuration option' },
    });
    await expect(stepOn(host).apply()).rejects.toMatchObject({ message: expect.stringMatching(/stays as it was: .*Bad configuration option/) as string, hints: expect.arrayContaining(['on the server: sudo sshd -t']) as string[] });
  });

  it('names what stands in the way of the packages', async () => {
    const host = new ScriptedHost({
      [LOOK]: probe(changed('packages', 'docker.io installed', '')),
      'install 1 packages': { exitCode: 100, stderr: 'E: Packages need to be removed but remove is disabled.' },
    });
    await expect(stepOn(host).apply()).rejects.toMatchObject({ hints: [expect.stringContaining('docker-ce'), expect.any(String)] });
  });
});
