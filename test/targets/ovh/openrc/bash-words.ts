import { execFileSync, spawnSync } from 'node:child_process';
import { Seeded } from '../../../fixtures/random.js';

const CHARACTERS = ['a', 'Z', '0', ' ', '  ', "'", '"', '\\', '$', '`', '!', '#', '~', '{', '}', '(', ')', '*', '?', '[', ']', '|', '&', ';', '<', '>', '=', ':', '/', '-', '%', '^', '@', '\t', '\n', 'é', '€', '😀', '$x', '${', '$(', '\\n', '="', "'\\''"];

export class BashWords {
  readonly random: Seeded;

  constructor(seed?: number) {
    this.random = new Seeded(seed);
  }

  /** Any text that a variable can hold. */
  text(length = 12): string {
    return Array.from({ length: this.random.below(length) }, () => CHARACTERS[this.random.below(CHARACTERS.length)] ?? '').join('');
  }

  one<T>(list: readonly [T, ...T[]]): T {
    return list[this.random.below(list.length)] ?? list[0];
  }

  /** The text, cut anywhere and each piece quoted in one of bash's ways. */
  quoted(text: string): string {
    const points = Array.from(text);
    let written = '';
    do {
      const piece = points.splice(0, 1 + this.random.below(6)).join('');
      written += this.one([single, double, escaped, ansi, (t: string) => ansi(t, this.random)])(piece);
    } while (points.length > 0);
    return written;
  }
}

const single = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
const double = (text: string) => `"${text.replace(/[$`"\\]/g, '\\$&')}"`;
const escaped = (text: string) => Array.from(text, (char) => (char === '\n' ? `$'\\n'` : `\\${char}`)).join('') || `''`;

function ansi(text: string, random?: Seeded): string {
  const parts = Array.from(text, (char) => {
    const bytes = [...Buffer.from(char)];
    const point = char.codePointAt(0) ?? 0;
    const ways = [
      bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join(''),
      bytes.map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join(''),
      `\\U${point.toString(16).padStart(8, '0')}`,
      char.replace(/['\\]/g, '\\$&'),
    ];
    return (random === undefined ? ways[3] : ways[random.below(ways.length)]) ?? '';
  });
  return `$'${parts.join('')}'`;
}

/** What bash has in the variables after sourcing the text, without any OS_ variable before. */
export function sourced(file: string, names: readonly string[]): Record<string, string> {
  const show = names.map((name) => `printf '%s\\0' "\${${name}-<unset>}"`).join('\n');
  const output = execFileSync('bash', ['--noprofile', '--norc', '-c', `. "$1" >/dev/null 2>&1 </dev/null; ${show}`, 'bash', file], {
    env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C.UTF-8', HOME: '/nonexistent' },
    encoding: 'utf8',
  });
  const values = output.split('\0');
  return Object.fromEntries(names.map((name, at) => [name, values[at] ?? '']));
}

/** Whether bash could make anything of it. */
export function isSyntax(file: string): boolean {
  return spawnSync('bash', ['-n', file], { stdio: 'ignore' }).status === 0;
}
