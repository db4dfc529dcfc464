import { CommandFailed, type Host, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { blocked, done, needed, type Step } from '../step.js';
import { installPackages } from './apt.js';
import { SSHD_DROP_IN, sshdFile } from './baseline-files.js';
import { type BaselineFindings, probeBaseline, readBaseline } from './baseline-probe.js';
import { readTemplate } from './templates.js';
import { writeFiles } from './write-files.js';

export interface BaselineOptions {
  server: () => Promise<Host>;
  progress: Progress;
}

/** Packages, firewall, fail2ban, sshd, security updates, no plain swap, no core dumps, kernel settings, clock. */
export function baselineStep({ server, progress }: BaselineOptions): Step {
  const look = async () => readBaseline((await (await server()).run(probeBaseline())).stdout);
  return {
    id: 'baseline',
    title: 'Packages, firewall and hardening',
    onServer: true,
    async check() {
      const found = await look();
      if (found.otherFirewalls.length > 0) return otherFirewall(found.otherFirewalls);
      const changes = changesOf(found);
      return changes.length === 0 ? done('22, 80 and 443 open; no plain swap; security updates on') : needed(...changes);
    },
    async apply() {
      const host = await server();
      const found = await look();
      if (found.missing.length > 0) {
        progress.note(`Installing ${found.missing.length} packages`);
        await install(host, found.missing, progress);
      }
      if (found.files.length > 0) await host.run(writeFiles(found.files));
      if (found.swap.length > 0) await turnSwapOff(host, progress);
      progress.update('switching the baseline on');
      await host.run({ ...script(readTemplate('server/activate-baseline.sh'), found.clockUnit), root: true, timeout: 240, purpose: 'switch the server baseline on' });
      if (found.sshd.length > 0) await hardenSshd(host);
    },
  };
}

function changesOf(found: BaselineFindings): string[] {
  const { missing, files, swap, live, sshd } = found;
  return [
    ...(missing.length > 0 ? [`install ${missing.length} packages: ${missing.join(', ')}`] : []),
    ...files.map((file) => `write ${file.path}`),
    ...swap,
    ...live,
    ...sshd,
  ];
}

function otherFirewall(units: readonly string[]) {
  const names = units.map((unit) => unit.replace('.service', ''));
  return blocked(
    `another firewall is on (${names.join(', ')}): it would remove Docker's rules or these, or close what must be open`,
    ...units.map((unit) => (unit === 'ufw.service' ? 'on the server: sudo ufw disable && sudo systemctl disable --now ufw' : `on the server: sudo systemctl disable --now ${unit}`)),
  );
}

async function install(host: Host, packages: readonly string[], progress: Progress): Promise<void> {
  try {
    await host.run(installPackages(packages, progress));
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    const said = `${error.output.stdout}\n${error.output.stderr}`;
    const conflict = /need to be removed but remove is disabled|held broken packages|unmet dependencies/i.test(said);
    throw new InfraError(error.message, {
      hints: conflict
        ? ["an installed package stands in the way, such as Docker's own docker-ce: remove it first", `on the server: sudo apt-get install --no-install-recommends ${packages.join(' ')}`]
        : ['on the server: sudo apt-get update', "is the server's outgoing network open (DNS, ports 80 and 443)?"],
      cause: error,
    });
  }
}

async function turnSwapOff(host: Host, progress: Progress): Promise<void> {
  const { stdout } = await host.run({ ...script(readTemplate('server/swap-off.sh')), root: true, timeout: 600, purpose: 'turn plain swap off' });
  const devices = stdout.split('\n').filter((line) => line !== '');
  progress.note(
    devices.length === 0
      ? 'Plain swap taken out of /etc/fstab: memory must not reach an unencrypted disk'
      : `Plain swap turned off (${devices.join(', ')}): what it holds from before is still on the disk until overwritten`,
  );
}

const SSHD_REFUSES = 65;

/** Last, so that everything else is in place; whatever goes wrong, sshd keeps running with settings that it accepts. */
async function hardenSshd(host: Host): Promise<void> {
  const { exitCode, stderr } = await host.run({
    ...script(readTemplate('server/install-sshd.sh'), SSHD_DROP_IN),
    input: sshdFile().content,
    root: true,
    accept: [0, SSHD_REFUSES],
    purpose: 'harden sshd',
  });
  if (exitCode === SSHD_REFUSES) {
    throw new InfraError(`sshd was not hardened, and stays as it was: ${stderr.trim()}`, {
      hints: ['on the server: sudo sshd -t', `compare with the other files in ${SSHD_DROP_IN.replace(/[^/]+$/, '')}`],
    });
  }
}
