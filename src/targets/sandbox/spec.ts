import { isAbsolute } from 'node:path';
import { z } from 'zod';

const path = z.string().refine(isAbsolute, 'must be an absolute path');
const port = z.number().int().min(1).max(65535);
const gib = z.number().int().min(1).max(4096);
/** The first 20 characters are what udev shows in /dev/disk/by-id. */
const serial = z.string().regex(/^[a-z0-9-]{4,20}$/);

/** The three things that Terraform builds, as it hands them to our program; secrets are in none of them. */
export const disksSpec = z.object({ directory: path, image: z.object({ disk: path, kernel: path, initrd: path }), sizes: z.object({ postgres: gib, documents: gib }) });
export const objectStoreSpec = z.object({ directory: path, port });
export const serverSpec = z.object({
  directory: path,
  serials: z.object({ postgres: serial, documents: serial }),
  cpus: z.number().int().min(1).max(64),
  memory: z.number().int().min(1024).max(1_048_576),
  /** From a loopback port of this computer to a port of the machine. */
  forwards: z.array(z.object({ from: port, to: port })),
});
/** What is left to know when something is taken down. */
export const downSpec = z.object({ directory: path });

export type DisksSpec = z.infer<typeof disksSpec>;
export type ServerSpec = z.infer<typeof serverSpec>;

/** What Terraform's outputs hold. */
export const outputsSchema = z.object({
  ssh: z.object({ host: z.string(), port, user: z.string() }),
  web: z.object({ host: z.string(), http: port, https: port }),
  disks: z.object({ postgres: z.string(), documents: z.string() }),
  object_store: z.object({ from_server: z.url(), from_here: z.url() }),
});
export type Outputs = z.infer<typeof outputsSchema>;
