import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { done, needed, type Step } from '../step.js';
import { type HealthResult, healthCheck } from './health.js';
import type { Tls } from './render.js';

export interface SiteStepOptions {
  machine: () => Promise<Pick<Machine, 'web'>>;
  domain: string;
  tls: Tls;
  progress: Progress;
  /** How long the app may take to start and, with TLS, to get its first certificate. */
  patienceSeconds?: number;
}

/** The site, its API and the database behind it answer a visitor at this computer. */
export function siteStep({ machine, domain, tls, progress, patienceSeconds = 300 }: SiteStepOptions): Step {
  const look = async () => healthCheck({ machine: await machine(), domain, tls });
  return {
    id: 'site',
    title: 'Site, seen from here',
    onServer: true,

    async check() {
      const health = await look();
      return health.ok ? done(`${domain} and api.${domain} answer, the database behind them too`) : needed(`wait until all answers: ${problems(health)}`);
    },

    async apply() {
      const end = Date.now() + patienceSeconds * 1000;
      for (let health = await look(); !health.ok; health = await look()) {
        progress.update(`waiting for an answer: ${problems(health)}`);
        if (Date.now() > end) {
          throw new InfraError(`the site does not answer as it should within ${patienceSeconds} s: ${problems(health)}`, {
            hints: ['koprogo-infra stack logs backend', ...(tls === 'none' ? [] : [`${domain} and api.${domain} must point to the server in DNS before a certificate can be had`])],
          });
        }
        await sleep(500);
      }
    },
  };
}

function problems({ answers }: HealthResult): string {
  return answers.filter(({ ok }) => !ok).map(({ what, problem }) => `${what}: ${problem ?? 'no answer'}`).join('; ');
}
