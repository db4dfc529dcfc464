import { describe, expect, it, vi } from 'vitest';
import { inspect } from 'node:util';
import { InfraError } from '../src/errors.js';
import { Secret } from '../src/secret.js';
import { amount, bytes, duration, folded, printable, table } from '../src/ui/format.js';
import { TextReporter } from '../src/ui/reporter.js';

function recorder(isTTY: boolean) {
  const screen = { text: '', isTTY, columns: 60, write: (part: string) => (screen.text += part) };
  return screen;
}

describe('TextReporter', () => {
  it('writes no control sequence and no colour where there is no terminal', () => {
    const screen = recorder(false);
    const reporter = new TextReporter(screen, { LANG: 'C' });
    reporter.heading('Set-up');
    reporter.step('Volumes', { state: 'applying' });
    reporter.update('Volumes: key', { done: 1, total: 2 });
    reporter.step('Volumes', { state: 'changed', detail: 'two volumes' });
    reporter.failure(new InfraError('the disk is full', { hints: ['df -h'] }));
    expect(screen.text).toBe('\nSet-up\n  … Volumes\n+ Volumes · two volumes\nx the disk is full\n  → df -h\n');
  });

  it('writes a wait into a log once it lasts, again from time to time, and how long the step took', () => {
    vi.useFakeTimers();
    try {
      const screen = recorder(false);
      const reporter = new TextReporter(screen, { LANG: 'C' });
      reporter.step('Volumes', { state: 'applying' });
      reporter.update('short');
      vi.advanceTimersByTime(1000);
      reporter.update('formatting');
      vi.advanceTimersByTime(24_000);
      reporter.step('Volumes', { state: 'changed' });
      vi.advanceTimersByTime(60_000);
      expect(screen.text).toBe('  … Volumes\n  … formatting\n  … formatting 23 s\n+ Volumes (25 s)\n');
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes the waiting line away before it writes another, and obeys NO_COLOR', () => {
    const screen = recorder(true);
    const reporter = new TextReporter(screen, { NO_COLOR: '1', LANG: 'fr_BE.UTF-8' });
    reporter.update('waiting');
    reporter.note('a line');
    reporter.clear();
    expect(screen.text).toBe('\r\x1b[2Ka line\n\r\x1b[2K');
  });
});

it('takes an empty LC_ALL for one that is not set, as every program does', () => {
  const screen = recorder(false);
  new TextReporter(screen, { LC_ALL: '', LANG: 'fr_BE.UTF-8' }).step('Volumes', { state: 'unchanged' });
  expect(screen.text).toBe('✔ Volumes\n');
});

it('breaks the line of a finished step between words, and goes on below the title', () => {
  const screen = recorder(true);
  new TextReporter(screen, { NO_COLOR: '1', LANG: 'C' }).step('Images', { state: 'unchanged', detail: 'stand-ins from Debian packages, of which one is real' });
  expect(screen.text).toBe('ok Images · stand-ins from Debian packages, of which one is\n  real\n');
});

describe('a long note', () => {
  const long = '  one two three four five six seven eight nine ten eleven twelve thirteen';

  it('is broken between words on a terminal, each line with its indent', () => {
    const screen = recorder(true);
    new TextReporter(screen, { NO_COLOR: '1', LANG: 'C' }).note(`short\n${long}`);
    expect(screen.text).toBe('short\n  one two three four five six seven eight nine ten eleven\n  twelve thirteen\n');
  });

  it('stays one line in a log', () => {
    const screen = recorder(false);
    new TextReporter(screen, { LANG: 'C' }).warn(long);
    expect(screen.text).toBe(`! ${long}\n`);
  });
});

describe('format', () => {
  it('shows bytes, durations and what is left', () => {
    expect([0, 999, 1000, 1_440_000, 999_600_000].map(bytes)).toEqual(['0 B', '999 B', '1.0 kB', '1.4 MB', '1.0 GB']);
    expect([0.4, 59, 60, 3599, 7800].map(duration)).toEqual(['0 s', '59 s', '1 min 00 s', '59 min 59 s', '2 h 10 min']);
    expect(amount({ done: 25, total: 100, unit: 'items' }, 10)).toBe('25 of 100 (25 %, 30 s left)');
    expect(amount({ done: 5e6, unit: 'bytes' }, 10)).toBe('5.0 MB');
  });

  it('goes on below the cell of a table that is too long for the line, and leaves alone what fits', () => {
    expect(folded('Backup   one two three four five six seven eight\n  a  b c\n    indented by four and much too long', 30)).toBe('Backup   one two three four\n         five six seven eight\n  a  b c\n    indented by four and much\n    too long');
    expect(folded('/a/path/that/is/longer/than/a/line and more', 24)).toBe('/a/path/that/is/longer/than/a/line\nand more');
  });

  it('keeps a command on one line', () => {
    expect(folded('Login  admin@koprogo.com; its first password: koprogo-infra stack admin-password', 70)).toBe('Login  admin@koprogo.com; its first password:\n       koprogo-infra stack admin-password');
    expect(folded('one two three `koprogo-infra luks unlock` four five', 30)).toBe('one two three\n`koprogo-infra luks unlock`\nfour five');
  });

  it('aligns columns and leaves no control character in foreign text', () => {
    expect(table([['a', 'bb'], ['ccc', 'd']])).toBe('a    bb\nccc  d');
    expect(printable('a\x1b[31mb\u202ec\n')).toBe('a\ufffd[31mb\ufffdc\n');
  });
});

describe('Secret', () => {
  it('never turns into its value by itself', () => {
    const secret = new Secret('hunter2');
    const shown = [String(secret), JSON.stringify({ secret }), inspect({ secret }), secret.toString(), inspect(new Map([[secret, secret]]))];
    expect(shown.join()).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});
