import { z } from 'zod';
import { InfraError, messageOf } from '../errors.js';
import { bucketSchema } from '../machine.js';
import { secretText } from '../state/schema.js';
import { checkPrefix } from './layout.js';
import { say } from './words.js';

/** On the server: the encrypted volume, and in it what belongs to the backup program. */
export const DOCUMENTS_MOUNT = '/srv/koprogo/documents';
export const AGENT_DIRECTORY = `${DOCUMENTS_MOUNT}/agent`;
export const CONFIG_FILE = `${AGENT_DIRECTORY}/config.json`;
export const LAST_BACKUP_FILE = `${AGENT_DIRECTORY}/last-backup.json`;
/** A tmpfs directory that systemd makes for the unit. */
export const RUNTIME_DIRECTORY = '/run/koprogo-backup';
export const PROGRESS_FILE = `${RUNTIME_DIRECTORY}/progress.json`;

const line = z.string().min(1).max(300).regex(/^\P{Cc}+$/u, 'must not hold control characters');
const absolutePath = z.string().regex(/^(\/[A-Za-z0-9._-]+)+$/, 'must be an absolute path of plain characters');

/** What the program on the server is told. It holds the S3 secret key, and of the recovery key only the public half. */
export const agentConfigSchema = z.object({
  version: z.literal(1),
  agentVersion: line,
  installation: line,
  server: line,
  prefix: z.string().transform(checkPrefix),
  storage: z.object({ bucket: bucketSchema, accessKeyId: line, secretAccessKey: secretText }),
  recoveryKey: z.object({ armored: z.string().max(100_000), fingerprint: z.string().regex(/^[0-9A-F]{40}$/) }),
  database: z.object({ prefix: z.array(z.string()).readonly(), user: line, database: line }),
  /** Files and directories that the configuration archive holds, whole. */
  configuration: z.array(absolutePath),
});
export type AgentConfig = z.infer<typeof agentConfigSchema>;

/** How the newest run ended; written by the agent, read over SSH. */
export const lastBackupSchema = z.object({
  version: z.literal(1),
  outcome: z.enum(['ok', 'failed']),
  /** systemd's name of the run; "" when it was not started by systemd. */
  invocation: z.string().max(64),
  id: z.string().optional(),
  startedAt: z.iso.datetime(),
  finishedAt: z.iso.datetime(),
  seconds: z.number().nonnegative(),
  /** Of the dump itself, before compression. */
  plaintextBytes: z.number().int().nonnegative().optional(),
  compressedBytes: z.number().int().nonnegative().optional(),
  /** Of all objects together, as stored. */
  storedBytes: z.number().int().nonnegative().optional(),
  tables: z.number().int().nonnegative().optional(),
  warnings: z.array(z.string()),
  error: z.object({ message: z.string(), hints: z.array(z.string()) }).optional(),
});
export type LastBackup = z.infer<typeof lastBackupSchema>;

export const PHASES = ['starting', 'counting', 'roles', 'configuration', 'database', 'manifest'] as const;
export const backupProgressSchema = z.object({
  version: z.literal(1),
  invocation: z.string().max(64),
  phase: z.enum(PHASES),
  /** Plaintext bytes of the database that have gone through. */
  bytes: z.number().int().nonnegative(),
  /** `pg_database_size`: an estimate that counts indexes too, so a dump usually ends below it. 0 while unknown. */
  estimate: z.number().int().nonnegative(),
  updatedAt: z.iso.datetime(),
});
export type BackupProgress = z.infer<typeof backupProgressSchema>;

/** Reads JSON that came from a file or the server. Throws InfraError; the message quotes no content, which may be secret. */
export function parseJson<T>(text: string, schema: z.ZodType<T>, what: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new InfraError(say('config.noJson', { what }));
  }
  const read = schema.safeParse(json);
  if (!read.success) throw new InfraError(say('config.notValid', { what, why: z.prettifyError(read.error) }));
  return read.data;
}

/** What last-backup.json says when a run ended with this error. */
export function describeError(error: unknown): { message: string; hints: string[] } {
  return { message: messageOf(error), hints: error instanceof InfraError ? [...error.hints] : [] };
}
