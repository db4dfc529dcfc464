import { RefusedError } from '../errors.js';
import { aboutToChange, type DnsDocument } from './document.js';
import type { OvhZone } from './ovh-zone.js';
import { type DnsPlan, planRecords } from './plan.js';
import { contentKey, describeRecord, type WantedRecord, type ZoneRecord } from './records.js';
import { say } from './words.js';

/** Where the caller keeps the document: in the encrypted state. */
export interface DnsDocumentStore {
  read(): Promise<DnsDocument | undefined>;
  write(document: DnsDocument): Promise<void>;
  remove(): Promise<void>;
}

const namesOf = (wanted: readonly WantedRecord[]) => [...new Set(wanted.map(({ subDomain }) => subDomain))];

/** What has to change in a zone at OVH. Only reads. Throws RefusedError where records would have no effect. */
export async function lookAtZone(zone: OvhZone, wanted: readonly WantedRecord[], document: DnsDocument | undefined): Promise<DnsPlan> {
  const names = namesOf(wanted);
  const elsewhere = await zone.handedOver(names);
  if (elsewhere !== undefined) {
    throw new RefusedError(say('handedOver', { zone: zone.zone, name: elsewhere }), {
      hints: [say('handedOver.look', { zone: zone.zone, name: elsewhere }), say('handedOver.remove')],
    });
  }
  return planRecords(zone.zone, wanted, await zone.records(names), document?.made);
}

/**
 * Writes the wanted records. Looks anew, so that it goes on where an earlier run broke off, and changes nothing when all is right.
 * @param agreed records that may be replaced or removed, as they were shown; anything else in the way is a RefusedError
 * @returns what was changed
 */
export async function writeRecords(zone: OvhZone, wanted: readonly WantedRecord[], store: DnsDocumentStore, agreed: readonly ZoneRecord[]): Promise<DnsPlan> {
  const document = await store.read();
  refuseOtherZone(zone, document);
  const plan = await lookAtZone(zone, wanted, document);
  const may = new Set(agreed.map(contentKey));
  const unasked = plan.replaced.filter((record) => !may.has(contentKey(record)));
  if (unasked.length > 0) {
    const records = unasked.map((record) => describeRecord(record, zone.zone)).join(say('join'));
    throw new RefusedError(say('inTheWay', { zone: zone.zone, records }), { hints: [say('inTheWay.agree'), say('inTheWay.remove')] });
  }
  if (plan.changes.length === 0) {
    // A run that ended between writing and publishing left this undone.
    if (document?.unpublished === true) await publish(zone, store, document);
    else if (!document) await store.write({ ...aboutToChange(undefined, zone.zone, wanted, plan.kept), unpublished: false });
    return plan;
  }
  const next = aboutToChange(document, zone.zone, wanted, existingIn(plan));
  await store.write(next);
  for (const change of plan.changes) {
    if (change.action === 'create') await zone.create(change.record);
    else if (change.action === 'update') await zone.update(change.existing, change.record);
    else await zone.remove(change.existing);
  }
  await publish(zone, store, next);
  return plan;
}

async function publish(zone: OvhZone, store: DnsDocumentStore, document: DnsDocument): Promise<void> {
  await zone.publish();
  await store.write({ ...document, unpublished: false });
}

function existingIn({ kept, changes }: DnsPlan): ZoneRecord[] {
  return [...kept, ...changes.flatMap((change) => (change.action === 'create' ? [] : [change.existing]))];
}

function refuseOtherZone(zone: OvhZone, document: DnsDocument | undefined): void {
  if (!document || document.zone === zone.zone) return;
  throw new RefusedError(say('otherZone', { found: document.zone, wanted: zone.zone }), { hints: [say('otherZone.hint', { found: document.zone })] });
}
