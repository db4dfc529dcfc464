import { z } from 'zod';
import { bucketSchema, diskId, machineSchema } from '../machine.js';
import { domainName } from '../stack/domain.js';
import { say } from './words.js';

const address = machineSchema.shape.address.shape;

/** "AES256", "none" or "aws:kms:KEY-ID", as one answer. */
const encryption = z
  .string()
  .regex(/^(AES256|none|aws:kms:.+)$/, { error: () => say('schema.encryption') })
  .transform((text) => {
    if (text.startsWith('aws:kms:')) return { mode: 'aws:kms' as const, keyId: text.slice('aws:kms:'.length) };
    return text === 'none' ? { mode: 'none' as const } : { mode: 'AES256' as const };
  });

/** What an answer may be, by question key: from the text that was given to the value in SetupConfig. Problems are said in the present language. */
export const SCHEMAS = {
  target: z.enum(['sandbox', 'host'], { error: () => say('schema.target') }),
  domain: domainName,
  email: z.email({ error: () => say('schema.email') }),
  unlock: z.enum(['auto', 'tpm', 'manual'], { error: () => say('schema.unlock') }),
  sshKey: z.string().min(1, { error: () => say('schema.sshKey') }),
  'host.address': z.union([z.ipv4(), z.ipv6(), domainName], { error: () => say('schema.address') }),
  'host.port': z.coerce.number({ error: () => say('schema.port') }).pipe(saying(address.port, () => say('schema.portRange'))),
  'host.user': saying(address.user, () => say('schema.user')),
  'host.hostKey': saying(address.hostKey, () => say('schema.hostKey')),
  'disks.postgres': saying(diskId, () => say('schema.disk')),
  'disks.documents': saying(diskId, () => say('schema.disk')),
  'bucket.endpoint': saying(bucketSchema.shape.endpoint, () => say('schema.endpoint')),
  'bucket.region': saying(bucketSchema.shape.region, () => say('schema.region')),
  'bucket.bucket': saying(bucketSchema.shape.bucket, () => say('schema.bucket')),
  'bucket.encryption': encryption,
  'bucket.accessKeyId': z.string().regex(/^[\x21-\x7e]{3,128}$/, { error: () => say('schema.accessKey') }),
  'bucket.secretAccessKey': z.string().regex(/^[\x21-\x7e]{3,256}$/, { error: () => say('schema.secretKey') }),
} satisfies Record<string, z.ZodType>;

export type QuestionKey = keyof typeof SCHEMAS;

/** A schema of another room, which may also be read on the server, with its problem in the words of this conversation. */
function saying<Value extends string | number>(schema: z.ZodType<Value>, problem: () => string) {
  return z.custom<Value>((value) => schema.safeParse(value).success, { error: problem });
}
