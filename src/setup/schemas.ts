import { z } from 'zod';
import { bucketSchema, diskId, machineSchema } from '../machine.js';
import { domainName } from '../stack/domain.js';
import { isManagerAccount, loginBase } from '../targets/ovh/openrc/openrc.js';
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

/** An id, or name:NAME@DOMAIN, as an OpenRC file that has no id says it. */
const PROJECT = /^(?:[A-Za-z0-9_-]{1,64}|name:([^\p{Cc}]{1,255})@([^\p{Cc}@]{1,255}))$/u;
const ONE_LINE = /^[^\p{Cc}]{1,255}$/u;
/** In GB: the rules of the Terraform module. */
const diskSize = z
  .string()
  .regex(/^\d{2,4}$/, { error: () => say('schema.diskSize') })
  .transform(Number)
  .refine((size) => size >= 10 && size <= 4000, { error: () => say('schema.diskSize') });
const place = z.enum(['ovh', 'elsewhere'], { error: () => say('schema.place') });
/** Of this computer. */
const path = z.string().regex(/^[^\p{Cc}]{1,1000}$/u, { error: () => say('schema.path') });
const tokenPart = z.string().regex(/^[A-Za-z0-9]{8,64}$/, { error: () => say('schema.tokenPart') });

/** What an answer may be, by question key: from the text that was given to the value in SetupConfig. Problems are said in the present language. */
export const SCHEMAS = {
  target: z.enum(['sandbox', 'host', 'ovh'], { error: () => say('schema.target') }),
  domain: domainName,
  www: z.enum(['yes', 'no'], { error: () => say('schema.yesOrNo') }).transform((answer) => answer === 'yes'),
  email: z.email({ error: () => say('schema.email') }),
  unlock: z.enum(['auto', 'tpm', 'manual'], { error: () => say('schema.unlock') }),
  sshKey: path,
  'host.address': z.union([z.ipv4(), z.ipv6(), domainName], { error: () => say('schema.address') }),
  'host.port': z.coerce.number({ error: () => say('schema.port') }).pipe(saying(address.port, () => say('schema.portRange'))),
  'host.user': saying(address.user, () => say('schema.user')),
  'host.hostKey': saying(address.hostKey, () => say('schema.hostKey')),
  'disks.postgres': saying(diskId, () => say('schema.disk')),
  'disks.documents': saying(diskId, () => say('schema.disk')),
  'ovh.openrc': z.string().min(1).max(64 * 1024, { error: () => say('schema.openrc') }),
  'ovh.authUrl': z.string().transform((text, context) => {
    const base = loginBase(text);
    if (base !== undefined) return base;
    context.addIssue({ code: 'custom', message: say('schema.authUrl') });
    return z.NEVER;
  }),
  'ovh.project': z
    .string()
    .regex(PROJECT, { error: () => say('schema.project') })
    .transform((text) => {
      const [, name, place] = PROJECT.exec(text) ?? [];
      return name === undefined ? { id: text } : { name, domain: domainOf(place ?? '') };
    }),
  'ovh.username': z
    .string()
    .regex(ONE_LINE, { error: () => say('schema.openStackUser') })
    .refine((name) => !isManagerAccount(name), { error: () => say('schema.managerAccount') }),
  'ovh.userDomain': z
    .string()
    .regex(ONE_LINE, { error: () => say('schema.domain') })
    .transform(domainOf),
  'ovh.password': z.string().regex(/^[^\p{Cc}]{1,1024}$/u, { error: () => say('schema.password') }),
  'ovh.region': z.string().regex(/^[A-Za-z0-9]([A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/, { error: () => say('schema.ovhRegion') }),
  'ovh.flavor': z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error: () => say('schema.flavor') }),
  'ovh.volumeType': z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: () => say('schema.volumeType') }),
  'ovh.postgresSize': diskSize,
  'ovh.documentsSize': diskSize,
  'ovh.dns': place,
  'ovh.backups': place,
  'ovhBucket.name': saying(bucketSchema.shape.bucket, () => say('schema.bucket')),
  'ovhBucket.region': z.string().regex(/^[A-Z]{2,10}(-[A-Z]{2,10}){0,3}$/, { error: () => say('schema.bucketRegion') }),
  'ovhApi.endpoint': z.enum(['ovh-eu', 'ovh-ca'], { error: () => say('schema.ovhEndpoint') }),
  'ovhApi.applicationKey': tokenPart,
  'ovhApi.applicationSecret': tokenPart,
  'ovhApi.consumerKey': tokenPart,
  'bucket.endpoint': saying(bucketSchema.shape.endpoint, () => say('schema.endpoint')),
  'bucket.region': saying(bucketSchema.shape.region, () => say('schema.region')),
  'bucket.bucket': saying(bucketSchema.shape.bucket, () => say('schema.bucket')),
  'bucket.encryption': encryption,
  'bucket.accessKeyId': z.string().regex(/^[\x21-\x7e]{3,128}$/, { error: () => say('schema.accessKey') }),
  'bucket.secretAccessKey': z.string().regex(/^[\x21-\x7e]{3,256}$/, { error: () => say('schema.secretKey') }),
  'recovery.copies': z.enum(['kit', 'sheets', 'later'], { error: () => say('schema.copies') }),
  'recovery.directory': path,
} satisfies Record<string, z.ZodType>;

export type QuestionKey = keyof typeof SCHEMAS;

/** "Default" is a name, "id:default" an id. */
function domainOf(text: string): { id: string } | { name: string } {
  return text.startsWith('id:') ? { id: text.slice(3) } : { name: text };
}

/** A schema of another room, which may also be read on the server, with its problem in the words of this conversation. */
function saying<Value extends string | number>(schema: z.ZodType<Value>, problem: () => string) {
  return z.custom<Value>((value) => schema.safeParse(value).success, { error: problem });
}
