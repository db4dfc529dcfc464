import { CommandFailed, type Host, script } from '../edges/command.js';
import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { blocked, done, needed, type Step } from '../step.js';
import { installPackages } from './apt.js';
import { SSHD_DROP_IN, sshdFile } from './baseline-files.js';
import { type BaselineFindings, probeBaseline, readBaseline } from './baseline-probe.js';
import { readTemplate } from './templates.js';
import { writeFiles } from './write-files.js';
import { say } from './words.js';

export interface BaselineOptions {
  server: () => Promise<Host>;
  progress: Progress;
}

/** Packages, firewall, fail2ban, sshd, security updates, no plain swap, no core dumps, kernel settings, clock. */
export function baselineStep({ server, progress }: BaselineOptions): Step {
  const look = async () => readBaseline((await (await server()).run(probeBaseline())).stdout);
  return {
    id: 'baseline',
    title: say('baseline.title'),
    onServer: true,
    async check() {
      const found = await look();
      if (found.otherFirewalls.length > 0) return otherFirewall(found.otherFirewalls);
      const changes = changesOf(found);
      return changes.length === 0 ? done(say('baseline.done')) : needed(...changes);
    },
    async apply() {
      const host = await server();
      const found = await look();
      if (found.missing.length > 0) {
        progress.note(say('baseline.installing', { count: found.missing.length }));
        await install(host, found.missing, progress);
      }
      if (found.files.length > 0) await host.run(writeFiles(found.files));
      if (found.swap.length > 0) await turnSwapOff(host, progress);
      progress.update(say('baseline.switching'));
      await host.run({ ...script(readTemplate('server/activate-baseline.sh'), found.clockUnit), root: true, timeout: 240, purpose: say('baseline.switch') });
      if (found.sshd.length > 0) await hardenSshd(host);
    },
  };
}

function changesOf(found: BaselineFindings): string[] {
  const { missing, files, swap, live, sshd } = found;
  return [
    ...(missing.length > 0 ? [say('baseline.install', { count: missing.length, names: missing.join(', ') })] : []),
    ...files.map((file) => say('write', { path: file.path })),
    ...swap,
    ...live,
    ...sshd,
  ];
}

function otherFirewall(units: readonly string[]) {
  const names = units.map((unit) => unit.replace('.service', ''));
  return blocked(
    say('firewall.other', { names: names.join(', ') }),
    ...units.map((unit) => (unit === 'ufw.service' ? say('firewall.ufw') : say('firewall.disable', { unit }))),
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
        ? [say('install.conflict'), say('install.byHand', { names: packages.join(' ') })]
        : [say('install.update'), say('install.network')],
      cause: error,
    });
  }
}

async function turnSwapOff(host: Host, progress: Progress): Promise<void> {
  const { stdout } = await host.run({ ...script(readTemplate('server/swap-off.sh')), root: true, timeout: 600, purpose: say('swap.purpose') });
  const devices = stdout.split('\n').filter((line) => line !== '');
  progress.note(
    devices.length === 0
      ? say('swap.taken')
      : say('swap.turnedOff', { devices: devices.join(', ') }),
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
    purpose: say('sshd.harden'),
  });
  if (exitCode === SSHD_REFUSES) {
    throw new InfraError(say('sshd.notHardened', { said: stderr.trim() }), {
      hints: [say('sshd.test'), say('sshd.compare', { folder: SSHD_DROP_IN.replace(/[^/]+$/, '') })],
    });
  }
}
