import type { Check, Step } from '../step.js';
import { applyVolumes, type LuksDeps } from './apply.js';
import { inspect } from './inspect.js';
import { readRecord } from './record.js';
import { judge } from './situation.js';
import { say } from './words.js';

/** The two encrypted volumes: formatted, unlocked, mounted, and Docker gated behind them. */
export function luksStep(deps: LuksDeps): Step {
  return {
    id: 'luks',
    title: say('step.title'),
    onServer: true,
    async check(): Promise<Check> {
      const server = await deps.server();
      const disks = await deps.disks();
      const document = await readRecord(deps.state);
      return judge({ disks, document, facts: await inspect(server, { disks, document }), unlock: deps.unlock });
    },
    apply: () => applyVolumes(deps),
  };
}
