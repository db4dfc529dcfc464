import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { script } from '../../src/edges/command.js';
import { HostKeyChanged, SshHost, Unreachable } from '../../src/edges/ssh.js';
import { generateSshKey } from '../../src/keys/ssh-key.js';
import { hostContract } from '../contract/host.js';
import { publicKeyByOpenSsh, type RunningSshd, sshdUnavailable, startSshd } from '../fixtures/sshd.js';

const reason = sshdUnavailable();
if (reason) console.warn(`The SSH edge is not tested: ${reason}`);

describe.skipIf(reason !== undefined)('SshHost on a real sshd', () => {
  let sshd: RunningSshd;
  let host: SshHost;

  beforeAll(async () => {
    sshd = await startSshd();
    host = await SshHost.connect(sshd.address, sshd.identity);
  });
  afterAll(async () => {
    host.close();
    await sshd.stop();
  });

  hostContract(() => host);

  it('refuses a server with another host key', async () => {
    const address = { ...sshd.address, hostKey: generateSshKey('other').publicKey };
    await expect(SshHost.connect(address, sshd.identity)).rejects.toThrow(HostKeyChanged);
  });

  it('says which key to authorize when the server refuses ours', async () => {
    const pair = generateSshKey('stranger');
    const error = await SshHost.connect(sshd.address, { ...pair, name: 'the key of a stranger' }).then(() => undefined, (thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: 'InputError', message: expect.stringContaining('refused the key of a stranger') as string });
    expect((error as { hints: string[] }).hints[0]).toContain(pair.publicKey);
  });

  it('tells a server that does not answer from one that refuses', async () => {
    await expect(SshHost.connect({ ...sshd.address, port: 1 }, sshd.identity)).rejects.toThrow(Unreachable);
  });

  it('refuses a text that is no host key before connecting', async () => {
    await expect(SshHost.connect({ ...sshd.address, hostKey: 'ssh-ed25519 $(id)' }, sshd.identity)).rejects.toThrow(/not an SSH public host key/);
  });

  it('fails at once when the connection goes away under a command', async () => {
    const other = await SshHost.connect(sshd.address, sshd.identity);
    const running = other.run({ argv: ['sleep', '60'], timeout: 90 });
    const cut = 'p=$PPID; while [ "$(cat /proc/$p/comm)" != sshd ]; do p=$(awk "{print \\$4}" /proc/$p/stat); done; kill -9 "$p"';
    await other.run(script(cut)).catch(() => undefined);
    await expect(running).rejects.toThrow(/was lost/);
    other.close();
  });
});

describe('generateSshKey', () => {
  it('makes keys that OpenSSH reads', () => {
    for (let i = 0; i < 5; i += 1) {
      const pair = generateSshKey(`comment-${'x'.repeat(i)}`);
      expect(publicKeyByOpenSsh(pair.privateKey.reveal())).toBe(pair.publicKey);
    }
  });
});
