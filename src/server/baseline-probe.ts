import { type Command, script } from '../edges/command.js';
import { missingPackages, queryPackages } from './apt.js';
import { baselineFiles, FIREWALL_RULES, settingsOf, SSHD_DROP_IN, sshdFile } from './baseline-files.js';
import { filesThatDiffer, type ManagedFile, readFiles } from './files.js';
import { SERVER_PACKAGES } from './packages.js';
import { readTemplate } from './templates.js';
import { apart, together } from './together.js';
import { showUnits, type Unit, unitsOf } from './units.js';
import { say } from './words.js';

/** Must run now and after a reboot. */
const WANTED_UNITS = ['koprogo-firewall.service', 'fail2ban.service', 'unattended-upgrades.service', 'apt-daily.timer', 'apt-daily-upgrade.timer'];
/** One of them keeps the clock. */
const CLOCK_UNITS = ['systemd-timesyncd.service', 'chrony.service', 'ntpsec.service', 'openntpd.service'];
/** Each of them manages the whole rule set and can throw ours or Docker's away. */
const OTHER_FIREWALLS = ['ufw.service', 'firewalld.service', 'nftables.service', 'netfilter-persistent.service'];

export interface BaselineFindings {
  missing: string[];
  /** Files to write, sshd's not among them. */
  files: ManagedFile[];
  sshd: string[];
  live: string[];
  swap: string[];
  /** Active or started at boot. */
  otherFirewalls: string[];
  clockUnit: string;
}

/** One command that reads all that the baseline consists of. Read its output with `readBaseline`. */
export function probeBaseline(): Command {
  return together(say('baseline.look'), [
    readFiles([...baselineFiles(), sshdFile()]),
    queryPackages(SERVER_PACKAGES),
    showUnits([...WANTED_UNITS, ...CLOCK_UNITS, ...OTHER_FIREWALLS]),
    { ...script(readTemplate('server/probe-baseline.sh'), FIREWALL_RULES, SSHD_DROP_IN, ...sysctls().keys()), root: true },
  ]);
}

export function readBaseline(stdout: string): BaselineFindings {
  const [files = '', packages = '', unitText = '', factText = ''] = apart(stdout);
  const units = unitsOf(unitText);
  const facts = factsOf(factText);
  const clockUnit = CLOCK_UNITS.find((name) => units.get(name)?.active) ?? 'systemd-timesyncd.service';
  return {
    missing: missingPackages(SERVER_PACKAGES, packages),
    files: filesThatDiffer(baselineFiles(), files),
    sshd: [...filesThatDiffer([sshdFile()], files).map((file) => say('write', { path: file.path })), ...sshdProblems(facts)],
    live: [...unitProblems([...WANTED_UNITS, clockUnit], units), ...liveProblems(facts)],
    swap: [...facts('swap').map((device) => say('swap.off', { device })), ...facts('fstab-swap').map((device) => say('swap.fstab', { device }))],
    otherFirewalls: OTHER_FIREWALLS.filter((name) => units.get(name)?.active === true || units.get(name)?.enabled === true),
    clockUnit,
  };
}

/** All the values that the probe printed for one key. */
type Facts = (key: string) => string[];

function factsOf(text: string): Facts {
  const found = new Map<string, string[]>();
  for (const line of text.split('\n')) {
    const [, key, value] = /^([a-z0-9-]+) (.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) found.set(key, [...(found.get(key) ?? []), value]);
  }
  return (key) => found.get(key) ?? [];
}

function unitProblems(names: readonly string[], units: ReadonlyMap<string, Unit>): string[] {
  return names.flatMap((name) => {
    const unit = units.get(name);
    if (unit?.active !== true) return [say('unit.start', { name })];
    return unit.enabled ? [] : [say('unit.enable', { name })];
  });
}

/** What sshd would say of each of our settings, and whether it has read them since they were written. */
function sshdProblems(facts: Facts): string[] {
  const live = new Map(facts('sshd').map((line) => [line.slice(0, line.indexOf(' ')).toLowerCase(), line.slice(line.indexOf(' ') + 1)]));
  const wrong = [...settingsOf(readTemplate('server/sshd.conf'))].filter(([name, value]) => !sameSshdValue(live.get(name.toLowerCase()), value));
  if (wrong.length > 0) return wrong.map(([name, value]) => say('sshd.set', { name, value }));
  const written = Number(facts('sshd-written')[0]);
  const loaded = Number(facts('sshd-loaded')[0]);
  return written > loaded ? [say('sshd.reload')] : [];
}

/** sshd -T writes prohibit-password by its old name. */
function sameSshdValue(live: string | undefined, wanted: string): boolean {
  return live === wanted || (wanted === 'prohibit-password' && live === 'without-password');
}

function sysctls(): Map<string, string> {
  return settingsOf(readTemplate('server/sysctl.conf'));
}

function liveProblems(facts: Facts): string[] {
  const problems: string[] = [];
  if (facts('firewall')[0] !== 'loaded') problems.push(say('firewall.load'));
  if (facts('jail')[0] !== 'sshd') problems.push(say('fail2ban.watch'));
  const live = settingsOf(facts('sysctl').join('\n'));
  for (const [name, value] of sysctls()) {
    // A kernel without the setting has nothing to set.
    if (live.has(name) && live.get(name) !== value) problems.push(say('sysctl.set', { name, value }));
  }
  if (facts('core-limit')[0] !== '0') problems.push(say('core.forbid'));
  const apt = facts('apt').join('\n');
  if (!apt.includes('APT::Periodic::Unattended-Upgrade "1";')) problems.push(say('updates.on'));
  const origins = facts('apt').filter((line) => line.startsWith('Unattended-Upgrade::Origins-Pattern::'));
  if (origins.length !== 1 || !origins[0]?.includes('label=Debian-Security')) problems.push(say('updates.limit'));
  return problems;
}
