import { z } from 'zod';
import { contentKey, recordContent, type WantedRecord, type ZoneRecord } from './records.js';

/**
 * What this program did to a zone, so that `destroy` can undo it: a document of the encrypted state. It is stored before
 * anything is written to the zone, so that it holds after a crash anywhere.
 */
export const dnsDocument = z.object({
  format: z.literal(1),
  zone: z.string().min(1).max(253),
  /** Names in the zone that were touched; empty for the zone's own. */
  touched: z.array(z.string().max(253)).max(100),
  /** What was at these names before. */
  before: z.array(recordContent).max(1000),
  /** All that was ever written (or was about to be), the latest last. */
  made: z.array(recordContent.omit({ ttl: true })).max(1000),
  /** Records were about to be written since OVH was last told to publish the zone. */
  unpublished: z.boolean(),
});
export type DnsDocument = z.infer<typeof dnsDocument>;

/** The document for a first or a further change. What was there before a first one is never overwritten. */
export function aboutToChange(document: DnsDocument | undefined, zone: string, wanted: readonly WantedRecord[], existing: readonly ZoneRecord[]): DnsDocument {
  const known = document ?? { format: 1, zone, touched: [], before: [], made: [], unpublished: false };
  const fresh = [...new Set(wanted.map(({ subDomain }) => subDomain))].filter((name) => !known.touched.includes(name));
  const made = new Map([...known.made, ...wanted].map(({ subDomain, type, target }) => [contentKey({ subDomain, type, target }), { subDomain, type, target }]));
  return {
    format: 1,
    zone,
    touched: [...known.touched, ...fresh],
    before: [...known.before, ...existing.filter(({ subDomain }) => fresh.includes(subDomain)).map(({ subDomain, type, target, ttl }) => ({ subDomain, type, target, ttl }))],
    made: [...made.values()],
    unpublished: true,
  };
}
