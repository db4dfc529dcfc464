import { EXIT, type ExitCode } from '../errors.js';
import { exitCodeOf } from '../luks/status.js';
import type { Invocation } from './invocation.js';
import { withInstallation } from './open.js';
import { print } from './print.js';
import { summarize, summaryText } from './summary.js';

export async function status(invocation: Invocation): Promise<ExitCode> {
  const summary = await withInstallation(invocation, {}, summarize);
  print(invocation, summary, () => summaryText(summary));
  const volumes = exitCodeOf(summary.volumes);
  if (volumes !== EXIT.ok) return volumes;
  return summary.site.health.ok && summary.services.every(({ ok }) => ok) ? EXIT.ok : EXIT.degraded;
}
