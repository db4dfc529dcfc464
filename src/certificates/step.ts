import { setTimeout as sleep } from 'node:timers/promises';
import { siteHosts } from '../dns/names.js';
import type { Host } from '../edges/command.js';
import { InfraError, messageOf } from '../errors.js';
import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { readContainers } from '../stack/containers.js';
import { stackLogs, stackRestart } from '../stack/operate.js';
import { visit } from '../stack/visit.js';
import type { StateStore } from '../state/store.js';
import { done, needed, type Step } from '../step.js';
import { type AcmeLog, readAcmeLog } from './acme-log.js';
import { type Authority, authorityFor, CERTIFICATES_DOCUMENT, type CertificatesDocument, certificatesSchema, findHeldCertificate, holdsCertificate } from './document.js';
import { day, describeSeen, isGood, lookAtCertificate, type Seen } from './handshake.js';
import { say } from './words.js';

export interface CertificatesStepOptions {
  machine: () => Promise<Pick<Machine, 'web'>>;
  server: () => Promise<Host>;
  state: StateStore;
  domain: string;
  www: boolean;
  /** Brings the server's files and containers to what the state says, after the rehearsal. */
  stack: Pick<Step, 'apply'>;
  progress: Progress;
  /** For each of: the rehearsal, the real certificates. */
  patienceSeconds?: number;
  pauseSeconds?: number;
  timeoutSeconds?: number;
  /** For tests: whom to trust instead of this computer's authorities, in PEM. */
  ca?: string;
}

const LOG_LINES = 500;

/**
 * Every name of the site shows a certificate that this computer trusts. The names lead to the server already (namesStep), and
 * port 80 has to answer; then comes a rehearsal with its staging authority, and only after that the real one, which refuses a
 * name for an hour after five failures. Traefik is started again for a further try once a run at most.
 */
export function certificatesStep(options: CertificatesStepOptions): Step {
  const { machine, server, state, domain, www, stack, progress, ca, timeoutSeconds = 15 } = options;
  const { patienceSeconds = 300, pauseSeconds = 5 } = options;
  const names = siteHosts(domain, www);

  async function look(): Promise<Seen[]> {
    const { web } = await machine();
    return Promise.all(names.map((name) => lookAtCertificate({ host: web.host, port: web.https, name, timeoutSeconds, ...(ca === undefined ? {} : { ca }) })));
  }

  /** What is answered does not matter: the connection is to the server's own address, and no challenge is under way. */
  async function port80Answers(): Promise<void> {
    const { web } = await machine();
    for (const name of names) {
      try {
        await visit({ scheme: 'http', web, name, path: '/.well-known/acme-challenge/koprogo-infra', timeoutSeconds });
      } catch (cause) {
        throw new InfraError(say('port80.silent', { name, host: web.host, port: web.http, why: messageOf(cause) }), { hints: [say('port80.open'), 'koprogo-infra stack logs traefik'], cause });
      }
    }
  }

  async function authority(): Promise<Authority> {
    const { stdout } = await (await server()).run({ ...findHeldCertificate(domain), purpose: say('step.find') });
    return authorityFor(domain, await state.get(CERTIFICATES_DOCUMENT, certificatesSchema), holdsCertificate(stdout, domain));
  }

  /** Traefik's words since it was last started: what it said before was about an earlier try. */
  async function traefik(): Promise<AcmeLog & { startedAt: number }> {
    const host = await server();
    const container = (await readContainers(host)).find(({ service }) => service === 'traefik');
    const startedAt = Date.parse(container?.startedAt ?? '');
    if (Number.isNaN(startedAt)) throw new InfraError(say('step.noTraefik'), { hints: ['koprogo-infra status', 'koprogo-infra setup'] });
    return { ...readAcmeLog(await stackLogs(host, 'traefik', LOG_LINES, new Date(startedAt))), startedAt };
  }

  /** Waits until every name has a certificate of this authority. Traefik tries once after each start: where that failed before, it is started again. */
  async function obtain(from: Authority): Promise<void> {
    const missing = async () => (await look()).filter((seen) => !(isGood(seen) || (from === 'staging' && seen.state === 'staging')));
    if ((await missing()).length === 0) return;
    const before = await traefik();
    if (before.retryAfter && before.retryAfter.getTime() > Date.now()) throw notObtained(from, before);
    if (before.failures.length > 0 || Date.now() - before.startedAt > patienceSeconds * 1000) {
      progress.update(say('step.restart'));
      await stackRestart(await server(), 'traefik');
    }
    const end = Date.now() + patienceSeconds * 1000;
    for (;;) {
      const [first, ...rest] = await missing();
      if (!first) return;
      progress.update(say(from === 'staging' ? 'step.rehearsing' : 'step.obtaining', { problem: describeSeen(first) }), { done: names.length - rest.length - 1, total: names.length, unit: 'items' });
      const said = await traefik();
      if (said.failures.length > 0 || Date.now() + pauseSeconds * 1000 > end) throw notObtained(from, said);
      await sleep(pauseSeconds * 1000);
    }
  }

  return {
    id: 'certificates',
    title: say('step.title'),
    onServer: true,

    async check() {
      const seen = await look();
      const wrong = seen.filter((one) => !isGood(one));
      if (wrong.length > 0) return needed(...wrong.map((one) => say('step.get', { name: one.name, problem: describeSeen(one) })));
      const [first] = seen.flatMap((one) => (one.state === 'trusted' ? [one] : [])).sort((one, other) => one.until.getTime() - other.until.getTime());
      return done(first && say('step.done', { names: names.join(', '), issuer: first.issuer, until: day(first.until) }));
    },

    async apply() {
      await port80Answers();
      if ((await authority()) === 'staging') {
        await obtain('staging');
        const document: CertificatesDocument = { version: 1, rehearsed: { names, at: new Date().toISOString() } };
        await state.put(CERTIFICATES_DOCUMENT, document);
        progress.note(say('step.rehearsed'));
        await stack.apply();
      }
      await obtain('production');
    },
  };
}

/** The words of Traefik and Let's Encrypt are in the message: the catalogue of troubles adds cause and fix to what it knows. */
function notObtained(from: Authority, { failures, retryAfter }: AcmeLog): InfraError {
  const words = failures.length === 0 ? [say('failed.silent')] : failures;
  const when = retryAfter && retryAfter.getTime() > Date.now() ? [say('failed.retryAfter', { time: `${retryAfter.toISOString().slice(0, 16).replace('T', ' ')} UTC` })] : [];
  const lines = [say(from === 'staging' ? 'failed.rehearsal' : 'failed.real'), ...words, ...when];
  return new InfraError(lines.join('\n'), {
    hints: [...(failures.length === 0 ? [say('port80.open')] : []), ...(when.length > 0 ? [say('failed.wait')] : []), 'koprogo-infra stack logs traefik', say('again')],
  });
}
