import { ansiText } from './shell-ansi.js';
import { OpenRcError } from './openrc-error.js';
import { say, type Said } from '../words.js';

/** A piece of a word, before expansion. `quoted`: no word splitting and no file names there. */
export type Part =
  | { kind: 'text'; text: string; quoted: boolean }
  | { kind: 'variable'; name: string; quoted: boolean; operator?: Operator; fallback?: readonly Part[] }
  /** What only a shell could turn into a text. */
  | { kind: 'refused'; why: Said };

export type Operator = ':-' | '-' | ':=' | '=' | ':+' | '+' | ':?' | '?';

export interface Word {
  parts: readonly Part[];
  line: number;
}

/** "\n" is an operator, too. */
export type Token = { kind: 'word'; word: Word } | { kind: 'operator'; text: string; line: number };

const OPERATORS = ['<<<', '&>>', '<<-', '&&', '||', ';;', '|&', '&>', '<<', '>>', '>&', '<&', '<>', '>|', '\n', '>', '<', '|', '&', ';', '(', ')'];
const NAME = /^[A-Za-z_][A-Za-z0-9_]*/;
const EXPANSION = /^\{([A-Za-z_][A-Za-z0-9_]*)(\}|:?[-=+?])/;
/** Nested `${A:-${B:-…}}`: more than a person would write. */
const MAX_DEPTH = 20;

/** Splits text into words and operators as bash does. Throws OpenRcError where a quote is never closed. Nothing is executed. */
export function shellTokens(text: string): Token[] {
  return new Lexer(text).tokens();
}

class Lexer {
  #at = 0;
  #line = 1;
  #depth = 0;

  constructor(private readonly text: string) {}

  tokens(): Token[] {
    const found: Token[] = [];
    for (;;) {
      this.#skipBlanks();
      if (this.#at >= this.text.length) return found;
      const operator = OPERATORS.find((one) => this.#looksAt(one));
      const line = this.#line;
      if (operator !== undefined) {
        this.#take(operator.length);
        found.push({ kind: 'operator', text: operator, line });
        continue;
      }
      const parts = this.#parts((char) => ' \t\n;&|()<>'.includes(char), 'plain');
      const [only] = parts;
      // The number before a redirection ("2>/dev/null") is not a word.
      if (parts.length === 1 && only?.kind === 'text' && !only.quoted && /^\d+$/.test(only.text) && /^[<>]/.test(this.#rest(1))) continue;
      found.push({ kind: 'word', word: { parts, line } });
    }
  }

  #skipBlanks(): void {
    for (;;) {
      if (this.#looksAt('\\\n')) this.#take(2);
      else if (/^[ \t]/.test(this.#rest(1))) this.#take(1);
      else if (this.#looksAt('#')) while (this.#at < this.text.length && !this.#looksAt('\n')) this.#take(1);
      else return;
    }
  }

  /** One word, or what stands after the operator in `${A:-…}`, up to a character that ends it. */
  #parts(ends: (char: string) => boolean, place: 'plain' | 'fallback'): Part[] {
    const parts: Part[] = [];
    while (this.#at < this.text.length) {
      const char = this.#rest(1);
      if (ends(char)) break;
      const last = parts.at(-1);
      // A tilde stands for a home folder at the beginning of a value and after a colon.
      if (char === '~' && (last === undefined ? place === 'fallback' : last.kind === 'text' && !last.quoted && /[=:]$/.test(last.text))) {
        this.#take(1);
        parts.push({ kind: 'refused', why: say('shell.tilde', {}) });
      } else parts.push(...this.#piece(char));
      join(parts);
    }
    return parts;
  }

  #piece(char: string): Part[] {
    if (char === "'") return [{ kind: 'text', text: this.#until("'", 1), quoted: true }];
    if (char === '"') return this.#double();
    if (char === '\\') return this.#escaped();
    if (char === '`') return [this.#backticks()];
    if (char === '$') return this.#dollar(false);
    this.#take(1);
    return [{ kind: 'text', text: char, quoted: false }];
  }

  #escaped(): Part[] {
    this.#take(1);
    if (this.#at >= this.text.length) return [{ kind: 'text', text: '\\', quoted: true }];
    const char = this.#take(1);
    return char === '\n' ? [] : [{ kind: 'text', text: char, quoted: true }];
  }

  /** Between double quotes. An empty quoted text is a part, too: `""` is a word. */
  #double(): Part[] {
    const line = this.#line;
    this.#take(1);
    const parts: Part[] = [{ kind: 'text', text: '', quoted: true }];
    for (;;) {
      if (this.#at >= this.text.length) throw unclosed(line, '"');
      if (this.#looksAt('"')) break;
      parts.push(...this.#insideDouble('$`"\\\n'));
    }
    this.#take(1);
    return parts;
  }

  /** One character or expansion between double quotes; `escapable` are the characters before which a backslash goes away. */
  #insideDouble(escapable: string): Part[] {
    if (this.#looksAt('$')) return this.#dollar(true);
    if (this.#looksAt('`')) return [this.#backticks()];
    if (!this.#looksAt('\\')) return [{ kind: 'text', text: this.#take(1), quoted: true }];
    this.#take(1);
    const next = this.#rest(1);
    if (next === '' || !escapable.includes(next)) return [{ kind: 'text', text: '\\', quoted: true }];
    this.#take(1);
    return next === '\n' ? [] : [{ kind: 'text', text: next, quoted: true }];
  }

  #dollar(quoted: boolean): Part[] {
    const line = this.#line;
    this.#take(1);
    if (!quoted && this.#looksAt("'")) {
      const text = ansiText(this.#until("'", 1, true));
      return [text === undefined ? { kind: 'refused', why: say('shell.escape', {}) } : { kind: 'text', text, quoted: true }];
    }
    if (!quoted && this.#looksAt('"')) return this.#double();
    if (this.#looksAt('(')) {
      this.#brackets(line);
      return [{ kind: 'refused', why: say('shell.command', {}) }];
    }
    if (this.#looksAt('{')) return [this.#braces(quoted, line)];
    const name = NAME.exec(this.#rest(200))?.[0];
    if (name !== undefined) {
      this.#take(name.length);
      return [{ kind: 'variable', name, quoted }];
    }
    if (/^[0-9@*#?$!-]/.test(this.#rest(1))) {
      // Where "${A:-$${B}}" ends is told in one way by bash and in another by whoever reads from left to right.
      if (this.#depth > 0) throw new OpenRcError(say('openrc.tangled', { line }));
      this.#take(1);
      return [{ kind: 'refused', why: say('shell.expansion', {}) }];
    }
    return [{ kind: 'text', text: '$', quoted }];
  }

  #braces(quoted: boolean, line: number): Part {
    const match = EXPANSION.exec(this.#rest(200));
    if (!match) {
      this.#skipTo('}', line);
      return { kind: 'refused', why: say('shell.expansion', {}) };
    }
    const [all, name = '', operator = ''] = match;
    this.#take(all.length);
    if (operator === '}') return { kind: 'variable', name, quoted };
    if (++this.#depth > MAX_DEPTH) throw new OpenRcError(say('openrc.tangled', { line }));
    const fallback = quoted ? this.#quotedFallback() : this.#parts((char) => char === '}', 'fallback');
    this.#depth -= 1;
    if (!this.#looksAt('}')) throw unclosed(line, '${');
    this.#take(1);
    return { kind: 'variable', name, quoted, operator: operator as Operator, fallback };
  }

  /**
   * What stands after the operator in "${A:-…}". Versions of bash do not agree on single quotes there, nor on backslashes
   * between a second pair of double quotes: both are refused. Seen with bash 5.2: "${A:-"a\e"}" is ae, "${A:-a\e}" is a\e.
   */
  #quotedFallback(): Part[] {
    const parts: Part[] = [{ kind: 'text', text: '', quoted: true }];
    let second = false;
    while (this.#at < this.text.length && (second || !this.#looksAt('}'))) {
      if (this.#looksAt('"')) {
        second = !second;
        this.#take(1);
      } else if (this.#looksAt("'") || (second && this.#looksAt('\\'))) {
        this.#take(this.#looksAt("'") ? 1 : 2);
        parts.push({ kind: 'refused', why: say('shell.quotes', {}) });
      } else parts.push(...this.#insideDouble('$`"\\}\n'));
      join(parts);
    }
    return parts;
  }

  #backticks(): Part {
    this.#until('`', 1, true);
    return { kind: 'refused', why: say('shell.command', {}) };
  }

  /** Steps over `$( … )`, counting brackets; what is inside is never looked at more closely. */
  #brackets(line: number): void {
    let open = 0;
    do {
      if (this.#at >= this.text.length) throw unclosed(line, '$(');
      const char = this.#take(1);
      if (char === '\\') this.#take(1);
      else if (char === "'" || char === '"') this.#until(char, 0, char === '"');
      else if (char === '(') open += 1;
      else if (char === ')') open -= 1;
    } while (open > 0);
  }

  #skipTo(end: string, line: number): void {
    while (!this.#looksAt(end)) {
      if (this.#at >= this.text.length) throw unclosed(line, '${');
      this.#take(1);
    }
    this.#take(1);
  }

  /** The text up to the closing quote, which is stepped over, too; `opening` characters are skipped first. */
  #until(quote: string, opening: number, backslashes = false): string {
    const line = this.#line;
    this.#take(opening);
    const from = this.#at;
    while (!this.#looksAt(quote)) {
      if (this.#at >= this.text.length) throw unclosed(line, quote);
      this.#take(backslashes && this.#looksAt('\\') ? 2 : 1);
    }
    const text = this.text.slice(from, this.#at);
    this.#take(1);
    return text;
  }

  #take(count: number): string {
    const taken = this.text.slice(this.#at, this.#at + count);
    this.#at += count;
    for (const char of taken) if (char === '\n') this.#line += 1;
    return taken;
  }

  #looksAt(text: string): boolean {
    return this.text.startsWith(text, this.#at);
  }

  #rest(count: number): string {
    return this.text.slice(this.#at, this.#at + count);
  }
}

/** Makes one part of the last two where both are text of the same kind, so that `=` and `~` are seen as neighbours. */
function join(parts: Part[]): void {
  const [one, other] = parts.slice(-2);
  if (one?.kind === 'text' && other?.kind === 'text' && one.quoted === other.quoted) {
    parts.splice(-2, 2, { ...one, text: one.text + other.text });
  }
}

function unclosed(line: number, what: string): OpenRcError {
  return new OpenRcError(say('openrc.unclosed', { line, what }));
}
