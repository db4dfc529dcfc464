import { describe, expect, it } from 'vitest';
import { parseProbe, serverReadyStep } from '../../src/server/ready.js';
import { recordingProgress } from './recording-progress.js';
import { ScriptedHost } from './scripted-host.js';

const NOW = 1_795_000_000;
const GOOD = [
  'os PRETTY_NAME="Debian GNU/Linux 13 (trixie)"',
  'os VERSION_ID="13"',
  'os ID=debian',
  'arch x86_64',
  'sudo yes',
  'disk 8600000',
  'memory 4000000',
  `clock ${NOW}`,
  'user debian',
  'systemd running',
  'port 22',
].join('\n');

async function check(replace: readonly [string, string][] = []) {
  const progress = recordingProgress();
  const stdout = replace.reduce((text, [from, to]) => {
    expect(text).toContain(from);
    return text.replace(from, to);
  }, GOOD);
  const host = new ScriptedHost({ 'see whether the first boot is over': 'cloud-init 0\n', 'look at the server': stdout });
  const clock = { now: () => NOW * 1000, sleep: async () => undefined };
  const result = await serverReadyStep({ server: async () => host, progress, clock }).check();
  return { result, progress, host };
}

describe('serverReadyStep', () => {
  it('accepts a fit server with two commands', async () => {
    const { result, progress, host } = await check();
    expect(result).toEqual({ state: 'done', detail: 'Debian 13, x86_64, 3.8 GiB of memory, 8.2 GiB free' });
    expect([...progress.warnings, ...progress.notes]).toEqual([]);
    expect(host.asked.length).toBe(2);
  });

  it.each<[string, [string, string][], RegExp]>([
    ['Debian 12', [['"13"', '"12"']], /"debian 12" and must run Debian 13/],
    ['Ubuntu', [['ID=debian', 'ID=ubuntu']], /must run Debian 13/],
    ['an os-release that would run something', [['ID=debian', 'ID=debian; reboot']], /"unknown 13"/],
    ['another processor', [['x86_64', 'riscv64']], /riscv64/],
    ['no sudo', [['sudo yes', 'sudo no']], /the user debian cannot use sudo/],
    ['a full disk', [['8600000', '4000000']], /3\.8 GiB free on \/ and needs 5/],
    ['no answer about the disk', [['disk 8600000', 'disk ']], /free on \//],
    ['sshd on another port', [['port 22', 'port 2222']], /listens on port 2222/],
    ['no systemd', [['running', 'offline']], /"offline"/],
    ['a clock 20 minutes behind', [[String(NOW), String(NOW - 1200)]], /1200 s behind/],
    ['a clock ahead', [[String(NOW), String(NOW + 61)]], /61 s ahead/],
    ['no clock', [[`clock ${NOW}`, 'clock soon']], /clock/],
  ])('is blocked by %s, with what to do', async (_, replace, reason) => {
    const { result } = await check(replace);
    expect(result).toMatchObject({ state: 'blocked', reason: expect.stringMatching(reason) as string });
    expect(result.state === 'blocked' && result.hints.length > 0).toBe(true);
  });

  it('accepts a minute of difference and a failed unit, and warns of little memory', async () => {
    const { result, progress } = await check([[String(NOW), String(NOW - 60)], ['running', 'degraded'], ['4000000', '1000000']]);
    expect(result.state).toBe('done');
    expect(progress.warnings).toEqual([expect.stringContaining('1.0 GiB of memory')]);
    expect(progress.notes.length).toBe(1);
  });

  it('never puts what the server says of its user into a command', async () => {
    const { result } = await check([['sudo yes', 'sudo no'], ['user debian', "user a';reboot"]]);
    expect(JSON.stringify(result)).not.toContain('reboot');
  });
});

describe('parseProbe', () => {
  it('reads the quotes of os-release as data', () => {
    const { os } = parseProbe("os A=1\nos B='two words'\nos C=\"$(id)\"\nos D=$(id) x\n");
    expect([...os]).toEqual([['A', '1'], ['B', 'two words'], ['C', '$(id)']]);
  });
});
