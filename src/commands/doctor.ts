import { access, constants, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, isAbsolute, join } from 'node:path';
import { type ExitCode, InfraError, InputError } from '../errors.js';
import { freeBytes } from '../edges/files.js';
import { LocalHost } from '../edges/process.js';
import { findTerraform } from '../terraform/program.js';
import { bytes } from '../ui/format.js';
import { exitCodeOf, type Finding, line } from './findings.js';
import { type Invocation, textOption } from './invocation.js';
import { print } from './print.js';
import { say } from './words.js';

const MIN_NODE = [20, 20] as const;
const MIN_FREE_BYTES = 15e9;

/**
 * What this computer needs, found out by trying; with `--openrc`, what a cloud project lacks; with `--installation`, how a server is. Exit
 * code 2 when something that is always needed is missing.
 */
export async function doctor(invocation: Invocation): Promise<ExitCode> {
  const openRc = textOption(invocation, 'openrc');
  const installation = textOption(invocation, 'installation') ?? process.env['KOPROGO_INSTALLATION'];
  if (openRc !== undefined && textOption(invocation, 'installation') !== undefined) throw new InputError(say('doctor.oneOrOther'), { hints: ['koprogo-infra doctor --openrc FILE', 'koprogo-infra doctor --installation NAME'] });
  if (openRc !== undefined) return (await import('./doctor-cloud.js')).doctorCloud(invocation, openRc);
  const unused = ['region', 'flavor'].filter((name) => textOption(invocation, name) !== undefined);
  if (unused.length > 0) throw new InputError(say('doctor.onlyWithOpenRc', { options: unused.join(', --') }), { hints: ['koprogo-infra doctor --openrc FILE'] });
  const always = [node(), await terraform(), await program('ssh', 'openssh-client'), await program('ssh-agent', 'openssh-client'), await clock()];
  if (installation) return (await import('./doctor-installation.js')).doctorInstallation(invocation, always);
  const findings = [...always, await disk(), await kvm(), root()];
  print(invocation, { findings }, () => [...findings.map(line), '', say('doctor.serverToo')].join('\n'));
  return exitCodeOf(findings);
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const ok = major > MIN_NODE[0] || (major === MIN_NODE[0] && minor >= MIN_NODE[1]);
  return { what: 'Node.js', ok, optional: false, found: process.versions.node, fix: say('doctor.installNode', { version: MIN_NODE.join('.') }) };
}

async function terraform(): Promise<Finding> {
  const what = say('doctor.terraform');
  try {
    const { command, version } = await findTerraform(new LocalHost());
    return { what, ok: true, optional: false, found: `${command} ${version}` };
  } catch (error) {
    if (!(error instanceof InfraError)) throw error;
    return { what, ok: false, optional: false, found: error.message, ...(error.hints[0] === undefined ? {} : { fix: error.hints[0] }) };
  }
}

async function program(name: string, debianPackage: string): Promise<Finding> {
  const found = await onPath(name);
  return { what: name, ok: found !== undefined, optional: false, found: found ?? say('doctor.notInstalled'), fix: `apt-get install ${debianPackage}` };
}

async function onPath(name: string): Promise<string | undefined> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute)) {
    const file = join(directory, name);
    const runs = await access(file, constants.X_OK).then(() => true, () => false);
    if (runs) return file;
  }
  return undefined;
}

async function disk(): Promise<Finding> {
  const free = await freeBytes(homedir());
  return { what: say('doctor.diskSpace'), ok: free >= MIN_FREE_BYTES, optional: true, found: bytes(free), fix: say('doctor.sandboxWants', { size: bytes(MIN_FREE_BYTES) }) };
}

/** A clock that no service keeps right drifts; S3 refuses requests that are 15 minutes off. */
async function clock(): Promise<Finding> {
  const timedatectl = await onPath('timedatectl');
  const asked = timedatectl === undefined ? undefined : await new LocalHost().run({ argv: [timedatectl, 'show', '-p', 'NTPSynchronized', '--value'], accept: [0, 1] });
  const synchronized = asked?.stdout.trim() === 'yes';
  const time = new Date().toISOString();
  return { what: say('doctor.clock'), ok: synchronized, optional: true, found: synchronized ? time : say('doctor.notKept', { time }), fix: 'apt-get install systemd-timesyncd' };
}

/** The node alone proves nothing: it also exists where the processor lends no virtualization. */
async function kvm(): Promise<Finding> {
  const opens = await access('/dev/kvm', constants.R_OK | constants.W_OK).then(() => true, () => false);
  const usable = opens && /^flags\s*:.*\b(vmx|svm)\b/m.test(await readFile('/proc/cpuinfo', 'utf8'));
  return { what: 'KVM', ok: usable, optional: true, found: usable ? '/dev/kvm' : say('doctor.notUsable'), fix: say('doctor.withoutKvm') };
}

function root(): Finding {
  const isRoot = process.getuid?.() === 0;
  return { what: 'root', ok: isRoot, optional: true, found: isRoot ? say('doctor.yes') : say('doctor.no'), fix: say('doctor.asRoot') };
}
