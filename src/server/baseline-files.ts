import type { ManagedFile } from './files.js';
import { readTemplate } from './templates.js';

const file = (path: string, template: string): ManagedFile => ({ path, content: readTemplate(`server/${template}`), mode: '0644' });

export const FIREWALL_RULES = '/etc/koprogo/firewall.nft';
export const SSHD_DROP_IN = '/etc/ssh/sshd_config.d/00-koprogo.conf';

/** The baseline's files but sshd's, which is put in place by its own script: a wrong one locks everybody out. */
export function baselineFiles(): ManagedFile[] {
  return [
    file(FIREWALL_RULES, 'firewall.nft'),
    file('/etc/systemd/system/koprogo-firewall.service', 'koprogo-firewall.service'),
    file('/etc/fail2ban/jail.d/koprogo.local', 'fail2ban.local'),
    file('/etc/apt/apt.conf.d/90koprogo', 'apt-unattended.conf'),
    file('/etc/systemd/coredump.conf.d/90-koprogo.conf', 'coredump.conf'),
    file('/etc/systemd/system.conf.d/90-koprogo.conf', 'system.conf'),
    file('/etc/systemd/journald.conf.d/90-koprogo.conf', 'journald.conf'),
    file('/etc/security/limits.d/90-koprogo.conf', 'limits.conf'),
    // Later than 99-sysctl.conf, the link to /etc/sysctl.conf that some images have: the last value wins.
    file('/etc/sysctl.d/99-zz-koprogo.conf', 'sysctl.conf'),
  ];
}

export function sshdFile(): ManagedFile {
  return file(SSHD_DROP_IN, 'sshd.conf');
}

/** "name = value" or "Name value" lines without comments; a value's lists are compared as they stand. */
export function settingsOf(text: string): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of text.split('\n')) {
    const [, name, value] = /^\s*([A-Za-z][\w.]*)(?:\s*=\s*|\s+)(\S.*?)\s*$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings.set(name, value);
  }
  return settings;
}
