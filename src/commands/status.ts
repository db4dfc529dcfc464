import type { ExitCode } from '../errors.js';
import { flag, type Invocation } from './invocation.js';
import { withInstallation } from './open.js';
import { print } from './print.js';
import { exitCodeOfSummary, summarize, summaryText } from './summary.js';

export async function status(invocation: Invocation): Promise<ExitCode> {
  if (flag(invocation, 'all')) return (await import('./fleet.js')).statusAll(invocation);
  const summary = await withInstallation(invocation, {}, summarize);
  print(invocation, summary, () => summaryText(summary));
  return exitCodeOfSummary(summary);
}
