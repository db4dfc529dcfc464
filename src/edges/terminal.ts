import { spawn } from 'node:child_process';
import { InputError, messageOf } from '../errors.js';
import { holdInterrupts } from '../interrupt.js';
import type { Secret } from '../secret.js';
import { say } from './words.js';

/** In the agent's child: load the key from descriptor 3, close it, become ssh. */
const WITH_KEY = 'ssh-add -q - <&3 && exec 3<&- && exec ssh "$@"';

/**
 * OpenSSH's own client at this terminal, so that escapes, window sizes and signals work as people know them. The key
 * reaches it through an ssh-agent of its own that ends with it, never through a file. Returns ssh's exit status.
 */
export function sshAtTerminal(privateKey: Secret, ...args: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh-agent', ['bash', '-c', WITH_KEY, 'ssh', ...args], { stdio: ['inherit', 'inherit', 'inherit', 'pipe'] });
    // Ctrl-C belongs to the far end while its shell is in front.
    const giveBack = holdInterrupts();
    child.once('error', (cause) => {
      giveBack();
      reject(new InputError(say('ssh.noAgent', { why: messageOf(cause) }), { hints: ['apt-get install openssh-client'], cause }));
    });
    child.once('exit', (code, signal) => {
      giveBack();
      resolve(signal === null ? (code ?? 0) : 128);
    });
    const keyPipe = child.stdio[3] as NodeJS.WritableStream;
    keyPipe.on('error', () => undefined);
    keyPipe.end(privateKey.reveal());
  });
}
