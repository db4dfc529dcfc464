import { randomBytes } from 'node:crypto';
import { InputError } from '../errors.js';
import { say } from './words.js';

/**
 * Where a backup lies in the bucket: `<prefix>/<id>/<file>`. docs/formats.md specifies it.
 * `manifest.json` is written last: a folder without one is not a backup.
 */
export const FILES = {
  database: 'database.sql.gz.gpg',
  globals: 'globals.sql.gz.gpg',
  configuration: 'configuration.tar.gz.gpg',
} as const;
export const MANIFEST_FILE = 'manifest.json';

/** What an encrypted object of a backup holds. */
export type Role = keyof typeof FILES;
export const ROLES = ['database', 'globals', 'configuration'] as const satisfies readonly Role[];

/** Sorts by time as text: "20261122T020000Z-1a2b3c" is the second of the start, in UTC, and 24 random bits. */
export const backupIdPattern = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z-([0-9a-f]{6})$/;

const prefixPattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,62}){0,7}$/;

export function newBackupId(now: Date, random: Uint8Array = randomBytes(3)): string {
  const second = now.toISOString().replace(/\.\d+Z$/, 'Z');
  return `${second.replace(/[-:]/g, '')}-${Buffer.from(random.subarray(0, 3)).toString('hex')}`;
}

/** The moment that an id names; undefined when the text is not an id or names no moment (a 31st of February). */
export function timeOfBackupId(id: string): Date | undefined {
  const found = backupIdPattern.exec(id);
  if (!found) return undefined;
  const [, year = '', month = '', day = '', hour = '', minute = '', second = ''] = found;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(iso);
  return Number.isNaN(time.getTime()) || time.toISOString() !== iso ? undefined : time;
}

export function isBackupId(id: string): boolean {
  return timeOfBackupId(id) !== undefined;
}

/** Throws InputError unless the prefix is one to eight plain path segments without a slash at either end. */
export function checkPrefix(prefix: string): string {
  if (!prefixPattern.test(prefix)) {
    throw new InputError(say('layout.prefix', { prefix: prefix.slice(0, 80) }), {
      hints: [say('layout.prefix.hint')],
    });
  }
  return prefix;
}

/** The key of one object of a backup; `file` comes from FILES, MANIFEST_FILE or a validated manifest. */
export function objectKey(prefix: string, id: string, file: string): string {
  if (!isBackupId(id)) throw new InputError(say('notId', { id: id.slice(0, 40) }), { hints: ['koprogo-infra backup list'] });
  return `${checkPrefix(prefix)}/${id}/${file}`;
}

/** Reads a key of a listing, which may hold anything; undefined when it is not an object of a backup below the prefix. */
export function parseObjectKey(prefix: string, key: string): { id: string; file: string } | undefined {
  const start = `${checkPrefix(prefix)}/`;
  if (!key.startsWith(start)) return undefined;
  const [id = '', file = '', ...more] = key.slice(start.length).split('/');
  const known: readonly string[] = [...Object.values(FILES), MANIFEST_FILE];
  return more.length === 0 && isBackupId(id) && known.includes(file) ? { id, file } : undefined;
}
