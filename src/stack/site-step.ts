import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { done, needed, type Step } from '../step.js';
import { type HealthResult, healthCheck } from './health.js';
import type { Tls } from './render.js';
import { say } from './words.js';

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
    title: say('site.title'),
    onServer: true,

    async check() {
      const health = await look();
      return health.ok ? done(say('site.done', { domain })) : needed(say('site.wait', { problems: problems(health) }));
    },

    async apply() {
      const end = Date.now() + patienceSeconds * 1000;
      for (let health = await look(); !health.ok; health = await look()) {
        progress.update(say('site.waiting', { problems: problems(health) }));
        if (Date.now() > end) {
          throw new InfraError(say('site.deaf', { patienceSeconds, problems: problems(health) }), {
            hints: ['koprogo-infra stack logs backend', ...(tls === 'none' ? [] : [say('site.dns', { domain })])],
          });
        }
        await sleep(500);
      }
    },
  };
}

function problems({ answers }: HealthResult): string {
  return answers.filter(({ ok }) => !ok).map(({ what, problem }) => say('health.problem', { what: nameOf(what), problem: problem ?? say('site.noAnswer') })).join(say('join'));
}

function nameOf(what: HealthResult['answers'][number]['what']): string {
  if (what === 'site') return say('health.site');
  return what === 'api' ? say('health.api') : say('health.database');
}
