import { z } from 'zod';
import { bucketSchema, machineSchema } from '../machine.js';
import { domainName } from '../stack/domain.js';
import { secretText } from '../state/schema.js';
import type { Answers } from './question.js';
import { QUESTIONS } from './questions.js';
import { SCHEMAS } from './schemas.js';

/** Of OpenStack. */
const domain = z.union([z.strictObject({ id: z.string() }), z.strictObject({ name: z.string() })]);

const ownBucket = z.strictObject({
  ...bucketSchema.omit({ endpointFromHere: true }).shape,
  accessKeyId: z.string(),
  secretAccessKey: secretText,
});

const common = {
  domain: domainName,
  /** Whether www. in front of the domain leads to the site. Answers that are older than the question mean no. */
  www: z.boolean().default(false),
  /** For Let's Encrypt. Without it the server answers over plain HTTP. */
  email: z.email().optional(),
  unlock: z.enum(['auto', 'tpm', 'manual']),
  sshKey: z.string().optional(),
  /** Absent in what was answered before this was asked. */
  recovery: z.strictObject({ copies: z.enum(['kit', 'sheets', 'later']), directory: z.string().optional() }).optional(),
};

/** Everything the steps need to know, however it was given: flags, environment, answers file, prompts. */
export const setupConfigSchema = z.discriminatedUnion('target', [
  z.strictObject({ target: z.literal('sandbox'), ...common }),
  z.strictObject({
    target: z.literal('host'),
    ...common,
    host: z.strictObject({ ...machineSchema.shape.address.omit({ host: true }).shape, address: z.string() }),
    disks: machineSchema.shape.disks,
    bucket: ownBucket,
  }),
  z.strictObject({
    target: z.literal('ovh'),
    ...common,
    ovh: z.strictObject({
      openrc: z.string().optional(),
      authUrl: z.string(),
      project: z.union([z.strictObject({ id: z.string() }), z.strictObject({ name: z.string(), domain })]),
      username: z.string(),
      userDomain: domain,
      password: secretText,
      region: z.string(),
      flavor: z.string(),
      volumeType: z.string(),
      postgresSize: z.number(),
      documentsSize: z.number(),
      dns: z.enum(['ovh', 'elsewhere']),
      backups: z.enum(['ovh', 'elsewhere']),
    }),
    /** Where DNS or backups are at OVH. */
    ovhApi: z.strictObject({ endpoint: z.enum(['ovh-eu', 'ovh-ca']), applicationKey: z.string(), applicationSecret: secretText, consumerKey: secretText }).optional(),
    ovhBucket: z.strictObject({ name: z.string(), region: z.string() }).optional(),
    bucket: ownBucket.optional(),
  }),
]);
export type SetupConfig = z.infer<typeof setupConfigSchema>;
export type HostConfig = Extract<SetupConfig, { target: 'host' }>;
export type OvhSetupConfig = Extract<SetupConfig, { target: 'ovh' }>;

/** The configuration that the answers mean. Throws ZodError: answers are checked one by one before they get here. */
export function toConfig(answers: Answers): SetupConfig {
  const nested: Record<string, unknown> = {};
  for (const { key } of QUESTIONS) {
    const text = answers[key];
    if (text === undefined) continue;
    const [head = '', tail] = key.split('.');
    const value: unknown = SCHEMAS[key].parse(text);
    if (tail === undefined) nested[head] = value;
    else nested[head] = { ...(nested[head] as Record<string, unknown> | undefined), [tail]: value };
  }
  return setupConfigSchema.parse(nested);
}
