import { EXIT, type ExitCode, InputError } from '../errors.js';
import { stackLogs, stackRestart } from '../stack/operate.js';
import { type Invocation, textOption } from './invocation.js';
import { withInstallation } from './open.js';
import { print } from './print.js';
import { say } from './words.js';

export async function stackLogsCommand(invocation: Invocation): Promise<ExitCode> {
  const text = textOption(invocation, 'tail') ?? '100';
  if (!/^\d{1,6}$/.test(text)) throw new InputError(say('stack.notANumber', { text: JSON.stringify(text) }));
  const logs = await withInstallation(invocation, {}, async ({ server }) => stackLogs(await server(), invocation.arguments[0], Number(text)));
  print(invocation, { logs: logs.split('\n') }, () => logs.trimEnd());
  return EXIT.ok;
}

export async function stackRestartCommand(invocation: Invocation): Promise<ExitCode> {
  const services = await withInstallation(invocation, { purpose: 'stack restart' }, async ({ server, reporter }) => {
    reporter.update(say('stack.restarting'));
    return stackRestart(await server(), invocation.arguments[0]);
  });
  print(invocation, { services }, () => say('stack.restarted'));
  return EXIT.ok;
}
