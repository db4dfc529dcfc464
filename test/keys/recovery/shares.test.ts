import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { combine } from 'shamir-secret-sharing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { InputError } from '../../../src/errors.js';
import { checkCharacter, fromBase32, toBase32 } from '../../../src/keys/recovery/base32.js';
import { ALPHABET, generatePassphrase } from '../../../src/keys/passphrase.js';
import { parseShare, shareRows } from '../../../src/keys/recovery/share-text.js';
import { combineShares, type Share, splitPassphrase } from '../../../src/keys/recovery/shares.js';
import { Secret } from '../../../src/secret.js';

const PYTHON = '/usr/bin/python3';
const noPython = existsSync(PYTHON) ? undefined : 'the Debian package python3 is not installed';
if (noPython) console.warn(`a test of docs/combine-shares.py left out: ${noPython}`);

const PASSPHRASE = generatePassphrase();
const TWO_OF_THREE = { count: 3, threshold: 2 };

/** All choices of `size` out of the list, in every order that the list gives. */
function choices<T>(list: readonly T[], size: number): T[][] {
  if (size === 0) return [[]];
  return list.flatMap((item, i) => choices(list.slice(i + 1), size - 1).map((rest) => [item, ...rest]));
}

function pick(shares: readonly Share[], ...indices: number[]): Share[] {
  return shares.filter((share) => indices.includes(share.index));
}

describe('base 32', () => {
  it('comes back for every length', () => {
    for (let length = 0; length < 30; length += 1) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 89 + length) & 0xff);
      const text = toBase32(bytes);
      expect(text).toHaveLength(Math.ceil((length * 8) / 5));
      expect(fromBase32(text)).toEqual(bytes);
    }
    expect(toBase32(Buffer.from('foobar'))).toBe('csqpyrk1e8');
    expect(() => fromBase32('u')).toThrow(RangeError);
  });

  it('has a check character that finds every wrong character, every two exchanged, and every moved group', () => {
    for (const group of ['0000', 'zzzz', '0z1y', 'k3m9', 'aaab']) {
      const whole = group + checkCharacter(7, group);
      const fits = (text: string, position = 7) => checkCharacter(position, text.slice(0, 4)) === text.slice(4);
      expect(fits(whole)).toBe(true);
      for (let at = 0; at < 5; at += 1) {
        for (const other of ALPHABET) {
          if (other !== whole.charAt(at)) expect(fits(whole.slice(0, at) + other + whole.slice(at + 1))).toBe(false);
        }
        for (let to = at + 1; to < 5; to += 1) {
          const characters = Array.from(whole);
          [characters[at], characters[to]] = [characters[to] ?? '', characters[at] ?? ''];
          if (characters.join('') !== whole) expect(fits(characters.join(''))).toBe(false);
        }
      }
      for (let position = 0; position < 32; position += 1) expect(fits(whole, position)).toBe(position === 7);
    }
  });
});

describe('shares', () => {
  it.each([
    [3, 2],
    [2, 2],
    [5, 3],
    [16, 2],
    [16, 16],
    [6, 5],
  ])('%i of which %i are needed give the passphrase, whichever they are', async (count, threshold) => {
    const shares = await splitPassphrase(PASSPHRASE, { count, threshold });
    expect(shares.map((share) => share.index)).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    for (const some of choices(shares, threshold).slice(0, 150)) {
      const typed = some.reverse().map((share) => parseShare(shareRows(share).join('\n')));
      expect((await combineShares(typed)).reveal()).toBe(PASSPHRASE.reveal());
    }
    // More than needed is welcome.
    expect((await combineShares(shares)).reveal()).toBe(PASSPHRASE.reveal());
    await expect(combineShares(shares.slice(1, threshold))).rejects.toThrow(new RegExp(`${threshold} of the ${count} shares are needed, and only ${threshold - 1} (is|are) here`));
  });

  it('too few tell nothing: every value of one share occurs for the same passphrase', async () => {
    // With 2 of 3, the first byte of a share is the first byte of the secret plus a random multiple of its x.
    const seen = new Set<number>();
    for (let n = 0; n < 2000; n += 1) {
      const [share] = await splitPassphrase(PASSPHRASE, TWO_OF_THREE);
      seen.add(fromBase32(share?.value.reveal() ?? '')[0] ?? -1);
    }
    // 256 values, 2,000 draws: about 0.1 missing on average.
    expect(seen.size).toBeGreaterThan(250);
  });

  it('of different sets, installations or times are never mixed', async () => {
    const first = await splitPassphrase(PASSPHRASE, TWO_OF_THREE);
    const again = await splitPassphrase(PASSPHRASE, TWO_OF_THREE);
    const mixed = [...pick(first, 1), ...pick(again, 2)];
    await expect(combineShares(mixed)).rejects.toThrow(`share 1 is of set ${first[0]?.set ?? ''}, share 2 is of set ${again[0]?.set ?? ''}`);
    // Were the set ids the same, the check value would tell.
    const forged = mixed.map((share) => ({ ...share, set: '00000000' }));
    await expect(combineShares(forged)).rejects.toThrow(/do not give the passphrase together/);
  });

  it('given twice, contradicting, or not genuine are refused', async () => {
    const shares = await splitPassphrase(PASSPHRASE, TWO_OF_THREE);
    const [a, b, c] = shares as [Share, Share, Share];
    await expect(combineShares([a, a])).rejects.toThrow('share 1 was given twice');
    await expect(combineShares([a, { ...b, value: a.value }])).rejects.toThrow(/not genuine/);
    await expect(combineShares([a, { ...b, threshold: 3 }])).rejects.toThrow(/contradict each other: one says 2 of 3, one says 3 of 3/);
    await expect(combineShares([])).rejects.toThrow(/at least 2 shares/);
    const lowered = (await splitPassphrase(PASSPHRASE, { count: 3, threshold: 3 })).slice(0, 2).map((share) => ({ ...share, threshold: 2 }));
    await expect(combineShares(lowered)).rejects.toThrow(/not genuine/);
    const bent = { ...c, value: new Secret(toBase32(fromBase32(c.value.reveal()).map((byte, i) => (i === 4 ? byte ^ 1 : byte)))) };
    await expect(combineShares([a, bent])).rejects.toThrow(/not genuine/);
    await expect(combineShares([a, b, bent])).rejects.toThrow(/not genuine/);
    // At x = 0 stands the secret itself: with such a share its maker alone would say what comes out.
    const secret = await combine([fromBase32(a.value.reveal()), fromBase32(b.value.reveal())]);
    const zero = { ...c, value: new Secret(toBase32(Uint8Array.from([...secret, 0]))) };
    await expect(combineShares([a, zero])).rejects.toThrow(/not genuine/);
  });

  it('are made of a generated passphrase only, and within limits', async () => {
    for (const [count, threshold] of [[1, 1], [3, 1], [2, 3], [17, 2], [3, 2.5], [Number.NaN, 2]] as const) {
      await expect(splitPassphrase(PASSPHRASE, { count, threshold })).rejects.toThrow(InputError);
    }
    for (const own of ['correct horse battery staple', '', `${PASSPHRASE.reveal()}-00000`]) {
      await expect(splitPassphrase(new Secret(own), TWO_OF_THREE)).rejects.toThrow(/was not generated by koprogo-infra/);
    }
  });

  it('print as nothing', async () => {
    const [share] = await splitPassphrase(PASSPHRASE, TWO_OF_THREE);
    expect(inspect(share)).not.toContain(share?.value.reveal());
    expect(JSON.stringify(share)).toContain('[redacted]');
  });
});

describe('a typed share', async () => {
  const [share] = (await splitPassphrase(PASSPHRASE, TWO_OF_THREE)) as [Share];
  const rows = shareRows(share);
  const groups = rows.join(' ').split(' ');
  const text = groups.join(' ');

  it('is three rows of groups of five', () => {
    expect(rows.map((row) => row.split(' ').length)).toEqual([5, 5, 3]);
    expect(groups.every((group) => group.length === 5)).toBe(true);
  });

  it('is read with other spaces, hyphens, capitals, and o, i and l for digits', () => {
    const forms = [text.toUpperCase(), groups.join(''), groups.join('-'), `\n  ${rows.join('\r\n\t')}  \n`, text.replaceAll('0', 'O').replaceAll('1', 'l'), text.replaceAll('1', 'I')];
    for (const form of forms) expect(parseShare(form).value.reveal()).toBe(share.value.reveal());
  });

  it('with one character wrong says in which group, for every place and every character', () => {
    for (let at = 0; at < 65; at += 1) {
      const group = Math.floor(at / 5);
      for (const other of ALPHABET) {
        const place = at + group;
        if (other === text.charAt(place)) continue;
        const typed = text.slice(0, place) + other + text.slice(place + 1);
        expect(() => parseShare(typed)).toThrow(`there is a typing error: group ${group + 1} (row ${Math.floor(group / 5) + 1}, number ${(group % 5) + 1}) does not fit`);
      }
    }
  });

  it('with two characters or two groups exchanged says where', () => {
    for (let group = 0; group < 13; group += 1) {
      const [a = '', b = '', ...rest] = groups[group] ?? '';
      if (a === b) continue;
      const typed = groups.with(group, [b, a, ...rest].join('')).join(' ');
      expect(() => parseShare(typed)).toThrow(`group ${group + 1} (`);
    }
    const exchanged = groups.with(2, groups[8] ?? '').with(8, groups[2] ?? '');
    expect(() => parseShare(exchanged.join(' '))).toThrow('groups 3, 9 do not fit');
  });

  it('with something missing, too much, or foreign says so', () => {
    const problem = (typed: string) => {
      try {
        parseShare(typed);
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        for (const group of groups) expect(error.message + error.hints.join()).not.toContain(group);
        return `${error.message}; ${error.hints.join('; ')}`;
      }
      throw new Error('was read');
    };
    expect(problem('')).toMatch(/0 characters and not 65/);
    expect(problem(groups.slice(0, 12).join(' '))).toMatch(/60 characters and not 65 .*first 12 groups are right/);
    expect(problem(groups.toSpliced(4, 1).join(' '))).toMatch(/60 characters and not 65 .*first 4 groups are right/);
    expect(problem([...groups, groups[12] ?? ''].join(' '))).toMatch(/70 characters and not 65 .*first 13 groups are right/);
    expect(problem(groups.with(3, groups[3]?.slice(1) ?? '').join(' '))).toMatch(/group 4 \(row 1, number 4\) has 4 characters and not 5/);
    expect(problem(groups.with(3, 'uuuuu').join(' '))).toMatch(/group 4 .*has a character that shares do not have/);
    expect(problem(groups.with(9, `é${groups[9]?.slice(1) ?? ''}`).join(' '))).toMatch(/group 10 \(row 2, number 5\) has a character/);
    expect(problem('a'.repeat(401))).toMatch(/more than 400 characters/);
    expect(problem(groups.toReversed().join(' '))).toMatch(/typing error: group 1 \(row 1, number 1\) and \d+ more do not fit/);
  });

  it('with two errors that hide each other from the check character is refused as a whole', () => {
    const group = groups[5] ?? '';
    const twins = Array.from(ALPHABET).flatMap((x) => Array.from(ALPHABET, (y) => x + y + group.slice(2, 4)));
    const hidden = twins.filter((twin) => twin !== group.slice(0, 4) && checkCharacter(6, twin) === group.slice(4));
    expect(hidden).toHaveLength(31);
    for (const twin of hidden) expect(() => parseShare(groups.with(5, twin + group.slice(4)).join(' '))).toThrow(/two typing errors hide each other/);
  });

  it('of a newer version is told from a typing error', () => {
    const newer = `2${text.slice(1, 4)}`;
    const longer = [newer + checkCharacter(1, newer), ...groups.slice(1), 'abcde'].join(' ');
    expect(() => parseShare(longer)).toThrow('format version 2, and this program reads version 1');
    expect(() => parseShare(`2${text.slice(1)}`)).toThrow('typing error: group 1');
  });
});

describe('the vectors', () => {
  const { passphrase, shares } = z
    .object({ passphrase: z.string(), shares: z.array(z.object({ set: z.string(), threshold: z.number(), count: z.number(), index: z.number(), rows: z.array(z.string()) })) })
    .parse(JSON.parse(readFileSync('test/keys/vectors/recovery-shares-v1.json', 'utf8')));

  it('are read, written and combined as they were', async () => {
    const read = shares.map(({ rows }) => parseShare(rows.join(' ')));
    for (const [i, share] of read.entries()) {
      const { rows, ...plan } = shares[i] ?? { rows: [] };
      expect(share).toMatchObject(plan);
      expect(shareRows(share)).toEqual(rows);
    }
    for (const some of choices(read, 3)) expect((await combineShares(some)).reveal()).toBe(passphrase);
  });

  it.skipIf(noPython !== undefined)('are combined by docs/combine-shares.py, which refuses what is wrong', () => {
    const directory = mkdtempSync(join(tmpdir(), 'koprogo-combine-'));
    const combineFiles = (...texts: string[]) => {
      const files = texts.map((text, i) => join(directory, `${i}.txt`));
      for (const [i, file] of files.entries()) writeFileSync(file, texts[i] ?? '');
      const { status, stdout, stderr } = spawnSync(PYTHON, ['-B', 'docs/combine-shares.py', ...files], { encoding: 'utf8', timeout: 30_000 });
      return { status, stdout, said: stderr.replaceAll(`${directory}/`, '') };
    };
    try {
      const [a = '', b = '', c = '', , e = ''] = shares.map(({ rows }) => rows.join('\n'));
      const sheetOf = (text: string) => `Share\n-----BEGIN KOPROGO RECOVERY SHARE-----\n${text.toUpperCase()}\n-----END KOPROGO RECOVERY SHARE-----\nmore\n`;
      expect(combineFiles(e, sheetOf(a), c.replaceAll('0', 'o'))).toEqual({ status: 0, stdout: `${passphrase}\n`, said: '' });
      expect(combineFiles(a, b, c, e)).toMatchObject({ status: 0, stdout: `${passphrase}\n` });
      expect(combineFiles(a, b)).toEqual({ status: 1, stdout: '', said: '3 different shares of the 5 are needed\n' });
      expect(combineFiles(a, b, b)).toMatchObject({ status: 1, stdout: '' });
      const [first = '', ...others] = c.split(/\s+/);
      const wrong = [first, ...others.with(2, others[3] ?? '')].join(' ');
      expect(combineFiles(a, b, wrong)).toEqual({ status: 1, stdout: '', said: '2.txt: typing error in group 4\n' });
      expect(combineFiles(a, b, first)).toMatchObject({ status: 1, stdout: '', said: expect.stringMatching(/not 13 groups/) as string });
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  });
});
