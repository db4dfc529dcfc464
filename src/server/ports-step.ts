import type { Machine } from '../machine.js';
import type { Progress } from '../progress.js';
import { blocked, done, needed, type Step } from '../step.js';
import { InfraError } from '../errors.js';
import { type PortReport, verifyPorts } from './ports.js';

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
    title: 'Ports, seen from here',
    onServer: true,

    async check() {
      const reports = await look();
      const leaks = reports.filter(({ ok, expected }) => !ok && expected === 'closed').map(({ port }) => port);
      if (leaks.length > 0) {
        return blocked(`port ${leaks.join(', ')} of the server answers from outside, though its firewall should close it`, 'koprogo-infra ssh -- sudo nft list ruleset', 'koprogo-infra ssh -- sudo ss -ltnp');
      }
      const deaf = deafPorts(reports);
      if (deaf.length > 0) return needed(`wait until port ${deaf.join(', ')} answers`);
      const list = (expected: PortReport['expected']) => reports.filter((report) => report.expected === expected).map(({ port }) => port).join(', ');
      return done(`${list('open')} answer; ${list('closed')} do not`);
    },

    async apply() {
      const end = Date.now() + patienceSeconds * 1000;
      for (let deaf = deafPorts(await look()); deaf.length > 0; deaf = deafPorts(await look())) {
        progress.update(`waiting for port ${deaf.join(', ')} to answer`);
        if (Date.now() > end) {
          throw new InfraError(`port ${deaf.join(', ')} of the server does not answer from this computer within ${patienceSeconds} s`, {
            hints: ["open it in your provider's own firewall, where there is one", 'koprogo-infra stack logs traefik'],
          });
        }
      }
    },
  };
}

function deafPorts(reports: readonly PortReport[]): number[] {
  return reports.filter(({ ok, expected }) => !ok && expected === 'open').map(({ port }) => port);
}
