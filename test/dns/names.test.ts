import { describe, expect, it } from 'vitest';
import { asciiDomain, nameInZone, plainAddress, siteHosts, zoneOf } from '../../src/dns/names.js';
import { wantedRecords } from '../../src/dns/records.js';
import { InputError } from '../../src/errors.js';

describe('the zone of a domain', () => {
  it.each([
    ['copro.example.be', ['example.be', 'other.be'], 'example.be'],
    ['example.be', ['example.be'], 'example.be'],
    ['copro.example.co.uk', ['example.co.uk'], 'example.co.uk'],
    ['copro.example.co.uk', ['co.uk.example.be', 'uk'], 'uk'],
    // A zone that was cut off from a larger one holds its own records.
    ['api.copro.example.be', ['example.be', 'copro.example.be'], 'copro.example.be'],
    ['copro.example.be', ['copro.example.be', 'example.be', 'be'], 'copro.example.be'],
    ['notexample.be', ['example.be'], undefined],
    ['example.be', ['copro.example.be'], undefined],
    ['example.be', [], undefined],
    ['xn--coproprit-i4ab.be', ['Copropriété.be'], 'xn--coproprit-i4ab.be'],
    ['example.be', ['EXAMPLE.BE.'], 'example.be'],
  ])('%s among %j', (domain, zones, zone) => {
    expect(zoneOf(domain, zones)).toBe(zone);
  });
});

it.each([
  ['  Copro.Example.BE ', 'copro.example.be'],
  ['Copropriété.be', 'xn--coproprit-i4ab.be'],
  ['xn--coproprit-i4ab.be', 'xn--coproprit-i4ab.be'],
])('takes %j as %s', (typed, domain) => {
  expect(asciiDomain(typed)).toBe(domain);
});

it.each(['https://example.be', 'example.be/site', 'exämple.be/site', 'localhost', '203.0.113.7', '', 'a b.be', 'ex\u001b[31mämple', `${'é'.repeat(300)}.be`])('refuses %j', (typed) => {
  expect(() => asciiDomain(typed)).toThrow(InputError);
});

it('names a host inside its zone, the apex by an empty name', () => {
  expect(nameInZone('example.be', 'example.be')).toBe('');
  expect(nameInZone('api.copro.example.be', 'example.be')).toBe('api.copro');
  expect(() => nameInZone('api.notexample.be', 'example.be')).toThrow();
});

it('compares addresses, not their spelling', () => {
  expect(plainAddress('2001:0DB8:0:0::0007')).toBe('2001:db8::7');
  expect(plainAddress('203.0.113.7')).toBe('203.0.113.7');
  for (const none of ['fe80::1%eth0', '203.0.113.999', 'example.be', '']) expect(plainAddress(none)).toBeUndefined();
});

it('wants addresses of the site and its API, and www where chosen', () => {
  expect(siteHosts('example.be', true)).toEqual(['example.be', 'api.example.be', 'www.example.be']);
  const records = wantedRecords({ domain: 'copro.example.be', zone: 'example.be', www: false, ipv4: '203.0.113.7', ipv6: '2001:DB8::7' });
  expect(records.map(({ subDomain, type, target }) => `${subDomain} ${type} ${target}`)).toEqual(['copro A 203.0.113.7', 'copro AAAA 2001:db8::7', 'api.copro A 203.0.113.7', 'api.copro AAAA 2001:db8::7']);
  expect(wantedRecords({ domain: 'example.be', zone: 'example.be', www: true, ipv4: '203.0.113.7' }).map(({ subDomain }) => subDomain)).toEqual(['', 'api', 'www']);
  for (const wrong of [{ ipv4: '2001:db8::7' }, { ipv4: 'x' }, { ipv6: '203.0.113.7' }, { ipv6: '[2001:db8::7]' }]) {
    expect(() => wantedRecords({ domain: 'example.be', zone: 'example.be', www: true, ipv4: '203.0.113.7', ...wrong })).toThrow(InputError);
  }
});
