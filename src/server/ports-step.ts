import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { blocked, done, needed, type Step } from '../step.js';
import { InfraError } from '../errors.js';
import { type PortReport, verifyPorts } from './ports.js';
import { say } from './words.js';

export interface PortsStepOptions {
  machine: () => Promise<Machine>;
  /** Whether the site is served over TLS, so that 443 has to answer as well. */
  tls: boolean;
  progress: Progress;
  /** How long the open ports may take to answer. */
  patienceSeconds?: number;
  timeoutSeconds?: number;
}

/**
 * Tried from this computer, as a stranger would: ssh and the web answer, and nothing of CLOSED_PORTS does. What the
 * firewall says of itself is no proof; Docker publishes ports past many a firewall.
 */
export function portsStep({ machine, tls, progress, patienceSeconds = 60, timeoutSeconds }: PortsStepOptions): Step {
  async function look(): Promise<PortReport[]> {
    const { address, web, closed, forwarder } = await machine();
    const open = [
      { port: 22, host: address.host, at: address.port },
      { port: 80, host: web.host, at: web.http },
      ...(tls ? [{ port: 443, host: web.host, at: web.https }] : []),
    ];
    const ports = [...open.map((one) => ({ ...one, expected: 'open' as const })), ...closed.map((one) => ({ ...one, expected: 'closed' as const }))];
    return (await verifyPorts({ ports, forwarder, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) })).ports;
  }

  return {
    id: 'ports',
    title: say('ports.title'),
    onServer: true,

    async check() {
      const reports = await look();
      const leaks = reports.filter(({ ok, expected }) => !ok && expected === 'closed').map(({ port }) => port);
      if (leaks.length > 0) {
        return blocked(say('ports.leaks', { ports: leaks.join(', ') }), 'koprogo-infra ssh -- sudo nft list ruleset', 'koprogo-infra ssh -- sudo ss -ltnp');
      }
      const deaf = deafPorts(reports);
      if (deaf.length > 0) return needed(say('ports.wait', { ports: deaf.join(', ') }));
      const list = (expected: PortReport['expected']) => reports.filter((report) => report.expected === expected).map(({ port }) => port).join(', ');
      return done(say('ports.done', { open: list('open'), closed: list('closed') }));
    },

    async apply() {
      const end = Date.now() + patienceSeconds * 1000;
      for (let deaf = deafPorts(await look()); deaf.length > 0; deaf = deafPorts(await look())) {
        progress.update(say('ports.waiting', { ports: deaf.join(', ') }));
        if (Date.now() > end) {
          throw new InfraError(say('ports.deaf', { ports: deaf.join(', '), patienceSeconds }), {
            hints: [say('ports.open'), 'koprogo-infra stack logs traefik'],
          });
        }
      }
    },
  };
}

function deafPorts(reports: readonly PortReport[]): number[] {
  return reports.filter(({ ok, expected }) => !ok && expected === 'open').map(({ port }) => port);
}
