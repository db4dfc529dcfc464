import { expect, it, vi } from 'vitest';
import { reportText } from '../../../src/commands/security-text.js';
import { reportOn } from '../../../src/commands/security.js';
import { EXIT } from '../../../src/errors.js';
import { exitCodeOf, type PostureFacts, securityPosture } from '../../../src/keys/hardening/posture.js';

const now = new Date('2026-11-22T10:00:00Z');
const daysAgo = (days: number) => new Date(now.getTime() - days * 86_400_000);
const cache = { enabled: true, ttlSeconds: 300, maxEntries: 100 };

function facts(over: Partial<PostureFacts> = {}): PostureFacts {
  return {
    warnings: [],
    now,
    envelopeThresholdBytes: 1024 * 1024,
    provider: { name: 'local', where: 'key file /home/marie/.config/koprogo-infra/keys.json' },
    versions: [
      { keyId: 'local:1', version: 1, created: daysAgo(100), current: false },
      { keyId: 'local:2', version: 2, created: daysAgo(10), current: true },
    ],
    usage: [{ keyId: 'local:2', objects: 12, bytes: 34_567 }],
    rotationIntervalDays: 90,
    cache: { asked: cache, found: cache },
    memory: { asked: { locking: true, guardPages: true, constantTime: true }, found: { locked: true, guardPages: true } },
    coreDumps: { off: true, why: 'the limit of this process forbids them' },
    fips: { asked: false, found: { on: false, why: 'not asked for' } },
    audit: { asked: true, path: '/home/marie/audit.log', verification: { verdict: 'intact', lines: 40, anchored: true } },
    keyFile: { passphraseAsked: true, kdf: 'argon2id' },
    backend: 'SQLite database /home/marie/.local/state/koprogo-infra/state.db',
    ...over,
  };
}
const lineOf = (over: Partial<PostureFacts>, id: string) => securityPosture(facts(over)).lines.find((line) => line.id === id);

it('is in order when everything asked for was found', () => {
  const report = securityPosture(facts());
  expect(report.lines.filter(({ ok }) => !ok)).toEqual([]);
  expect(report.overall).toBe('ok');
  expect(exitCodeOf(report)).toBe(EXIT.ok);
  expect(report.lines.map(({ id }) => id)).toEqual(['algorithm', 'envelope', 'provider', 'key-file', 'key-age', 'older-keys', 'data-key-cache', 'memory-locking', 'guard-pages', 'constant-time', 'core-dumps', 'fips', 'audit-log', 'backend']);
});

it.each<[string, Partial<PostureFacts>, string, RegExp]>([
  ['a provider that cannot be used', { provider: { name: 'vault', where: 'https://vault.example.org', fault: 'it is sealed' } }, 'provider', /vault.*it is sealed/],
  ['a key without its passphrase', { keyFile: { passphraseAsked: true } }, 'key-file', /whoever has the file has the key/],
  ['Argon2id under FIPS', { fips: { asked: true, found: { on: true, why: '' } } }, 'key-file', /FIPS does not approve/],
  ['a key that is too old', { versions: [{ keyId: 'k', version: 7, created: daysAgo(91), current: true }] }, 'key-age', /^k \(version 7\): 91 days$/],
  ['a key of tomorrow', { versions: [{ keyId: 'k', version: 1, created: daysAgo(-1), current: true }] }, 'key-age', /a clock is wrong/],
  ['a key of unknown age', { versions: [{ keyId: 'k', version: undefined, created: undefined, current: true }] }, 'key-age', /age not known/],
  ['no current key', { versions: [] }, 'key-age', /no current version/],
  ['objects under an older key', { usage: [{ keyId: 'local:1', objects: 3, bytes: 4096 }] }, 'older-keys', /^3 objects \(4096 bytes\) under older versions$/],
  ['objects under a key that is gone', { usage: [{ keyId: 'local:9', objects: 1, bytes: 50 }] }, 'older-keys', /1 object \(50 bytes\) under versions that the provider does not have: local:9/],
  ['a cache that was not asked for', { cache: { asked: { ...cache, enabled: false }, found: cache } }, 'data-key-cache', /on: 300 s/],
  ['a cache that keeps keys longer', { cache: { asked: cache, found: { ...cache, ttlSeconds: 301 } } }, 'data-key-cache', /301 s/],
  ['memory that is not locked', { memory: { asked: facts().memory.asked, found: { locked: false, guardPages: true, why: 'the limit' } } }, 'memory-locking', /^off: the limit$/],
  ['no guard pages', { memory: { asked: facts().memory.asked, found: { locked: true, guardPages: false, why: 'no sodium' } } }, 'guard-pages', /^off: no sodium$/],
  ['core dumps', { coreDumps: { off: false, why: 'the limit allows them' } }, 'core-dumps', /^on: the limit allows them$/],
  ['FIPS that does not work', { fips: { asked: true, found: { on: false, why: 'no provider' } } }, 'fips', /^off: no provider$/],
  ['an audit log that was tampered with', { audit: { asked: true, path: 'a', verification: { verdict: 'tampered', lines: 4, anchored: true } } }, 'audit-log', /TAMPERED/],
  ['an audit log that proves nothing', { audit: { asked: true, path: 'a', verification: { verdict: 'unproven', lines: 4, anchored: false } } }, 'audit-log', /not at hand; its end is not remembered/],
  ['an audit log that could not be read', { audit: { asked: true, path: 'a', fault: 'it is a folder' } }, 'audit-log', /not verified: it is a folder/],
])('says that %s is weaker than asked', (_name, over, id, found) => {
  const report = securityPosture(facts(over));
  const line = report.lines.find((one) => one.id === id);
  expect(line).toMatchObject({ ok: false, found: expect.stringMatching(found) as string, hint: expect.any(String) as string });
  expect(report.overall).toBe('weaker-than-asked');
  expect(exitCodeOf(report)).toBe(EXIT.degraded);
});

it('asks for nothing that was not asked for', () => {
  const report = securityPosture(
    facts({
      keyFile: { passphraseAsked: false },
      rotationIntervalDays: 0,
      versions: [{ keyId: 'local:2', version: undefined, created: undefined, current: true }],
      cache: { asked: cache, found: { ...cache, enabled: false } },
      memory: { asked: { locking: false, guardPages: false, constantTime: false }, found: { locked: false, guardPages: false } },
      audit: { asked: false, path: 'a' },
    }),
  );
  expect(report.overall).toBe('ok');
  expect(lineOf({ memory: { asked: { locking: false, guardPages: false, constantTime: false }, found: { locked: false, guardPages: false } } }, 'constant-time')).toMatchObject({ asked: 'off', found: 'on: they cannot be turned off', ok: true });
  expect(lineOf({ audit: { asked: true, path: 'a', verification: { verdict: 'cut', lines: 9, anchored: true } } }, 'audit-log')).toMatchObject({ ok: true });
  expect(lineOf({ audit: { asked: true, path: 'a', verification: { verdict: 'empty', lines: 0, anchored: false } } }, 'audit-log')).toMatchObject({ ok: true });
});

it('fits on 80 columns, whatever the names', () => {
  const text = reportText(
    securityPosture(
      facts({
        provider: { name: 'aws_kms', where: `AWS KMS key arn:aws:kms:eu-west-1:111122223333:key/${'1234abcd-'.repeat(12)}`, fault: 'access denied' },
        usage: [{ keyId: `arn:aws:kms:eu-west-1:111122223333:key/${'1234abcd-'.repeat(12)}`, objects: 3, bytes: 5_000_000 }, ...facts().usage],
      }),
    ),
  );
  for (const row of text.split('\n')) expect(row.length, row).toBeLessThanOrEqual(80);
  expect(text).toContain('WEAKER THAN ASKED in 2 of 14 points');
  expect(text).toMatch(/missing {3}3 {9}5\.0 MB +arn:aws/);
});

it('reads like this', () => {
  expect(reportText(securityPosture(facts({ fips: { asked: true, found: { on: false, why: 'OpenSSL has no SHA-256 in FIPS mode: its FIPS provider is not installed or not configured' } } })))).toMatchInlineSnapshot(`
    "Security of what is stored: WEAKER THAN ASKED in 1 of 14 points

    ok    Algorithm               AES-256-GCM, a fresh data key for each object,
                                  HKDF-SHA-512
    ok    Envelope                format 1: one piece up to 1 MiB, above that chunks
                                  of 64 KiB
    ok    Key provider            local: key file
                                  /home/marie/.config/koprogo-infra/keys.json
    ok    Key file protected      by a passphrase, through Argon2id
    ok    Age of the key          local:2 (version 2): 10 days
    ok    Under older keys        nothing
    ok    Data-key cache          on: 300 s, at most 100 keys
    ok    Memory locking          on
    ok    Guard pages             on
    ok    Constant-time compares  on: they cannot be turned off
    ok    Core dumps              off: the limit of this process forbids them
    WEAK  FIPS mode               asked on
                                  found off: OpenSSL has no SHA-256 in FIPS mode:
                                  its FIPS provider is not installed or not
                                  configured
                                  -> install and configure the FIPS provider of
                                  OpenSSL
    ok    Audit log               /home/marie/audit.log: 40 lines, intact
    ok    Encrypted state         encrypted, in SQLite database
                                  /home/marie/.local/state/koprogo-infra/state.db

    KEY       OBJECTS   BYTES     VERSION
    current   12        34.6 kB   local:2"
  `);
});

it('is printed by the command, as text or as JSON', () => {
  let said = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => Boolean((said += String(text))));
  try {
    expect(reportOn({ arguments: [], options: {} }, facts())).toBe(EXIT.ok);
    expect(said).toMatch(/^Security of what is stored: as asked\n/);
    said = '';
    expect(reportOn({ arguments: [], options: { json: true } }, facts({ coreDumps: { off: false, why: 'x' } }))).toBe(EXIT.degraded);
    expect(JSON.parse(said)).toMatchObject({ overall: 'weaker-than-asked', keys: [{ keyId: 'local:2', state: 'current' }] });
  } finally {
    write.mockRestore();
  }
});
