import { z } from 'zod';
import { bucketSchema, diskId, machineSchema } from '../machine.js';
import { domainName } from '../stack/domain.js';

const address = machineSchema.shape.address.shape;

/** "AES256", "none" or "aws:kms:KEY-ID", as one answer. */
const encryption = z
  .string()
  .regex(/^(AES256|none|aws:kms:.+)$/, 'must be AES256, aws:kms:KEY-ID or none')
  .transform((text) => {
    if (text.startsWith('aws:kms:')) return { mode: 'aws:kms' as const, keyId: text.slice('aws:kms:'.length) };
    return text === 'none' ? { mode: 'none' as const } : { mode: 'AES256' as const };
  });

/** What an answer may be, by question key: from the text that was given to the value in SetupConfig. */
export const SCHEMAS = {
  target: z.enum(['sandbox', 'host'], 'must be sandbox or host'),
  domain: domainName,
  email: z.email('must be an e-mail address'),
  unlock: z.enum(['auto', 'tpm', 'manual'], 'must be auto, tpm or manual'),
  sshKey: z.string().min(1),
  'host.address': z.union([z.ipv4(), z.ipv6(), domainName], 'must be an IP address or a host name'),
  'host.port': z.coerce.number('must be a port number').pipe(address.port),
  'host.user': address.user,
  'host.hostKey': address.hostKey,
  'disks.postgres': diskId,
  'disks.documents': diskId,
  'bucket.endpoint': bucketSchema.shape.endpoint,
  'bucket.region': bucketSchema.shape.region,
  'bucket.bucket': bucketSchema.shape.bucket,
  'bucket.encryption': encryption,
  'bucket.accessKeyId': z.string().regex(/^[\x21-\x7e]{3,128}$/, 'must be 3 to 128 printable characters'),
  'bucket.secretAccessKey': z.string().regex(/^[\x21-\x7e]{3,256}$/, 'must be 3 to 256 printable characters'),
} satisfies Record<string, z.ZodType>;

export type QuestionKey = keyof typeof SCHEMAS;
