import { type Command, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { readTemplate } from './templates.js';
import { say } from './words.js';

/** Other packages that do the work of one of ours; Debian lets only one of them be installed. */
const INSTEAD: Readonly<Record<string, readonly string[]>> = {
  'systemd-timesyncd': ['chrony', 'ntpsec', 'openntpd'],
};

/** Reads which packages are installed. Read its output with `missingPackages`. */
export function queryPackages(packages: readonly string[]): Command {
  return {
    // dpkg-query exits 1 when it does not know one of the names; the others are still listed.
    ...script('dpkg-query -W -f \'${Package} ${db:Status-Status}\\n\' -- "$@" 2>/dev/null || true', ...packages, ...Object.values(INSTEAD).flat()),
    purpose: say('apt.list'),
  };
}

export function missingPackages(packages: readonly string[], stdout: string): string[] {
  const installed = new Set<string>();
  for (const line of stdout.split('\n')) {
    const [name, status] = line.split(' ');
    if (name !== undefined && status === 'installed') installed.add(name);
  }
  return packages.filter((name) => !installed.has(name) && !(INSTEAD[name] ?? []).some((other) => installed.has(other)));
}

/** Installs packages without recommends and without removing any; waits for dpkg's lock for up to 10 minutes. */
export function installPackages(packages: readonly string[], progress: Progress): Command {
  for (const name of packages) {
    if (!/^[a-z0-9][a-z0-9+.-]+$/.test(name)) throw new InfraError(say('apt.notPackage', { name }));
  }
  let unpacked = 0;
  return {
    ...script(readTemplate('server/install-packages.sh'), ...packages),
    root: true,
    timeout: 2400,
    purpose: say('apt.install', { count: packages.length }),
    onOutput: (text) => {
      for (const line of text.split('\n')) {
        const [, verb = '', what = ''] = /^(Get|Unpacking|Setting up)(?::\d+)?\s+(.{1,60})/.exec(line) ?? [];
        if (verb === 'Setting up') unpacked += 1;
        if (verb === '') continue;
        const label = verb === 'Get' ? say('apt.downloading') : say('apt.installing', { name: what.split(' ')[0] ?? '' });
        progress.update(label, { done: unpacked, unit: 'items' });
      }
    },
  };
}
