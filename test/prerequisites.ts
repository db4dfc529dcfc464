import { execFileSync } from 'node:child_process';

/** The real parts that tests run against, as Debian packages, and one program that shows that each is there. */
const REAL_PARTS: Readonly<Record<string, string>> = {
  'openssh-server': '/usr/sbin/sshd',
  gnupg: '/usr/bin/gpg',
  'postgresql-15': '/usr/lib/postgresql/15/bin/postgres',
  radosgw: '/usr/bin/radosgw',
  'ceph-mon': '/usr/bin/ceph-mon',
  'ceph-osd': '/usr/bin/ceph-osd',
  'ceph-mgr': '/usr/bin/ceph-mgr',
  'ceph-common': '/usr/bin/radosgw-admin',
};

/** Installs what is missing, once before all tests; says what is left out where that cannot be done. */
export default function installRealParts(): void {
  const missing = Object.entries(REAL_PARTS)
    .filter(([, program]) => !present(program))
    .map(([name]) => name);
  if (missing.length === 0) return;
  if (process.getuid?.() !== 0) {
    console.warn(`Tests against these real parts are left out, because they are not installed: ${missing.join(', ')}`);
    return;
  }
  console.log(`Installing what the tests need: ${missing.join(' ')}`);
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) => execFileSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: environment });
  apt('update');
  apt('install', '-y', '--no-install-recommends', ...missing);
}

function present(program: string): boolean {
  try {
    execFileSync('test', ['-x', program]);
    return true;
  } catch {
    return false;
  }
}
