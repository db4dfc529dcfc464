import { Readable } from 'node:stream';
import { NodeSSH, type SSHExecCommandResponse } from 'node-ssh';
import { EXIT, InfraError, InputError, messageOf } from '../errors.js';
import { Secret } from '../secret.js';
import { type Command, CommandFailed, commandLine, type Host, type Output, TimedOut, timeoutOf } from './command.js';
import { say } from './words.js';

/** Where a server answers and how it proves who it is. */
export interface ServerAddress {
  host: string;
  port: number;
  user: string;
  /** The server's public host key as in known_hosts, "ssh-ed25519 AAAA…". Any other key is refused. */
  hostKey: string;
}

/** How this computer proves who it is: a private key in OpenSSH's format, from the state or a file of the operator's. */
export interface SshIdentity {
  privateKey: Secret;
  /** What to call the key in an error: a file, or the line to put into authorized_keys. */
  name: string;
  /** Its line for authorized_keys, where it is known. */
  publicKey?: string;
}

/** Another host key than the pinned one: another machine answers, or somebody sits in between. */
export class HostKeyChanged extends InfraError {
  override readonly name = 'HostKeyChanged';
}

/** Nothing answered, or the connection went away: worth another try. */
export class Unreachable extends InfraError {
  override readonly name = 'Unreachable';
}

const CONNECT_TIMEOUT_SECONDS = 20;
/** `timeout` of coreutils exits so when it had to end the command. */
const ENDED_BY_TIMEOUT = 124;
/** How much later than the far end's own limit this end gives up. */
const GRACE_SECONDS = 20;

/** One connection to the server, by node-ssh, reused for every command. */
export class SshHost implements Host {
  /** Commands run so far: what `npm run bench` counts. */
  commands = 0;

  private constructor(
    private readonly ssh: NodeSSH,
    readonly address: ServerAddress,
  ) {}

  /**
   * Connects once. Throws HostKeyChanged when another key answers, InputError when this user's key is
   * refused or unreadable, Unreachable when nothing answers: then the caller decides whether to try again.
   */
  static async connect(address: ServerAddress, identity: SshIdentity): Promise<SshHost> {
    const ssh = new NodeSSH();
    const pinned = parseHostKey(address.hostKey);
    const where = `${address.user}@${address.host}:${address.port}`;
    const shown = { otherKey: false };
    try {
      await ssh.connect({
        host: address.host,
        port: address.port,
        username: address.user,
        readyTimeout: CONNECT_TIMEOUT_SECONDS * 1000,
        keepaliveInterval: 15_000,
        keepaliveCountMax: 8,
        algorithms: { serverHostKey: pinned.algorithms },
        hostVerifier: (key: Buffer) => {
          shown.otherKey = !key.equals(pinned.bytes);
          return !shown.otherKey;
        },
        privateKey: identity.privateKey.reveal(),
      });
    } catch (cause) {
      ssh.dispose();
      const message = messageOf(cause);
      if (shown.otherKey || /no matching host key/i.test(message)) {
        throw new HostKeyChanged(say('ssh.otherHostKey', { where }), {
          exitCode: EXIT.refused,
          hints: [say('ssh.rebuilt'), say('ssh.between')],
          cause,
        });
      }
      if (/authentication methods failed/i.test(message)) {
        throw new InputError(say('ssh.refused', { where, identity: identity.name }), {
          hints: [say('ssh.addLine', { user: address.user, line: identity.publicKey ?? say('ssh.publicHalf') })],
          cause,
        });
      }
      if (/parse privateKey|passphrase/i.test(message)) {
        throw new InputError(say('ssh.unusable', { identity: identity.name, why: message }), {
          hints: [say('ssh.ownKey'), say('ssh.withoutPassphrase')],
          cause,
        });
      }
      throw new Unreachable(say('ssh.noConnection', { where, why: message }), { cause });
    }
    // A connection that breaks while no command runs, or while it is closed, emits 'error': unheard, that would end this
    // process as a bug. 'close' follows, which is what a running command waits for.
    ssh.connection?.on('error', () => undefined);
    return new SshHost(ssh, address);
  }

  async run(command: Command): Promise<Output> {
    this.commands += 1;
    const asRoot = command.root === true && this.address.user !== 'root';
    const seconds = timeoutOf(command);
    // The far end has the limit too, so that nothing lives on there when this end goes away.
    const limited = ['timeout', '--kill-after=10', String(seconds), ...command.argv];
    const line = commandLine(asRoot ? ['sudo', '-n', '--', ...limited] : limited);
    const result = await this.#exec(line, command, seconds + GRACE_SECONDS);
    const output: Output = { exitCode: result.code ?? -1, stdout: result.stdout, stderr: result.stderr };
    if (output.exitCode === ENDED_BY_TIMEOUT) throw new TimedOut(command, this.#where());
    if (!(command.accept ?? [0]).includes(output.exitCode)) throw new CommandFailed(command, output, this.#where());
    return output;
  }

  close(): void {
    this.ssh.dispose();
  }

  #exec(line: string, command: Command, limitSeconds: number): Promise<SSHExecCommandResponse> {
    const { connection } = this.ssh;
    if (!connection) return Promise.reject(this.#lost());
    const stdin = stdinOf(command.input);
    const { onOutput } = command;
    return new Promise((resolve, reject) => {
      let close: () => void = () => undefined;
      const giveUp = (error: Error) => {
        settle();
        close();
        reject(error);
      };
      const onClose = () => {
        giveUp(this.#lost());
      };
      const timer = setTimeout(() => {
        giveUp(new TimedOut(command, this.#where()));
      }, limitSeconds * 1000);
      const settle = () => {
        clearTimeout(timer);
        connection.removeListener('close', onClose);
        if (stdin instanceof Readable) stdin.removeListener('error', giveUp);
      };
      connection.once('close', onClose);
      // A source that breaks must not look like its end: the channel is cut, the far end sees no end of file of ours.
      if (stdin instanceof Readable) stdin.once('error', giveUp);
      this.ssh
        .execCommand(line, {
          noTrim: true,
          ...(stdin === undefined ? {} : { stdin }),
          onChannel: (channel) => {
            close = () => {
              if (stdin instanceof Readable) stdin.unpipe(channel);
              channel.destroy();
            };
          },
          ...(onOutput
            ? {
                onStdout: (chunk: Buffer) => {
                  onOutput(chunk.toString('utf8'));
                },
              }
            : {}),
        })
        .then(
          (result) => {
            settle();
            resolve(result);
          },
          (cause: unknown) => {
            settle();
            reject(new Unreachable(say('ssh.notRun', { host: this.address.host, why: messageOf(cause) }), { cause }));
          },
        );
    });
  }

  #where(): string {
    return say('ssh.server', { host: this.address.host });
  }

  #lost(): Unreachable {
    return new Unreachable(say('ssh.lost', { address: `${this.address.host}:${this.address.port}` }), {
      hints: [say('ssh.again')],
    });
  }
}

function stdinOf(input: Command['input']): string | Readable | undefined {
  if (input instanceof Secret) return input.reveal();
  if (input instanceof Uint8Array) return Readable.from([Buffer.from(input)]);
  return input;
}

const HOST_KEY_ALGORITHMS = {
  'ssh-ed25519': ['ssh-ed25519'],
  'ecdsa-sha2-nistp256': ['ecdsa-sha2-nistp256'],
  'ssh-rsa': ['rsa-sha2-512', 'rsa-sha2-256'],
} as const;

/** Reads "TYPE BASE64 [comment]". Throws InputError on anything else. */
function parseHostKey(hostKey: string) {
  const [type = '', base64 = ''] = hostKey.trim().split(/\s+/);
  const bytes = Buffer.from(base64, 'base64');
  const known = Object.entries(HOST_KEY_ALGORITHMS).find(([name]) => name === type);
  if (!known || bytes.length < 40 || bytes.toString('latin1', 4, 4 + type.length) !== type) {
    throw new InputError(say('ssh.notAHostKey', { text: hostKey.slice(0, 40) }), {
      hints: [say('ssh.readHostKey')],
    });
  }
  return { bytes, algorithms: [...known[1]] };
}
