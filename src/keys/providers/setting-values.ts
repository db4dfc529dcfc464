import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { Secret } from '../../secret.js';
import { masterKeyProblem } from './master-key.js';
import { say } from './words.js';

/** How each kind of setting is written. No message quotes the value: lines of an environment file get mixed up, and it may be a secret. */

export const boolean = z
  .string()
  .transform((text) => text.trim().toLowerCase())
  .pipe(z.enum(['true', '1', 'yes', 'on', 'false', '0', 'no', 'off'], { error: () => say('value.boolean') }))
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));

export function integer(least: number, most: number) {
  const error = () => say('value.integer', { least, most });
  return z
    .string()
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error });
}

/** A relative path is taken from the current folder; nobody but a shell knows `~`. */
export const path = z
  .string()
  .max(4096, { error: () => say('value.path') })
  .refine((text) => !/\p{Cc}/u.test(text), { error: () => say('value.control') })
  .refine((text) => !text.startsWith('~'), { error: () => say('value.tilde') })
  .transform((text) => (isAbsolute(text) ? text : resolve(text)));

/** What goes into a header: no blank, no line break. */
export const token = z
  .string()
  .regex(/^[\x21-\x7e]{1,8192}$/, { error: () => say('value.token') })
  .transform((text) => new Secret(text));

export const masterKey = z
  .string()
  .superRefine((text, context) => {
    const message = masterKeyProblem(text);
    if (message !== undefined) context.addIssue({ code: 'custom', message });
  })
  .transform((text) => new Secret(text));

/** An address of a server: https, or http on this very computer; no user, password, query or fragment. Without the "/" at its end. */
export const serverUrl = z
  .string()
  .max(1024, { error: () => say('value.url') })
  .transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const problem = urlProblem(url);
    if (problem === undefined && url) return (url.origin + url.pathname).replace(/\/+$/, '');
    context.addIssue({ code: 'custom', message: problem ?? say('value.noUrl') });
    return z.NEVER;
  });

function urlProblem(url: URL | undefined): string | undefined {
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return say('value.suchUrl');
  if (url.username !== '' || url.password !== '') return say('value.user');
  if (url.search !== '' || url.hash !== '') return say('value.query');
  if (url.protocol === 'http:' && !isLoopback(url.href)) return say('value.https');
  return undefined;
}

/** Whether a URL names this very computer, without asking DNS: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

export const region = z.string().regex(/^[a-z]{2,3}(-[a-z]+){1,3}-\d{1,2}$/, { error: () => say('value.region') });

const ARN = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(key\/[A-Za-z0-9-]+|alias\/[A-Za-z0-9/_-]+)$/;

/** A key of AWS KMS: key id, key ARN, alias (`alias/name`) or alias ARN. */
export const awsKeyId = z
  .string()
  .refine((text) => text.length <= 255, { error: () => say('value.keyId') })
  .refine((text) => /^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|alias\/[A-Za-z0-9/_-]+)$/.test(text) || ARN.test(text), {
    error: () => say('value.key'),
  })
  .refine((text) => !/(^|:)alias\/aws\//.test(text), { error: () => say('value.service') });

/** The region in a key's ARN; undefined for a key id or an alias. */
export function regionOfArn(keyId: string): string | undefined {
  return ARN.exec(keyId)?.[1];
}

/** A path of Vault (a mount or a namespace) without the "/" at its ends. */
export const vaultPath = z
  .string()
  .transform((text) => text.replace(/^\/+|\/+$/g, ''))
  .pipe(z.string().max(100, { error: () => say('value.vaultLong') }))
  .refine((text) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/.test(text), {
    error: () => say('value.vaultPath'),
  });

export const vaultKeyName = z
  .string()
  .regex(/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?$/, { error: () => say('value.vaultName') });
