import { InfraError } from '../errors.js';
import type { DnsDocumentStore } from './apply.js';
import type { DnsDocument } from './document.js';
import type { OvhZone } from './ovh-zone.js';
import { contentKey, describeRecord, type RecordContent, type ZoneRecord } from './records.js';
import { say } from './words.js';

export interface RestorePlan {
  /** Ours, and still as we wrote them. */
  remove: ZoneRecord[];
  /** Were there before, and are gone. */
  create: RecordContent[];
  /** Neither ours nor there before: somebody has changed the zone since. Such names are left as they are. */
  foreign: ZoneRecord[];
  /** Were there before, but somebody has put something else there since. */
  notRestored: RecordContent[];
}

/** What brings a zone back to what it was. */
export function planRestore({ touched, before, made }: DnsDocument, existing: readonly ZoneRecord[]): RestorePlan {
  const plan: RestorePlan = { remove: [], create: [], foreign: [], notRestored: [] };
  const old = new Set(before.map(contentKey));
  const ours = new Set(made.map(contentKey));
  for (const name of touched) {
    const here = existing.filter(({ subDomain }) => subDomain === name);
    const present = new Set(here.map(contentKey));
    const foreign = here.filter((record) => !old.has(contentKey(record)) && !ours.has(contentKey(record)));
    const gone = before.filter((record) => record.subDomain === name && !present.has(contentKey(record)));
    plan.foreign.push(...foreign);
    plan.remove.push(...here.filter((record) => ours.has(contentKey(record)) && !old.has(contentKey(record))));
    if (foreign.length === 0) plan.create.push(...gone);
    else plan.notRestored.push(...gone);
  }
  return plan;
}

/**
 * Brings a zone back to what it was before this program changed it, and forgets the document. After a crash anywhere it
 * goes on. Returns undefined where nothing was ever changed. Throws InfraError when the zone, read again, is not as it should be.
 */
export async function restoreZone(zone: OvhZone, store: DnsDocumentStore): Promise<RestorePlan | undefined> {
  const document = await store.read();
  if (!document) return undefined;
  if (document.zone !== zone.zone) throw new Error(`the document is of the zone ${document.zone}, not ${zone.zone}`);
  const plan = planRestore(document, await zone.records(document.touched));
  if (plan.remove.length + plan.create.length > 0 || document.unpublished) {
    await store.write({ ...document, unpublished: true });
    // First what is ours: providers refuse a CNAME beside other records.
    for (const record of plan.remove) await zone.remove(record);
    for (const record of plan.create) await zone.create(record);
    await zone.publish();
    const { remove, create } = planRestore(document, await zone.records(document.touched));
    const left = [...remove, ...create].map((record) => describeRecord(record, zone.zone));
    if (left.length > 0) throw new InfraError(say('restore.notDone', { zone: zone.zone, records: left.join('; ') }), { hints: ['koprogo-infra destroy'] });
  }
  await store.remove();
  return plan;
}

/** The plan in sentences, for `destroy`. */
export function describeRestore(plan: RestorePlan, zone: string): string[] {
  return [
    ...plan.remove.map((record) => say('record.remove', { record: describeRecord(record, zone) })),
    ...plan.create.map((record) => say('record.restore', { record: describeRecord(record, zone) })),
    ...plan.foreign.map((record) => say('record.leave', { record: describeRecord(record, zone) })),
    ...plan.notRestored.map((record) => say('record.notRestore', { record: describeRecord(record, zone) })),
  ];
}
