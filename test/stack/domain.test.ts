import { describe, expect, it } from 'vitest';
import { domainName } from '../../src/stack/domain.js';

const label63 = 'a'.repeat(63);
/** 249 characters, the most that leaves room for "api.". */
const longest = `${label63}.${label63}.${label63}.${'a'.repeat(54)}.be`;

describe('domainName', () => {
  it.each(['a.be', 'copro.example.be', 'COPRO.Example.BE', '1.2.com', 'a-b.be', 'xn--rsidence-b1a.be', 'example.xn--p1ai', longest])('accepts %s', (text) => {
    expect(domainName.parse(text)).toBe(text.toLowerCase());
  });

  it.each([
    'a.be;reboot',
    '$(id)',
    '$(id).be',
    '`id`.be',
    'a.be`) || Host(`b.be',
    'http://a.be',
    'a.be/path',
    'a.be:80',
    'a.be.',
    '.a.be',
    'a..be',
    'localhost',
    '',
    ' a.be',
    'a.be\n',
    'a b.be',
    '-a.be',
    'a-.be',
    'a_b.be',
    '*.a.be',
    '10.0.0.1',
    '::1',
    'résidence.be',
    'ａ.be',
    'ab--cd.be',
    'xn--a.be\u0000',
    `${label63}a.be`,
    `a${longest}`,
  ])('refuses %j', (text) => {
    expect(domainName.safeParse(text).success).toBe(false);
  });
});

it.each([
  ['https://Tilleuls.Example.BE/contact?x=1', 'tilleuls.example.be'],
  ['tilleuls.example.be:443', 'tilleuls.example.be'],
  ['tilleuls.example.be.', 'tilleuls.example.be'],
  [' tilleuls.example.be', 'tilleuls.example.be'],
  ['tilleuls-été.be', 'xn--tilleuls-t-j7ab.be'],
  ['not a domain', undefined],
  ['http://192.0.2.1/', undefined],
])('knows what was meant by %j', (text, meant) => {
  const { error } = domainName.safeParse(text);
  expect(/Perhaps (\S+)\?$/.exec(error?.issues[0]?.message ?? '')?.[1]).toBe(meant);
});
