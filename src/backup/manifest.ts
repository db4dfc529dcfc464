import { z } from 'zod';
import { InfraError, messageOf } from '../errors.js';
import { backupIdPattern, FILES, isBackupId, type Role, ROLES, timeOfBackupId } from './layout.js';
import { say } from './words.js';

/** The version that this program writes, and the newest that it reads. */
export const MANIFEST_VERSION = 1;
/** No honest manifest is longer; a longer one is refused before it is parsed. */
export const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 in lower-case hexadecimal');
const bytes = z.number().int().nonnegative();
/** One line of printable text: manifests are shown on terminals. */
const line = z
  .string()
  .min(1)
  .max(300)
  .regex(/^\P{Cc}+$/u, 'must not hold control characters');
const instant = z.iso.datetime({ message: 'must be a UTC time such as 2026-11-22T02:00:00.000Z' });

const objectSchema = z.object({
  role: z.enum(ROLES),
  /** The object's name in the manifest's own folder, so that a copied bucket still restores. */
  file: z.enum(Object.values(FILES)),
  plaintextBytes: bytes,
  compressedBytes: bytes,
  ciphertextBytes: bytes,
  ciphertextSha256: sha256,
  plaintextSha256: sha256,
});
export type ManifestObject = z.infer<typeof objectSchema>;

const databaseSchema = z.object({
  name: line,
  /** `SHOW server_version`, for people. */
  serverVersion: line,
  /** `SHOW server_version_num`: 150014 is 15.14. The major version is this divided by 10,000. */
  serverVersionNumber: z.number().int().min(90_000).max(9_999_999),
  /** `pg_database_size` when the backup began. */
  sizeBytes: bytes,
  /** The exported snapshot in which both the dump and the row counts were taken. */
  snapshot: z.string().regex(/^[0-9A-Fa-f]+(?:-[0-9A-Fa-f]+)*$/),
  extensions: z.array(z.object({ name: line, version: line, schema: line })),
  /**
   * Exact rows of every ordinary table and every leaf partition, by PostgreSQL's `format('%I.%I', schema, table)`.
   * Tables of extensions are left out: what a dump holds of those is the extension's business.
   * PostgreSQL allows every character but NUL in a name, line feeds too: whoever prints one cleans it first.
   */
  rowCounts: z.record(z.string().min(3).max(600).regex(/^[^\0]+\.[^\0]+$/), z.number().int().nonnegative()),
});

export const manifestSchema = z
  .object({
    format: z.literal('koprogo-backup'),
    version: z.literal(MANIFEST_VERSION),
    id: z.string().regex(backupIdPattern).refine(isBackupId, 'names no real moment'),
    /** When the snapshot was taken. */
    createdAt: instant,
    /** When the last object had been stored and checked. */
    completedAt: instant,
    installation: line,
    server: line,
    agentVersion: line,
    /** The OpenPGP key that opens the objects: its primary fingerprint. */
    recoveryKey: z.object({ fingerprint: z.string().regex(/^[0-9A-F]{40}$/) }),
    compression: z.object({ algorithm: z.literal('gzip'), level: z.number().int().min(0).max(9) }),
    cipher: z.object({ format: z.literal('OpenPGP'), packet: z.literal('SEIPDv1'), symmetric: z.literal('AES256') }),
    /** The server-side encryption that was asked for and, unless it is none, seen in HEAD. */
    storageEncryption: z.discriminatedUnion('mode', [
      z.object({ mode: z.literal('AES256') }),
      z.object({ mode: z.literal('aws:kms'), keyId: line }),
      z.object({ mode: z.literal('none') }),
    ]),
    database: databaseSchema,
    objects: z.array(objectSchema).min(1).max(ROLES.length),
  })
  .superRefine((manifest, context) => {
    for (const role of ROLES) {
      const ofRole = manifest.objects.filter((object) => object.role === role);
      if (ofRole.length > 1) context.addIssue({ code: 'custom', path: ['objects'], message: `two objects of the role ${role}` });
      if (ofRole.length === 0 && role !== 'configuration') {
        context.addIssue({ code: 'custom', path: ['objects'], message: `no object of the role ${role}` });
      }
    }
    for (const [index, object] of manifest.objects.entries()) {
      if (object.file !== FILES[object.role]) {
        context.addIssue({ code: 'custom', path: ['objects', index, 'file'], message: `must be ${FILES[object.role]}` });
      }
    }
  });

/** What one backup is, in clear beside its encrypted objects. Format version 1; docs/formats.md has an example. */
export type Manifest = z.infer<typeof manifestSchema>;

/** As it is stored: JSON in UTF-8, indented by two, one line feed at the end. Throws when it would not be valid. */
export function formatManifest(manifest: Manifest): Uint8Array {
  return Buffer.from(`${JSON.stringify(manifestSchema.parse(manifest), undefined, 2)}\n`);
}

/**
 * Reads a manifest that was found as `<prefix>/<id>/manifest.json`. Unknown fields are left out.
 * Throws InfraError when it is of a newer format, damaged, or says that it is another backup's.
 */
export function parseManifest(content: Uint8Array, id: string): Manifest {
  const what = say('manifest.of', { id });
  if (content.length > MAX_MANIFEST_BYTES) throw new InfraError(say('manifest.long', { what, bytes: content.length }));
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(content));
  } catch (cause) {
    throw new InfraError(say('manifest.noJson', { what, why: messageOf(cause) }), { cause });
  }
  const head = z.object({ format: z.literal('koprogo-backup'), version: z.number().int().positive() }).safeParse(json);
  if (!head.success) throw new InfraError(say('manifest.not', { what, why: z.prettifyError(head.error) }));
  if (head.data.version > MANIFEST_VERSION) {
    throw new InfraError(say('manifest.version', { what, version: head.data.version, MANIFEST_VERSION }), {
      hints: [say('manifest.version.hint')],
    });
  }
  const read = manifestSchema.safeParse(json);
  if (!read.success) throw new InfraError(say('manifest.damaged', { what, why: z.prettifyError(read.error) }), { cause: read.error });
  if (read.data.id !== id) throw new InfraError(say('manifest.other', { what, id: read.data.id }));
  return read.data;
}

/** What a backup takes in the bucket, in bytes, but for the few of its manifest. */
export function storedBytes({ objects }: Pick<Manifest, 'objects'>): number {
  return objects.reduce((sum, object) => sum + object.ciphertextBytes, 0);
}

/** The object of a role; undefined only for a role that this backup does not hold. */
export function objectOf(manifest: Manifest, role: Role): ManifestObject | undefined {
  return manifest.objects.find((object) => object.role === role);
}

/** When the backup was begun, by its id. */
export function startedAt(manifest: Pick<Manifest, 'id'>): Date {
  const time = timeOfBackupId(manifest.id);
  if (!time) throw new InfraError(say('manifest.notId', { id: manifest.id }));
  return time;
}
