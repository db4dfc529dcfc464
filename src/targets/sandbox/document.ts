import { randomBytes, randomUUID } from 'node:crypto';
import { z } from 'zod';
import { generateSshKey } from '../../keys/ssh-key.js';
import { Secret } from '../../secret.js';
import { secretText } from '../../state/schema.js';
import type { StateStore } from '../../state/store.js';
import { freePorts } from './ports.js';

const port = z.number().int().min(1).max(65535);

/** What one sandbox is made with once and keeps: ports, serials, and the secrets that Terraform must not see. */
const schema = z.object({
  version: z.literal(1),
  instanceId: z.string(),
  hostKey: z.object({ publicKey: z.string(), privateKey: secretText }),
  objectStore: z.object({ accessKey: z.string(), secretKey: secretText }),
  serials: z.object({ postgres: z.string(), documents: z.string() }),
  ports: z.object({ ssh: port, http: port, https: port, object_store: port }),
  forwards: z.array(z.object({ from: port, to: port })),
  /** Where the container images come from, decided once: the stack must not change because a registry was away. */
  images: z.enum(['registry', 'archive']).optional(),
});
export type SandboxDocument = z.infer<typeof schema>;

const NAME = 'sandbox';

export function readDocument(state: StateStore): Promise<SandboxDocument | undefined> {
  return state.get(NAME, schema);
}

export function writeDocument(state: StateStore, document: SandboxDocument): Promise<void> {
  return state.put(NAME, document);
}

export function removeDocument(state: StateStore): Promise<void> {
  return state.remove(NAME);
}

/** A new sandbox: nothing in it is used before it is stored. */
export async function newDocument(): Promise<SandboxDocument> {
  const [ssh = 0, http = 0, https = 0, object_store = 0] = await freePorts(4);
  const tag = randomBytes(4).toString('hex');
  return {
    version: 1,
    instanceId: randomUUID(),
    hostKey: generateSshKey('koprogo-sandbox'),
    objectStore: { accessKey: randomBytes(10).toString('hex').toUpperCase(), secretKey: new Secret(randomBytes(30).toString('base64url')) },
    serials: { postgres: `kopg-${tag}`, documents: `kodocs-${tag}` },
    ports: { ssh, http, https, object_store },
    forwards: [],
  };
}

/** The document with a forward for each of these ports of the server: those that it has stay as they are. */
export async function withForwards(document: SandboxDocument, wanted: readonly number[]): Promise<SandboxDocument> {
  const missing = [...new Set(wanted)].filter((to) => !document.forwards.some((forward) => forward.to === to));
  if (missing.length === 0) return document;
  const free = await freePorts(missing.length);
  const added = missing.map((to, index) => ({ from: free[index] ?? 0, to }));
  return { ...document, forwards: [...document.forwards, ...added] };
}
