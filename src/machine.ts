import { z } from 'zod';
import { say } from './program-words.js';

/**
 * A path below /dev/disk/by-id. Letters (/dev/vdb) move between boots and are never accepted.
 * The characters are those that udev leaves in such names.
 */
export const diskId = z
  .string()
  .regex(/^\/dev\/disk\/by-id\/[A-Za-z0-9][A-Za-z0-9._:+=@-]{2,200}$/, { error: () => say('machine.disk') });

/** Ports that nobody outside may reach, whatever listens there: Docker's API, PostgreSQL, the backend behind the router. */
export const CLOSED_PORTS: readonly number[] = [2375, 5432, 8080];

/** The server as a target built or found it: everything that the steps on the server need to know of it. */
export const machineSchema = z.object({
  address: z.object({
    host: z.string(),
    port: z.number().int().min(1).max(65535),
    user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, { error: () => say('machine.user') }),
    hostKey: z.string().regex(/^(ssh-ed25519|ecdsa-sha2-nistp256|ssh-rsa) [A-Za-z0-9+/]{40,}=*( [^\n]*)?$/, { error: () => say('machine.hostKey') }),
  }),
  disks: z.object({ postgres: diskId, documents: diskId }),
  /** Where the server's ports 80 and 443 answer from this computer. */
  web: z.object({ host: z.string(), http: z.number().int(), https: z.number().int() }),
  /** Where CLOSED_PORTS can be tried from this computer. */
  closed: z.array(z.object({ port: z.number().int(), host: z.string(), at: z.number().int() })),
  /** A forwarder stands between this computer and the server: it accepts every connection itself, so only a port that answers is open. */
  forwarder: z.boolean(),
});
export type Machine = z.infer<typeof machineSchema>;

/** An S3 bucket, and where it answers. */
export const bucketSchema = z.object({
  /** As the server reaches it. */
  endpoint: z.url({ protocol: /^https?$/, error: () => say('bucket.endpoint') }),
  /** As this computer reaches it, where that differs. */
  endpointFromHere: z.url({ protocol: /^https?$/, error: () => say('bucket.endpoint') }).optional(),
  region: z.string().regex(/^[a-z0-9-]{2,32}$/, { error: () => say('bucket.region') }),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, { error: () => say('bucket.name') }),
  /** The server-side encryption to ask for and to find in HEAD afterwards; "none" is the operator's explicit choice. */
  encryption: z.discriminatedUnion('mode', [
    z.object({ mode: z.literal('AES256') }),
    z.object({ mode: z.literal('aws:kms'), keyId: z.string().min(1) }),
    z.object({ mode: z.literal('none') }),
  ]),
});
export type Bucket = z.infer<typeof bucketSchema>;
