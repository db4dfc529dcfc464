import { randomBytes } from 'node:crypto';
import { z } from 'zod';
import { InfraError } from '../errors.js';
import { Secret } from '../secret.js';
import type { ManagedFile } from '../server/files.js';
import { secretText } from '../state/schema.js';
import type { StateStore } from '../state/store.js';
import { say } from './words.js';

export const STACK_DOCUMENT = 'stack';
export const SECRETS_FOLDER = '/srv/koprogo/documents/secrets';

/** The stack's document in the state. Losing the two keys loses data, so they belong to what the operator keeps safe. */
export const stackStateSchema = z.object({
  version: z.literal(1),
  /** 43 characters that a URL holds unchanged. */
  postgresPassword: secretText,
  jwtSecret: secretText,
  /** 64 hexadecimal digits each. */
  totpEncryptionKey: secretText,
  energyEncryptionMasterKey: secretText,
  metricsAuthToken: secretText,
  /** Of the app's first administrator, until somebody changes it in the app. Installations from before have none. */
  adminPassword: secretText.optional(),
});
export type StackState = z.infer<typeof stackStateSchema>;
/** As it is after `ensureStackState`. */
export type WholeStackState = StackState & { adminPassword: Secret };

/**
 * The secrets of this installation, made once. Returns only when they are durable in the state: a password that the
 * database got and nobody remembers locks the backend out for good.
 */
export async function ensureStackState(state: StateStore): Promise<WholeStackState> {
  const known = await state.get(STACK_DOCUMENT, stackStateSchema);
  if (known?.adminPassword !== undefined) return { ...known, adminPassword: known.adminPassword };
  if (known) return putAdminPassword(state, known);
  return putAdminPassword(state, {
    version: 1,
    postgresPassword: random('base64url'),
    jwtSecret: random('base64url', 48),
    totpEncryptionKey: random('hex'),
    energyEncryptionMasterKey: random('hex'),
    metricsAuthToken: random('base64url'),
  });
}

/** A new first password, durable in the state before anybody uses it. */
async function putAdminPassword(state: StateStore, known: StackState): Promise<WholeStackState> {
  const whole = { ...known, adminPassword: random('base64url', 18) };
  await state.put(STACK_DOCUMENT, whole);
  return whole;
}

/** In the place of the one that the state has. */
export async function renewAdminPassword(state: StateStore): Promise<Secret> {
  const known = await state.get(STACK_DOCUMENT, stackStateSchema);
  if (!known) throw new InfraError(say('secrets.none'), { hints: ['koprogo-infra setup'] });
  return (await putAdminPassword(state, known)).adminPassword;
}

function random(encoding: 'hex' | 'base64url', bytes = 32): Secret {
  return new Secret(randomBytes(bytes).toString(encoding));
}

export const SECRET_PATHS = { postgres: `${SECRETS_FOLDER}/postgres_password`, backend: `${SECRETS_FOLDER}/backend_env` } as const;

/** The files that Compose hands to the containers; each belongs to the container's own user and nobody else reads it. */
export function secretFiles(secrets: StackState): ManagedFile[] {
  const password = secrets.postgresPassword.reveal();
  if (!/^[A-Za-z0-9_-]+$/.test(password)) throw new InfraError(say('secrets.password'));
  const variables = {
    DATABASE_URL: `postgresql://koprogo:${password}@postgres:5432/koprogo_db`,
    JWT_SECRET: secrets.jwtSecret.reveal(),
    TOTP_ENCRYPTION_KEY: secrets.totpEncryptionKey.reveal(),
    ENERGY_ENCRYPTION_MASTER_KEY: secrets.energyEncryptionMasterKey.reveal(),
    METRICS_AUTH_TOKEN: secrets.metricsAuthToken.reveal(),
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${singleQuoted(value)}\n`);
  return [
    { path: SECRET_PATHS.postgres, content: secrets.postgresPassword, mode: '0400', owner: '999:999' },
    { path: SECRET_PATHS.backend, content: new Secret(lines.join('')), mode: '0400', owner: '1000:1000' },
  ];
}

/** The file is sourced by a shell, so nothing that ends a quoted word may be in a value. */
function singleQuoted(value: string): string {
  if (/['\p{Cc}]/u.test(value)) throw new InfraError(say('secrets.quote'));
  return `'${value}'`;
}
