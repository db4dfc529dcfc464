import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { done, needed, type Step } from '../step.js';
import { type HealthAnswer, type HealthResult, healthCheck } from './health.js';
import type { Tls } from './render.js';
import { say } from './words.js';

export interface SiteStepOptions {
  machine: () => Promise<Pick<Machine, 'web'>>;
  domain: string;
  www?: boolean;
  tls: Tls;
  progress: Progress;
  /** How long the app may take to start. Certificates are there before, by a step of their own. */
  patienceSeconds?: number;
}

/** The site, its API and the database behind it answer a visitor at this computer. */
export function siteStep({ machine, domain, www = false, tls, progress, patienceSeconds = 300 }: SiteStepOptions): Step {
  const look = async () => healthCheck({ machine: await machine(), domain, www, tls });
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
            hints: ['koprogo-infra stack logs backend', 'koprogo-infra stack logs traefik'],
          });
        }
        await sleep(500);
      }
    },
  };
}

function problems({ answers }: HealthResult): string {
  return answers.filter(({ ok }) => !ok).map(({ what, problem }) => say('health.problem', { what: NAMES[what](), problem: problem ?? say('site.noAnswer') })).join(say('join'));
}

const NAMES: Readonly<Record<HealthAnswer['what'], () => string>> = {
  site: () => say('health.site'),
  api: () => say('health.api'),
  database: () => say('health.database'),
  www: () => say('health.www'),
  redirect: () => say('health.redirect'),
};
