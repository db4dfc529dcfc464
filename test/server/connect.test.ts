import { describe, expect, it } from 'vitest';
import { HostKeyChanged, Unreachable } from '../../src/edges/ssh.js';
import { InputError } from '../../src/errors.js';
import { Secret } from '../../src/secret.js';
import { type Clock, connectToServer, waitForServer } from '../../src/server/connect.js';
import { recordingProgress } from './recording-progress.js';
import { ScriptedHost } from './scripted-host.js';

const address = { host: 'server.test', port: 22, user: 'debian', hostKey: 'ssh-ed25519 AAAA' };
const identity = { privateKey: new Secret('key'), name: 'a key' };
const BOOT = 'see whether the first boot is over';

function fakeClock(): Clock & { slept: number } {
  const clock = {
    slept: 0,
    now: () => clock.slept * 1000,
    sleep: async (seconds: number) => {
      clock.slept += seconds;
    },
  };
  return clock;
}

function attempts(host: ScriptedHost, ...outcomes: readonly (Error | undefined)[]) {
  let count = 0;
  const connect = async () => {
    const outcome = outcomes[Math.min(count, outcomes.length - 1)];
    count += 1;
    if (outcome) throw outcome;
    return host;
  };
  return { connect, count: () => count };
}

describe('connectToServer', () => {
  const unreachable = new Unreachable('no SSH connection: connection refused');

  it('tries again while nothing answers, with growing pauses', async () => {
    const clock = fakeClock();
    const host = new ScriptedHost({});
    const { connect, count } = attempts(host, unreachable, unreachable, unreachable, undefined);
    expect(await connectToServer({ address, identity, connect, progress: recordingProgress(), clock })).toBe(host);
    expect(count()).toBe(4);
    expect(clock.slept).toBeCloseTo(1 + 1.6 + 2.56);
  });

  it('gives up at the limit and says where to look', async () => {
    const clock = fakeClock();
    const { connect } = attempts(new ScriptedHost({}), unreachable);
    const error = await connectToServer({ address, identity, connect, progress: recordingProgress(), clock, timeoutSeconds: 60 }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Unreachable);
    expect(error).toMatchObject({ message: expect.stringContaining('within 60 s') as string, hints: expect.arrayContaining(['ssh -p 22 debian@server.test']) as string[] });
    expect(clock.slept).toBeLessThanOrEqual(60);
  });

  it.each([new HostKeyChanged('another key'), new InputError('key refused'), new TypeError('a bug')])('does not wait after: $message', async (error) => {
    const clock = fakeClock();
    const { connect, count } = attempts(new ScriptedHost({}), error);
    await expect(connectToServer({ address, identity, connect, progress: recordingProgress(), clock })).rejects.toBe(error);
    expect([count(), clock.slept]).toEqual([1, 0]);
  });
});

describe('waitForServer', () => {
  const wait = (answers: readonly string[], timeoutSeconds = 600) => {
    const clock = fakeClock();
    const progress = recordingProgress();
    const host = new ScriptedHost({ [BOOT]: (_, times) => answers[Math.min(times, answers.length - 1)] ?? '' });
    const connected = waitForServer({ address, identity, connect: async () => host, progress, clock, timeoutSeconds });
    return { connected, host, progress };
  };

  it.each(['cloud-init 0\n', 'cloud-init absent\n'])('goes on at once with %s', async (answer) => {
    const { connected, host, progress } = wait([answer]);
    await connected;
    expect(host.asked.length).toBe(1);
    expect(host.asked[0]?.root).toBe(false);
    expect(progress.warnings).toEqual([]);
  });

  it('waits for cloud-init and for the locks of dpkg', async () => {
    const { connected, host, progress } = wait(['cloud-init 124\n', 'cloud-init 0\nlocked /var/lib/dpkg/lock-frontend\n', 'cloud-init 0\n']);
    await connected;
    expect(host.asked.length).toBe(3);
    expect(progress.updates.map(({ label }) => label)).toEqual([
      expect.stringContaining('cloud-init still works'),
      expect.stringContaining('another package manager holds /var/lib/dpkg/lock-frontend'),
    ]);
  });

  it('warns of an error of cloud-init and goes on', async () => {
    const { connected, progress } = wait(['cloud-init 2\n']);
    await connected;
    expect(progress.warnings).toEqual([expect.stringContaining('exit status 2')]);
  });

  it('does not wait for ever', async () => {
    await expect(wait(['cloud-init 0\nlocked /var/lib/dpkg/lock\n'], 30).connected).rejects.toThrow(/not over after 3\d s: another package manager/);
  });
});
