import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { OpenRcError } from '../../../../src/targets/ovh/openrc/openrc-error.js';
import { variablesOf } from '../../../../src/targets/ovh/openrc/openrc-script.js';
import { BashWords, isSyntax, sourced } from './bash-words.js';

const directory = mkdtempSync(join(tmpdir(), 'openrc-'));
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

function inBash(text: string, names: readonly string[]): Record<string, string> {
  const file = join(directory, 'openrc.sh');
  writeFileSync(file, text);
  return sourced(file, names);
}

function ours(text: string, names: readonly string[]): Record<string, string> {
  const variables = variablesOf(text);
  return Object.fromEntries(
    names.map((name) => {
      const value = variables.get(name)?.value ?? { kind: 'unset' };
      return [name, value.kind === 'text' ? value.text : `<${value.kind}>`];
    }),
  );
}

const namesIn = (text: string) => [...new Set([...text.matchAll(/\b(OS_[A-Z0-9_]+)/g)].map((match) => match[1] ?? ''))];
const agrees = (text: string) => {
  const names = namesIn(text);
  expect(names.length).toBeGreaterThan(0);
  expect(ours(text, names)).toEqual(inBash(text, names));
};

describe('what bash has after sourcing', () => {
  it.each([
    ['plain', 'OS_A=b'],
    ['exported', 'export OS_A=b'],
    ['exported before', 'export OS_A; OS_A=b'],
    ['several', 'export OS_A=b OS_B="c d" OS_C'],
    ['quoted whole', `export "OS_A=b c" 'OS_B=d'`],
    ['declared', 'declare -x OS_A=1; typeset OS_B=2; readonly OS_C=3'],
    ['added to', 'OS_A=a; OS_A+=b; export OS_A+=c'],
    ['empty', `OS_A=; OS_B=''; OS_C=""`],
    ['concatenated', `OS_A=a'b c'"d\\"e"\\ f$'\\tg'$"h"`],
    ['backslashes', 'OS_A=a\\b\\\\c OS_B="a\\b\\\\c\\$d\\`e"'],
    ['continued', 'OS_A=a\\\nb\nOS_B="c\\\nd"\nexport \\\n  OS_C=e'],
    ['over lines', `OS_A="a\nb"\nOS_B='c\n\nd'\nOS_C=e`],
    ['dollars that are none', 'OS_A=$ OS_B="$" OS_C="a$%b" OS_D=a$'],
    ['comments', `#OS_A=x\nOS_A=a#b # c ' "\n  # OS_B=1\nOS_C=a\\#b`],
    ['references', 'OS_A=a; OS_B=$OS_A; OS_C="${OS_A}b$OS_A"c; OS_D="$OS_NONE"'],
    ['defaults', `OS_A=\${OS_A:-"De fault"}; OS_B="\${OS_B:-De fault}"; OS_C=\${OS_C-'x y'}; OS_D=; OS_E=\${OS_D-n}\${OS_D:-y}`],
    ['defaults of defaults', 'OS_A="${OS_X:-${OS_Y:-z}}"; OS_B=${OS_X:-a b}; OS_C="${OS_X:-"q r"}"; OS_D="${OS_X:-\\"q\\}\\$\\\\e}"'],
    ['other operators', 'OS_A=a; OS_B=${OS_A:+yes}${OS_N:+no}${OS_A+yes}; : "${OS_C:=set}"; OS_D=${OS_A:?never}'],
    ['unset', 'OS_A=a; unset OS_A; OS_B=b; unset -v OS_B OS_C; OS_D=d'],
    ['stock blocks', 'OS_A=""\nif [ -z "$OS_A" ]; then unset OS_A; fi\nOS_B=b\nif [ -z "$OS_B" ]; then unset OS_B; fi'],
    ['if and else', `OS_A=a\nif [ "$OS_A" = b ]\nthen\n OS_B=1\nelif [[ $OS_A == a ]]; then OS_B=2\nelse OS_B=3\nfi`],
    ['nested', `if [ -n "$OS_N" ]; then if [ -z x ]; then OS_A=1; fi; OS_A=2; else if ! [ -z x ]; then OS_A=3; fi; fi`],
    ['and, or', '[ -z "$OS_A" ] && OS_A=1; [ -n "$OS_A" ] || OS_A=2; [ -z "$OS_A" ] && OS_B=1 || OS_B=2; true &&\nOS_C=3; false || OS_D=4'],
    ['tests without quotes', '[ -z $OS_A ] && OS_A=1; test $OS_A = 1 && OS_B=2; [ $OS_A != 1 ] || OS_C=3'],
    ['pipes and background', 'echo x | read OS_A; OS_B=1 & OS_C=2; OS_D=3 | cat; wait; OS_E=4'],
    ['lists in the background', 'OS_A=1 && OS_B=2 & OS_C=3; OS_D=1 ||\n\nOS_E=2 & OS_F=3 && OS_G=4; wait'],
    ['for one command', 'OS_A=1 true; OS_B=2 OS_C=3; OS_D=4 export OS_E=5'],
    ['redirections', 'echo hi >/dev/null 2>&1; OS_A=a >/dev/null; echo 2 2>/dev/null; OS_B=b'],
    ['braces', 'OS_A={a,b}; OS_B=x{y}z; OS_C=}'],
    ['tildes that are none', `OS_A=a~b; OS_B="~/x"; OS_C='~'; OS_D=\\~; OS_E="\${OS_N:-~/x}"`],
    ['escapes', `OS_A=$'a\\'b"\\"\\\\\\n\\x41\\101\\u00e9\\U1F600\\e\\q'; OS_B=$'a\\0b'c; OS_C=$'\\x4g'`],
    ['unicode', `OS_A='é€😀'; OS_B="é"`],
    ['semicolons', ';OS_A=1'.slice(1) + ' ; OS_B=2;\n\n;'.replace(/;$/, '')],
  ])('%s', (_, text) => {
    agrees(text);
  });

  it('is what is read here, for random values in every way of quoting', () => {
    const words = new BashWords();
    const names = Array.from({ length: 12 }, (_, at) => `OS_V${at}`);
    for (let round = 0; round < 60; round += 1) {
      const given = names.map(() => words.text());
      const lines = names.map((name, at) => {
        const value = words.quoted(given[at] ?? '');
        return words.one([`export ${name}=${value}`, `${name}=${value}`, `export ${name}; ${name}=${value}`, `export ${name}=x; ${name}=${value} # ${name}`, `${name}=\${NONE:-${value}}`, `if [ -z "$${name}" ]; then\n\t${name}=${value}; fi`]);
      });
      const text = `${lines.join('\n')}\n`;
      const found = ours(text, names);
      expect(found, `seed ${words.random.seed}: ${text}`).toEqual(Object.fromEntries(names.map((name, at) => [name, given[at]])));
      expect(inBash(text, names), `seed ${words.random.seed}: ${text}`).toEqual(found);
    }
  });

  it('is never contradicted, whatever is written: refused or the same', () => {
    const words = new BashWords();
    const pieces = ['$A', '${A}', '${A:-', '${N:-', '${N-', '${A:+', '}', '"', "'", "$'", '$"', '\\', ' ', 'x', '$', '~', '{a,b}', '\n', ';', '&&', '||', 'OS_W=', '#', '*', 'é', '&', '|', '!', 'if [ "$A" ]; then ', '; else ', '; fi', '; OS_W=1'];
    let same = 0;
    for (let round = 0; round < 400; round += 1) {
      const body = Array.from({ length: 1 + words.random.below(9) }, () => words.one(pieces as [string, ...string[]])).join('');
      const text = `A='p q'\n${words.one(['OS_V=', 'export OS_V='])}${body}\n`;
      let found;
      try {
        found = ours(text, ['OS_V', 'OS_W']);
      } catch (error) {
        expect(error, `seed ${words.random.seed}: ${text}`).toBeInstanceOf(OpenRcError);
        continue;
      }
      writeFileSync(join(directory, 'openrc.sh'), text);
      // What is no shell at all is of no interest: bash keeps nothing of it.
      if (!isSyntax(join(directory, 'openrc.sh'))) continue;
      same += 1;
      expect(found, `seed ${words.random.seed}: ${text}`).toEqual(inBash(text, ['OS_V', 'OS_W']));
    }
    expect(same).toBeGreaterThan(50);
  });
});
