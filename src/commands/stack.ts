import { EXIT, type ExitCode, InfraError, InputError } from '../errors.js';
import type { Secret } from '../secret.js';
import { ADMIN_EMAIL, isAdminPassword, resetAdminPassword, stackAdmin } from '../stack/admin.js';
import { stackLogs, stackRestart } from '../stack/operate.js';
import { renewAdminPassword, STACK_DOCUMENT, stackStateSchema } from '../stack/secrets.js';
import { flag, type Invocation, textOption } from './invocation.js';
import { type Opened, withInstallation } from './open.js';
import { print, printWhole } from './print.js';
import { say } from './words.js';

export async function stackLogsCommand(invocation: Invocation): Promise<ExitCode> {
  const text = textOption(invocation, 'tail') ?? '100';
  if (!/^\d{1,6}$/.test(text)) throw new InputError(say('stack.notANumber', { text: JSON.stringify(text) }));
  const logs = await withInstallation(invocation, {}, async ({ server }) => stackLogs(await server(), invocation.arguments[0], Number(text)));
  printWhole(invocation, { logs: logs.split('\n') }, () => logs.trimEnd());
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

/** "unknown": the server or the database could not be asked. */
interface AdminPassword {
  password: Secret;
  verdict: 'present' | 'changed' | 'unknown' | 'new';
}

/** The first password on standard output, alone on its line; what became of it is told beside it. */
export async function stackAdminPassword(invocation: Invocation): Promise<ExitCode> {
  const reset = flag(invocation, 'reset');
  const { password, verdict } = await withInstallation(invocation, reset ? { purpose: 'stack admin-password' } : {}, reset ? resetPassword : firstPassword);
  const told = {
    present: () => say('stack.present', { email: ADMIN_EMAIL }),
    changed: () => say('stack.changed', { email: ADMIN_EMAIL }),
    unknown: () => say('stack.unseen', { email: ADMIN_EMAIL }),
    new: () => say('stack.newPassword', { email: ADMIN_EMAIL }),
  };
  print(invocation, { email: ADMIN_EMAIL, password: password.reveal(), verdict }, () => `${password.reveal()}\n${told[verdict]()}`);
  return EXIT.ok;
}

async function firstPassword({ state, server, reporter }: Opened): Promise<AdminPassword> {
  const password = (await state.get(STACK_DOCUMENT, stackStateSchema))?.adminPassword;
  if (password === undefined) throw new InfraError(say('stack.noPassword'), { hints: ['koprogo-infra setup'] });
  try {
    const present = await isAdminPassword(stackAdmin(await server()), password);
    return { password, verdict: present === undefined ? 'unknown' : present ? 'present' : 'changed' };
  } catch (error) {
    // A server that is down keeps nobody from what this computer knows.
    if (!(error instanceof InfraError)) throw error;
    reporter.warn(say('stack.notCompared', { why: error.message }));
    return { password, verdict: 'unknown' };
  }
}

/** Stored before it is set; a set password that nobody knows would help nobody. */
async function resetPassword({ state, server, reporter }: Opened): Promise<AdminPassword> {
  const host = await server();
  reporter.update(say('stack.setting'));
  const password = await renewAdminPassword(state);
  await resetAdminPassword(stackAdmin(host), password);
  return { password, verdict: 'new' };
}
