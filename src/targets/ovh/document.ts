import { z } from 'zod';
import type { DnsDocumentStore } from '../../dns/apply.js';
import { dnsDocument } from '../../dns/document.js';
import { generateSshKey } from '../../keys/ssh-key.js';
import { secretText } from '../../state/schema.js';
import type { StateStore } from '../../state/store.js';
import type { Guarded } from './module.js';

/** What one server at OVH is made with once and keeps. */
const schema = z.object({
  version: z.literal(1),
  /** Of everything that is made: "koprogo-tilleuls". */
  name: z.string().regex(/^koprogo-[a-z0-9-]{1,40}$/),
  /** The project's id, to which all of it belongs. */
  project: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
  /** The key by which the server proves who it is. */
  hostKey: z.object({ publicKey: z.string(), privateKey: secretText }),
  /** Ids of servers that were switched off for a change that has not been seen to end: they are started again first. */
  switchedOff: z.array(z.string().regex(/^[A-Za-z0-9_.:-]{1,100}$/)).max(10).optional(),
});
export type OvhDocument = z.infer<typeof schema>;

const NAME = 'ovh';
const DNS = 'dns';

export function readDocument(state: StateStore): Promise<OvhDocument | undefined> {
  return state.get(NAME, schema);
}

export function writeDocument(state: StateStore, document: OvhDocument): Promise<void> {
  return state.put(NAME, document);
}

export function removeDocument(state: StateStore): Promise<void> {
  return state.remove(NAME);
}

/** For a new server. Nothing in it is used before it is stored. */
export function newDocument(installation: string, project: string): OvhDocument {
  return { version: 1, name: resourceName(installation), project, hostKey: generateSshKey('koprogo') };
}

/** The name that everything of an installation has at OVH. The module takes 50 characters. */
export function resourceName(installation: string): string {
  const plain = installation.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-+/, '').slice(0, 40).replace(/-+$/, '');
  return `koprogo-${plain === '' ? 'site' : plain}`;
}

/** The names of the data disks, as a person types them to have them destroyed. */
export function diskNames({ name }: OvhDocument): Record<Exclude<Guarded, 'bucket'>, string> {
  return { postgres: `${name}-postgres`, documents: `${name}-documents` };
}

/** What was done to the zone, in the encrypted state. */
export function dnsDocuments(state: StateStore): DnsDocumentStore {
  return { read: () => state.get(DNS, dnsDocument), write: (document) => state.put(DNS, document), remove: () => state.remove(DNS) };
}
