import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, purposeOf } from '../edges/command.js';
import type { LocalHost } from '../edges/process.js';
import { InfraError } from '../errors.js';
import { say } from './words.js';

/** How long a program that was told to end may take before its last words are given up. */
const GRACE_MS = 8000;

/**
 * What a program prints, as a stream that ends without an error only when the program has exited with 0.
 * A reader that stops early, and the signal, end the program.
 */
export async function* outputOf(host: LocalHost, command: Command, signal?: AbortSignal): AsyncGenerator<Uint8Array, void, undefined> {
  const child = host.stream(command);
  child.stdin.on('error', () => undefined);
  child.stdin.end();
  // Something that the program started may hold the pipe open after its end: the stream is cut here, not there.
  const cut = () => child.stdout.destroy(new InfraError(say('sources.interrupted', { purpose: purposeOf(command) })));
  signal?.addEventListener('abort', cut, { once: true });
  let ended = false;
  try {
    for await (const chunk of child.stdout) yield chunk as Buffer;
    await child.done;
    ended = true;
  } catch (error) {
    // A killed program also breaks its stream; why it was killed is in its fate.
    await Promise.race([child.done, sleep(GRACE_MS, undefined, { ref: false })]);
    throw error;
  } finally {
    signal?.removeEventListener('abort', cut);
    if (!ended) child.kill();
  }
}

/**
 * A tar archive of files and directories, with their owners and modes, on standard output. A file that changes while it
 * is read makes tar exit with 1, which is a failure here.
 */
export function archive(paths: readonly string[]): Command {
  return {
    argv: ['tar', '--create', '--file=-', '--numeric-owner', '--sort=name', '--one-file-system', '--directory=/', '--', ...paths.map((path) => path.replace(/^\/+/, ''))],
    timeout: 600,
    purpose: say('sources.archive'),
  };
}
