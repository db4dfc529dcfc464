import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { authorityFor, certificatesSchema, findHeldCertificate, holdsCertificate } from '../../src/certificates/document.js';

const DOMAIN = 'copro.example.be';

describe('a certificate that the server holds', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'koprogo-acme-'));
  });
  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  /** The real command, with another path in it. */
  function find(store: object | string | undefined): boolean {
    const file = join(folder, 'acme.json');
    if (store !== undefined) writeFileSync(file, typeof store === 'string' ? store : JSON.stringify(store, null, 2));
    const [program = '', ...args] = findHeldCertificate(DOMAIN).argv.map((word) => word.replaceAll('/srv/koprogo/documents/letsencrypt/acme.json', file));
    return holdsCertificate(`more\n${execFileSync(program, args, { encoding: 'utf8' })}`, DOMAIN);
  }
  const account = { Email: 'me@example.be', Registration: { uri: 'https://acme-v02.api.letsencrypt.org/acme/acct/1' } };
  const holding = (...domains: string[]) => ({ letsencrypt: { Account: account, Certificates: domains.map((main) => ({ domain: { main }, certificate: 'AAAA'.repeat(50_000), key: 'AAAA', Store: 'default' })) } });

  it('is found in Traefik’s store by its domain, and by no other', () => {
    expect(find(holding(`api.${DOMAIN}`, DOMAIN))).toBe(true);
    expect(find(JSON.stringify(holding(DOMAIN)))).toBe(true);
    expect(find(holding(`api.${DOMAIN}`, 'coproXexample.be', 'example.be'))).toBe(false);
  });

  it('is not there with an account alone, an empty file, or no file', () => {
    expect(find({ letsencrypt: { Account: account, Certificates: null } })).toBe(false);
    expect(find('')).toBe(false);
    expect(find('{')).toBe(false);
    rmSync(join(folder, 'acme.json'));
    expect(find(undefined)).toBe(false);
  });
});

describe('the authority that is asked', () => {
  const rehearsed = (...names: string[]) => certificatesSchema.parse({ version: 1, rehearsed: { names, at: '2026-11-29T10:00:00.000Z' } });

  it.each([
    [undefined, false, 'staging'],
    [rehearsed('other.example.be', `www.${DOMAIN}`), false, 'staging'],
    [rehearsed(DOMAIN), false, 'production'],
    [undefined, true, 'production'],
  ] as const)('after %j, a certificate on the server: %s, is %s', (document, held, authority) => {
    expect(authorityFor(DOMAIN, document, held)).toBe(authority);
  });

  it('does not follow from a document of another form', () => {
    for (const wrong of [{ version: 2, rehearsed: { names: [DOMAIN], at: '2026-11-29T10:00:00.000Z' } }, { version: 1, rehearsed: { names: [], at: 'x' } }, { version: 1 }]) {
      expect(certificatesSchema.safeParse(wrong).success).toBe(false);
    }
  });
});
