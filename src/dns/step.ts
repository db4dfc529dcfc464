import { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { blocked, type Check, done, needed, type Step } from '../step.js';
import { type DnsDocumentStore, lookAtZone, writeRecords } from './apply.js';
import { entriesFrom, type ManualEntry } from './elsewhere.js';
import { findZoneServers, nodeResolver, type ResolverFor } from './name-servers.js';
import type { OvhZone } from './ovh-zone.js';
import type { DnsPlan } from './plan.js';
import { describeRecord, type Site, type WantedRecord, wantedRecords, type ZoneRecord } from './records.js';
import { askAll, describeFinding, expectationsOf, waitForRecords } from './wait.js';
import { say } from './words.js';

export interface DnsStepDeps {
  /** Undefined while there is no server whose address could be given. */
  site: () => Promise<Omit<Site, 'zone'> | undefined>;
  /** Undefined where the zone is managed elsewhere: then the operator is told what to enter there. */
  zone: OvhZone | undefined;
  store: DnsDocumentStore;
  /** Shows records that are in the way, and asks whether they may be replaced. */
  agree: (inTheWay: readonly ZoneRecord[], zone: string) => Promise<boolean>;
  progress: Progress;
  limitSeconds?: number;
  pauseSeconds?: number;
  resolverFor?: ResolverFor;
}

/** The site's names lead to the server, and the zone's own name servers say so. */
export function dnsStep(deps: DnsStepDeps): Step {
  const { zone, store, progress, resolverFor = nodeResolver } = deps;

  /** What its own name servers say; found anew each time, because a domain may be moving between providers. */
  async function ask(wanted: readonly WantedRecord[], domain: string) {
    const servers = await findZoneServers(domain, resolverFor);
    return { servers, findings: await askAll(servers, expectationsOf(wanted), resolverFor) };
  }

  async function wantedFor(site: Omit<Site, 'zone'>): Promise<WantedRecord[]> {
    return wantedRecords({ ...site, zone: zone?.zone ?? (await findZoneServers(site.domain, resolverFor)).zone });
  }

  async function look(): Promise<Check> {
    const site = await deps.site();
    if (!site) return needed(say('step.lead'));
    const wanted = await wantedFor(site);
    const changes = zone ? describeChanges(await lookAtZone(zone, wanted, await store.read())) : [];
    if (changes.length > 0) return needed(...changes, say('step.wait'));
    const { servers, findings } = await ask(wanted, site.domain);
    const wrong = findings.filter(({ right }) => !right);
    if (wrong.length === 0) return done(say('step.done', { domain: site.domain, zone: servers.zone }));
    const entries = zone ? [] : entriesFrom(findings, servers.zone).map((entry) => say('step.byYou', { entry: describeEntry(entry, servers.zone) }));
    return needed(...entries, say('step.waitFor', { zone: servers.zone, finding: describeFinding(wrong[0]) }));
  }

  async function make(): Promise<void> {
    const site = await deps.site();
    if (!site) throw new InfraError(say('step.noServer'), { hints: ['koprogo-infra setup'] });
    const wanted = await wantedFor(site);
    if (zone) {
      const { replaced } = await lookAtZone(zone, wanted, await store.read());
      const agreed = replaced.length > 0 && (await deps.agree(replaced, zone.zone)) ? replaced : [];
      await writeRecords(zone, wanted, store, agreed);
    }
    const { servers, findings } = await ask(wanted, site.domain);
    if (!zone) for (const entry of entriesFrom(findings, servers.zone)) progress.note(describeEntry(entry, servers.zone));
    const { limitSeconds, pauseSeconds } = deps;
    await waitForRecords({ servers, wanted, progress, resolverFor, ...(limitSeconds === undefined ? {} : { limitSeconds }), ...(pauseSeconds === undefined ? {} : { pauseSeconds }) });
  }

  return {
    id: 'dns',
    title: 'DNS',
    onServer: false,
    check: async () => {
      try {
        return await look();
      } catch (error) {
        if (!(error instanceof InfraError)) throw error;
        return blocked(error.message, ...error.hints);
      }
    },
    apply: make,
  };
}

/** "in the zone example.be, enter: api A 203.0.113.7 (TTL 300)". */
export function describeEntry({ action, name, type, value, ttl }: ManualEntry, zone: string): string {
  return action === 'enter' ? say('entry.enter', { zone, name, type, value, ttl: String(ttl) }) : say('entry.remove', { zone, name, type, value });
}

/** What will be done to a zone, one sentence a record. */
export function describeChanges({ changes, zone }: DnsPlan): string[] {
  return changes.map((change) => {
    if (change.action === 'create') return say('record.make', { record: describeRecord(change.record, zone) });
    if (change.action === 'remove') return say('record.remove', { record: describeRecord(change.existing, zone) });
    return say('record.change', { record: describeRecord(change.existing, zone), target: change.record.target });
  });
}
