import { isAbsolute, resolve } from 'node:path';
import { z } from 'zod';
import { Secret } from '../../secret.js';
import { masterKeyProblem } from './master-key.js';

/** How each kind of setting is written. No message quotes the value: lines of an environment file get mixed up, and it may be a secret. */

export const boolean = z
  .string()
  .transform((text) => text.trim().toLowerCase())
  .pipe(z.enum(['true', '1', 'yes', 'on', 'false', '0', 'no', 'off'], { error: 'must be true or false (1/0, yes/no, on/off)' }))
  .transform((word) => ['true', '1', 'yes', 'on'].includes(word));

export function integer(least: number, most: number) {
  const error = `must be a whole number from ${least} to ${most}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, { error })
    .transform(Number)
    .refine((value) => value >= least && value <= most, { error });
}

/** A relative path is taken from the current folder; nobody but a shell knows `~`. */
export const path = z
  .string()
  .max(4096, { error: 'is longer than 4096 characters' })
  .refine((text) => !/\p{Cc}/u.test(text), { error: 'has control characters' })
  .refine((text) => !text.startsWith('~'), { error: 'begins with "~", which only a shell understands: write the whole path' })
  .transform((text) => (isAbsolute(text) ? text : resolve(text)));

/** What goes into a header: no blank, no line break. */
export const token = z
  .string()
  .regex(/^[\x21-\x7e]{1,8192}$/, { error: 'must be 1 to 8192 characters without blanks or line breaks' })
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
  .max(1024, { error: 'is longer than 1024 characters' })
  .transform((text, context) => {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const problem = urlProblem(url);
    if (problem === undefined && url) return (url.origin + url.pathname).replace(/\/+$/, '');
    context.addIssue({ code: 'custom', message: problem ?? 'is not a URL' });
    return z.NEVER;
  });

function urlProblem(url: URL | undefined): string | undefined {
  if (!url || (url.protocol !== 'https:' && url.protocol !== 'http:')) return 'must be a URL such as https://host.example:8200';
  if (url.username !== '' || url.password !== '') return 'must not hold a user name or password';
  if (url.search !== '' || url.hash !== '') return 'must not have a "?" or "#" part';
  if (url.protocol === 'http:' && !isLoopback(url.href)) return 'must be https://: over http:// anybody on the way reads the keys and the token';
  return undefined;
}

/** Whether a URL names this very computer, without asking DNS: 127.0.0.0/8, ::1, localhost. */
export function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

export const region = z.string().regex(/^[a-z]{2,3}(-[a-z]+){1,3}-\d{1,2}$/, { error: 'must be a region such as eu-central-1' });

const ARN = /^arn:aws[a-z-]*:kms:([a-z0-9-]+):\d{12}:(key\/[A-Za-z0-9-]+|alias\/[A-Za-z0-9/_-]+)$/;

/** A key of AWS KMS: key id, key ARN, alias (`alias/name`) or alias ARN. */
export const awsKeyId = z
  .string()
  .refine((text) => text.length <= 255, { error: 'is longer than 255 characters' })
  .refine((text) => /^(mrk-[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|alias\/[A-Za-z0-9/_-]+)$/.test(text) || ARN.test(text), {
    error: 'must be a key id (a UUID), a key ARN, an alias (alias/NAME) or an alias ARN',
  })
  .refine((text) => !/(^|:)alias\/aws\//.test(text), { error: 'names a key of an AWS service (alias/aws/…): only that service may use it, make a key of your own' });

/** The region in a key's ARN; undefined for a key id or an alias. */
export function regionOfArn(keyId: string): string | undefined {
  return ARN.exec(keyId)?.[1];
}

/** A path of Vault (a mount or a namespace) without the "/" at its ends. */
export const vaultPath = z
  .string()
  .transform((text) => text.replace(/^\/+|\/+$/g, ''))
  .pipe(z.string().max(100, { error: 'is longer than 100 characters' }))
  .refine((text) => /^[A-Za-z0-9_][A-Za-z0-9_.-]*(\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/.test(text), {
    error: 'must be letters, digits, "_", "." and "-" with "/" between the parts',
  });

export const vaultKeyName = z
  .string()
  .regex(/^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,98}[A-Za-z0-9_])?$/, { error: 'must be 1 to 100 letters, digits, "_", "." and "-"' });
