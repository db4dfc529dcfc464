import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { readAcmeLog } from '../../src/certificates/acme-log.js';

const MESSAGES = new URL('../troubles/messages/', import.meta.url);
const messageOf = (file: string) => readFileSync(new URL(file, MESSAGES), 'utf8').split('\n').slice(1).join('\n');

it.each(readdirSync(MESSAGES).filter((file) => file.startsWith('acme.')))('sees in %s that a certificate was not had', (file) => {
  expect(readAcmeLog(messageOf(file)).failures).toHaveLength(1);
});

it.each([
  ['acme.failed-authorizations.txt', '2026-11-23T08:34:59.000Z'],
  ['acme.domain-certificates.txt', '2026-11-23T21:00:00.000Z'],
  ['acme.caa.txt', undefined],
])('reads in %s when to try again', (file, time) => {
  expect(readAcmeLog(messageOf(file)).retryAfter?.toISOString()).toBe(time);
});

it('takes the latest of several times, and none that is none', () => {
  const line = (time: string) => `ERR Unable to obtain ACME certificate: retry after ${time}: see\n`;
  expect(readAcmeLog(line('2026-11-23 09:00:00 UTC') + line('2026-11-23 08:00:00 UTC')).retryAfter?.toISOString()).toBe('2026-11-23T09:00:00.000Z');
  expect(readAcmeLog(line('9999-99-99 99:99:99 UTC'))).toMatchObject({ failures: [expect.any(String)], retryAfter: undefined });
});

it('says a line once that differs in its time only, shows few, short and printable ones, and no others', () => {
  const refused = (time: string) => `traefik-1  | 2026-07-17T${time}Z ERR Unable to obtain ACME certificate for domains\n`;
  expect(readAcmeLog(refused('12:33:51') + refused('12:33:53')).failures).toEqual([refused('12:33:53').trim()]);
  const many = Array.from({ length: 9 }, (_, place) => `urn:ietf:params:acme:error:dns ${place}\u001b[31m\u202e${'x'.repeat(9000)}`).join('\n');
  const { failures } = readAcmeLog(`level=info msg="Starting provider *acme.Provider"\nTesting certificate renew...\n${many}`);
  expect(failures.map((text) => [text.slice(0, 36), text.length])).toEqual([6, 7, 8].map((place) => [`urn:ietf:params:acme:error:dns ${place}[31m`, 700]));
  expect(readAcmeLog('all is well').failures).toEqual([]);
});
