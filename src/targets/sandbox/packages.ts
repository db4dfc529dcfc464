import type { Host } from '../../edges/command.js';
import { InputError } from '../../errors.js';
import type { Progress } from '../../progress.js';
import { blocked, done, needed, type Step } from '../../step.js';
import { findTerraform } from '../../terraform/program.js';
import { CONTAINERS_PACKAGES } from './containers.js';
import { OBJECT_STORE_PACKAGES } from './object-store.js';
import { say } from './words.js';

/** Debian packages that the sandbox needs on this computer. */
export const SANDBOX_PACKAGES: readonly string[] = [
  'qemu-system-x86', 'qemu-utils', 'swtpm', 'swtpm-tools', 'mmdebstrap', 'debian-archive-keyring', 'genisoimage', 'e2fsprogs', 'util-linux', 'tar',
  ...CONTAINERS_PACKAGES, ...OBJECT_STORE_PACKAGES,
];
const INSTALL_SECONDS = 1800;

/** The programs that make up the sandbox, installed from Debian. */
export function packagesStep({ host, progress }: { host: Host; progress: Progress }): Step {
  return {
    id: 'sandbox-packages',
    title: say('packages.title'),
    onServer: false,
    async check() {
      // Not from Debian, so it cannot be installed here; better known before anything else is.
      try {
        await findTerraform(host);
      } catch (error) {
        if (error instanceof InputError) return blocked(error.message, ...error.hints);
        throw error;
      }
      const missing = await missingPackages(host);
      if (missing.length === 0) return done();
      const command = `apt-get install --no-install-recommends ${missing.join(' ')}`;
      if (process.getuid?.() !== 0) return blocked(say('packages.missing', { names: missing.join(', ') }), `sudo ${command}`);
      return needed(say('packages.install', { names: missing.join(', ') }));
    },
    async apply() {
      const missing = await missingPackages(host);
      const apt = (...args: readonly string[]) =>
        host.run({
          argv: ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-o', 'DPkg::Lock::Timeout=300', '-o', 'Acquire::Retries=3', ...args],
          timeout: INSTALL_SECONDS,
          purpose: say('packages.purpose'),
          onOutput: (text) => {
            const line = text.trim().split('\n').at(-1);
            if (line) progress.update(say('packages.installing', { line: line.slice(0, 80) }));
          },
        });
      await apt('update');
      await apt('install', '-y', '--no-install-recommends', ...missing);
    },
  };
}

async function missingPackages(host: Host): Promise<string[]> {
  const { stdout } = await host.run({
    argv: ['dpkg-query', '-W', '-f', '${Package} ${db:Status-Status}\\n', ...SANDBOX_PACKAGES],
    // 1: some of them are unknown here, and missing from the answer.
    accept: [0, 1],
    purpose: say('packages.look'),
  });
  const installed = new Set([...stdout.matchAll(/^(\S+) installed$/gm)].map(([, name]) => name));
  return SANDBOX_PACKAGES.filter((name) => !installed.has(name));
}
