import type { ExitCode } from '../errors.js';
import { exitCodeOf, luksStatus, luksText } from '../luks/status.js';
import { unlockVolumes } from '../luks/unlock.js';
import type { Invocation } from './invocation.js';
import { withInstallation } from './open.js';
import { print } from './print.js';

export async function luksStatusCommand(invocation: Invocation): Promise<ExitCode> {
  const report = await withInstallation(invocation, {}, async ({ server, state }) => luksStatus(await server(), state));
  print(invocation, report, () => luksText(report));
  return exitCodeOf(report);
}

export async function luksUnlockCommand(invocation: Invocation): Promise<ExitCode> {
  const report = await withInstallation(invocation, { purpose: 'luks unlock', patience: 300 }, async ({ server, state, reporter }) => {
    const host = await server();
    await unlockVolumes({ server: host, state, progress: reporter });
    return luksStatus(host, state);
  });
  print(invocation, report, () => luksText(report));
  return exitCodeOf(report);
}
