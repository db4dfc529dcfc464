import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isBackupId, newBackupId, objectKey, parseObjectKey, timeOfBackupId } from '../../src/backup/layout.js';
import { formatManifest, type Manifest, manifestSchema, parseManifest, startedAt } from '../../src/backup/manifest.js';
import { exampleManifest } from './manifest-example.js';

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));
const ID = exampleManifest.id;

describe('backup ids', () => {
  it('name a second in UTC and sort by it', () => {
    const id = newBackupId(new Date('2026-11-22T02:00:00.999Z'), Buffer.from('1a2b3c', 'hex'));
    expect(id).toBe('20261122T020000Z-1a2b3c');
    expect(timeOfBackupId(id)?.toISOString()).toBe('2026-11-22T02:00:00.000Z');
    expect(newBackupId(new Date('2026-11-22T02:00:01Z')) > id).toBe(true);
  });

  it.each(['', '20261122T020000Z', '20261122T020000Z-1A2B3C', '20260231T020000Z-1a2b3c', '20261122T250000Z-1a2b3c', '20261122T020000Z-1a2b3c/', ' 20261122T020000Z-1a2b3c', '20261122T020000Z-1a2b3c\n'])(
    'refuse %j',
    (text) => {
      expect(isBackupId(text)).toBe(false);
      expect(() => objectKey('koprogo', text, 'manifest.json')).toThrow(/not a backup id/);
    },
  );
});

describe('object keys', () => {
  it('are made and read back', () => {
    const key = objectKey('koprogo/test', ID, 'database.sql.gz.gpg');
    expect(key).toBe(`koprogo/test/${ID}/database.sql.gz.gpg`);
    expect(parseObjectKey('koprogo/test', key)).toEqual({ id: ID, file: 'database.sql.gz.gpg' });
  });

  it.each([`koprogo/test/${ID}/other`, `koprogo/test/${ID}/x/manifest.json`, `koprogo/test/../${ID}/manifest.json`, `koprogo/testing/${ID}/manifest.json`, `koprogo/test/${ID}`, 'koprogo/test/probe.json', `koprogo/test/${ID}/toString`])(
    'that are not of a backup are nothing: %s',
    (key) => {
      expect(parseObjectKey('koprogo/test', key)).toBeUndefined();
    },
  );

  it.each(['', '/', 'a/', '/a', 'a//b', '../a', 'a/..', 'a b', 'é', 'a/b/c/d/e/f/g/h/i'])('refuse the prefix %j', (prefix) => {
    expect(() => objectKey(prefix, ID, 'manifest.json')).toThrow(/not a prefix/);
  });
});

describe('a manifest', () => {
  it('is written and read back', () => {
    const text = Buffer.from(formatManifest(exampleManifest)).toString();
    expect(text.endsWith('}\n')).toBe(true);
    expect(parseManifest(Buffer.from(text), ID)).toEqual(exampleManifest);
    expect(startedAt(exampleManifest).toISOString()).toBe('2026-11-22T02:00:00.000Z');
  });

  it('is what docs/formats.md shows', () => {
    const docs = readFileSync(new URL('../../docs/formats.md', import.meta.url), 'utf8');
    const example = /```json\n(\{\n {2}"format": "koprogo-backup"[\s\S]*?)```/.exec(docs)?.[1] ?? '';
    expect(JSON.parse(example)).toEqual(exampleManifest);
  });

  it('may hold fields that are not known yet', () => {
    const later = { ...exampleManifest, note: 'later', database: { ...exampleManifest.database, collation: 'C' } };
    expect(parseManifest(bytes(later), ID)).toEqual(exampleManifest);
  });

  it('of a newer format is refused with what to do', () => {
    expect(() => parseManifest(bytes({ format: 'koprogo-backup', version: 2, anything: true }), ID)).toThrow(/has format version 2; this koprogo-infra reads up to 1/);
  });

  it.each<[string, (manifest: Manifest) => unknown, RegExp]>([
    ['is another format', () => ({ hello: 1 }), /is not a manifest/],
    ['is null', () => null, /is not a manifest/],
    ['is of another id', (m) => ({ ...m, id: '20261122T020000Z-ffffff' }), /says that it belongs to backup/],
    ['has no database', (m) => ({ ...m, objects: m.objects.filter(({ role }) => role !== 'database') }), /no object of the role database/],
    ['has no roles', (m) => ({ ...m, objects: m.objects.filter(({ role }) => role !== 'globals') }), /no object of the role globals/],
    ['has an object twice', (m) => ({ ...m, objects: [...m.objects.slice(0, 2), ...m.objects.slice(0, 1)] }), /two objects of the role/],
    ['swaps files', (m) => ({ ...m, objects: m.objects.map((object) => ({ ...object, file: 'database.sql.gz.gpg' })) }), /must be globals/],
    ['names a path', (m) => ({ ...m, objects: m.objects.map((object) => ({ ...object, file: '../../etc/passwd' })) }), /is damaged/],
    ['has a negative size', (m) => ({ ...m, objects: m.objects.map((object) => ({ ...object, ciphertextBytes: -1 })) }), /is damaged/],
    ['has a short hash', (m) => ({ ...m, objects: m.objects.map((object) => ({ ...object, ciphertextSha256: 'ab' })) }), /is damaged/],
    ['has a broken count', (m) => ({ ...m, database: { ...m.database, rowCounts: { 'public.a': 1.5 } } }), /is damaged/],
    ['has a name with escape codes', (m) => ({ ...m, server: 'a\u001b[31m' }), /is damaged/],
    ['has a local time', (m) => ({ ...m, createdAt: '2026-11-22T02:00:00' }), /is damaged/],
  ])('that %s is refused', (_, change, message) => {
    expect(() => parseManifest(bytes(change(exampleManifest)), ID)).toThrow(message);
  });

  it('that is no JSON, no UTF-8 or huge is refused', () => {
    expect(() => parseManifest(Buffer.from('{'), ID)).toThrow(/is not JSON/);
    expect(() => parseManifest(Buffer.from([0x22, 0xff, 0x22]), ID)).toThrow(/is not JSON/);
    expect(() => parseManifest(Buffer.alloc(9 * 1024 * 1024), ID)).toThrow(/is not one of ours/);
  });

  it('is not written when it would not be read', () => {
    expect(() => formatManifest({ ...exampleManifest, objects: [] })).toThrow();
    expect(manifestSchema.safeParse(exampleManifest).success).toBe(true);
  });
});
