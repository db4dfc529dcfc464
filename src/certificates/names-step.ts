import { setTimeout as sleep } from 'node:timers/promises';
import { type Leads, whereHostsLead } from '../dns/leads.js';
import { siteHosts } from '../dns/names.js';
import type { ResolverFor } from '../dns/name-servers.js';
import { describeFinding } from '../dns/wait.js';
import type { Host } from '../edges/command.js';
import { InfraError } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { done, needed, type Step } from '../step.js';
import { addressesOf } from './addresses.js';
import { isGood, lookAtCertificate } from './handshake.js';
import { say } from './words.js';

export interface NamesStepOptions {
  machine: () => Promise<Pick<Machine, 'web'>>;
  server: () => Promise<Host>;
  domain: string;
  www: boolean;
  progress: Progress;
  patienceSeconds?: number;
  pauseSeconds?: number;
  timeoutSeconds?: number;
  /** For tests: who asks name servers, and whom to trust instead of this computer's authorities, in PEM. */
  resolverFor?: ResolverFor;
  ca?: string;
}

/** What cannot be looked up is something to mend: a plan shows it, and the work fails with it and its hints. */
function asChange(error: unknown): string {
  if (error instanceof InfraError) return error.message;
  throw error;
}

/**
 * Every name of the site leads to the server. It comes before the router knows the names: from then on Traefik asks for their
 * certificates by itself, and of a name that leads elsewhere Let's Encrypt counts a failure.
 */
export function namesStep(options: NamesStepOptions): Step {
  const { machine, server, domain, www, progress, resolverFor, ca, timeoutSeconds = 15 } = options;
  const { patienceSeconds = 300, pauseSeconds = 5 } = options;
  const names = siteHosts(domain, www);

  /** Who has a certificate for a name has shown that it leads here. */
  async function areProven(): Promise<boolean> {
    const { web } = await machine();
    const seen = await Promise.all(names.map((name) => lookAtCertificate({ host: web.host, port: web.https, name, timeoutSeconds, ...(ca === undefined ? {} : { ca }) })));
    return seen.every(isGood);
  }

  async function look(): Promise<Leads & { own: string[] }> {
    const own = await addressesOf((await machine()).web.host, await server());
    return { ...(await whereHostsLead(domain, names, own, resolverFor)), own };
  }

  return {
    id: 'names',
    title: say('names.title'),
    onServer: true,

    async check() {
      if (await areProven()) return done(names.join(', '));
      const found = await look().catch(asChange);
      if (typeof found === 'string') return needed(found);
      const { zone, wrong, unknown } = found;
      if (unknown) return done(say('dns.unknown', { zone }));
      return wrong.length > 0 ? needed(...new Set(wrong.map(describeFinding))) : done(names.join(', '));
    },

    async apply() {
      const end = Date.now() + patienceSeconds * 1000;
      for (;;) {
        const { zone, wrong, own } = await look();
        const [first] = wrong;
        if (!first) return;
        progress.update(say('dns.waiting', { finding: describeFinding(first) }));
        if (Date.now() + pauseSeconds * 1000 > end) {
          const lines = [...new Set(wrong.map(describeFinding))].slice(0, 6).join('\n');
          const away = wrong.some(({ type }) => type === 'AAAA');
          throw new InfraError(say('dns.wrong', { zone, lines }), { hints: [say('dns.own', { addresses: own.join(', ') }), ...(away ? [say('dns.ipv6')] : []), say('again')] });
        }
        await sleep(pauseSeconds * 1000);
      }
    },
  };
}
