import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { allWords, inWords, say } from '../../../src/targets/ovh/words.js';

const room = fileURLToPath(new URL('../../../src/targets/ovh/', import.meta.url));
const sources = readdirSync(room, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && name !== 'words.ts')
  .map((name) => readFileSync(room + name, 'utf8'))
  .join('\n');
const names = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();

describe('the words', () => {
  it.each(Object.entries(allWords))('%s has the same names in both languages, and is used', (id, { en, fr }) => {
    expect([...new Set(names(fr))]).toEqual([...new Set(names(en))]);
    expect(fr).not.toBe('');
    expect(sources).toContain(`'${id}'`);
  });

  it('are filled in, in the manner of the language', () => {
    const short = say('quota.short', { wanted: 3.90625, left: 2, limit: 163840, used: 0 });
    expect(inWords(short, 'en')).toBe('3.9 needed, 2 left (0 of 163840 used)');
    expect(inWords(short, 'fr')).toBe('3,9 nécessaires, 2 disponibles (0 utilisés sur 163840)');
    const inner = say('openrc.refused', { line: 3, name: 'OS_X', why: say('shell.command', {}) });
    expect(inWords(inner, 'fr')).toBe('ligne 3 : OS_X ne peut être lue : il faudrait exécuter une commande pour la connaître');
  });

  it('let nothing through that steers a terminal, and do not fill in twice', () => {
    expect(inWords(say('region.unknown', { region: 'a\u001b[31m\n{region}' }), 'en')).toBe('the catalog has no region a [31m {region}');
  });
});
