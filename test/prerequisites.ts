import { execFileSync } from 'node:child_process';
import { installMoto, motoUnavailable } from './fixtures/moto.js';

/** The real parts that tests run against, as Debian packages, and one program (or folder) that shows that each is there. */
const REAL_PARTS: Readonly<Record<string, string>> = {
  'python3-cryptography': '/usr/lib/python3/dist-packages/cryptography',
  'python3-prometheus-client': '/usr/lib/python3/dist-packages/prometheus_client',
  'openssh-server': '/usr/sbin/sshd',
  gnupg: '/usr/bin/gpg',
  'postgresql-15': '/usr/lib/postgresql/15/bin/postgres',
  'redis-server': '/usr/bin/redis-server',
  nsd: '/usr/sbin/nsd',
  'qemu-utils': '/usr/bin/qemu-img',
  nftables: '/usr/sbin/nft',
  iproute2: '/usr/sbin/ip',
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
  const moto = motoUnavailable();
  if (missing.length === 0 && moto === undefined) return;
  if (process.getuid?.() !== 0) {
    console.warn(`Tests against these real parts are left out, because they are not installed: ${[...missing, ...(moto === undefined ? [] : ['python3-moto'])].join(', ')}`);
    return;
  }
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const apt = (...args: string[]) => execFileSync('apt-get', ['-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: environment });
  if (missing.length > 0) {
    console.log(`Installing what the tests need: ${missing.join(' ')}`);
    apt('update');
    apt('install', '-y', '--no-install-recommends', ...missing);
  }
  if (moto === undefined) return;
  console.log('Installing what the tests of AWS KMS need: python3-moto');
  try {
    installMoto(apt);
  } catch (error) {
    console.warn(`Tests against Moto (AWS KMS) are left out, because it could not be installed: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function present(program: string): boolean {
  try {
    execFileSync('test', ['-x', program]);
    return true;
  } catch {
    return false;
  }
}
