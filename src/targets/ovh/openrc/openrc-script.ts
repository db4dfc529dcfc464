import { OpenRcError } from './openrc-error.js';
import { both, type Certainty, either, opposite } from '../openstack/certainty.js';
import { ASSIGNMENT, type Command, commandsOf, JOINING, literal, plain, startOf, unquotedStart } from './shell-commands.js';
import { type Argument, judgeTest } from './shell-test.js';
import { type Part, shellTokens, type Word } from './shell-words.js';
import { say, type Said } from '../words.js';

/** What a variable holds as far as it can be known without executing anything. */
export type Value = { kind: 'text'; text: string } | { kind: 'unset' } | { kind: 'prompted' } | { kind: 'refused'; why: Said };

export interface Variable {
  value: Value;
  /** Where it was set, counted from 1. */
  line: number;
}

interface Branch {
  outer: Certainty;
  /** Whether a branch of this `if` has been taken already. */
  taken: Certainty;
}

const COMPOUND = new Set(['for', 'while', 'until', 'select', 'case', 'esac', 'do', 'done', 'function', '{', '}', 'coproc', 'time']);
const KEYWORDS = new Set(['if', 'then', 'elif', 'else', 'fi']);
const DECLARING = new Set(['export', 'declare', 'typeset', 'readonly']);
/** Commands that may change variables in ways that are not looked into here. */
const OPAQUE = new Set(['eval', 'source', '.', 'alias', 'unalias', 'mapfile', 'readarray', 'let', 'getopts', 'exec', 'exit', 'return', 'trap', 'command', 'builtin', 'enable', 'local', 'shopt']);
const SUCCEEDING = new Set([':', 'true', 'echo', 'printf', 'read', 'unset', ...DECLARING]);

/**
 * The variables that a shell would have after sourcing `text`, found without executing any of it, as for a shell whose
 * environment holds no OS_ variable. Other programs that it would start are passed over, as they cannot change variables.
 * Throws OpenRcError, with name and line, where an OS_ variable depends on something that would have to be executed.
 */
export function variablesOf(text: string): ReadonlyMap<string, Variable> {
  const script = new Script();
  script.run(commandsOf(shellTokens(text)));
  return script.variables;
}

class Script {
  readonly variables = new Map<string, Variable>();
  readonly #branches: Branch[] = [];
  #active: Certainty = 'yes';
  #status: Certainty = 'yes';
  /** Of the command that is being looked at. */
  #line = 1;
  #runs: Certainty = 'yes';

  run(commands: readonly Command[]): void {
    let before = '\n';
    for (const command of commands) {
      const words = this.#keywords(command, before);
      const negated = words[0] !== undefined && plain(words[0]) === '!';
      if (negated) words.shift();
      if (words[0] !== undefined && negated && KEYWORDS.has(plain(words[0]) ?? '')) throw tangled(command.line);
      const runs = before === '&&' ? both(this.#active, this.#status) : before === '||' ? both(this.#active, opposite(this.#status)) : this.#active;
      if (command.apart) this.#status = 'unsure';
      else if (words.length > 0 && runs !== 'no') {
        [this.#line, this.#runs] = [command.line, runs];
        const status = this.#execute(words, command);
        this.#status = runs === 'yes' ? (negated ? opposite(status) : status) : 'unsure';
      }
      if (words.length > 0 || command.after !== '\n') before = command.after;
      else if (!JOINING.includes(before)) before = '\n';
    }
    if (this.#branches.length > 0) throw new OpenRcError(say('openrc.unclosed', { line: commands.at(-1)?.line ?? 1, what: 'if' }));
  }

  /** Follows if, then, elif, else and fi at the beginning of a command; the words after them are returned. */
  #keywords({ words: given, line, redirected, apart }: Command, before: string): Word[] {
    const words = [...given];
    for (;;) {
      const word = words[0] === undefined ? undefined : plain(words[0]);
      const branch = this.#branches.at(-1);
      if (word !== undefined && COMPOUND.has(word)) throw new OpenRcError(say('openrc.compound', { line, what: word }), [say('openrc.downloadAgain', {})]);
      if (word === undefined || !KEYWORDS.has(word)) return words;
      // An `if` as part of a list or a pipeline, or one that is redirected, would need more than is followed here.
      if (JOINING.includes(before) || (word === 'fi' && (apart || redirected))) throw tangled(line);
      if (word === 'if') this.#branches.push({ outer: this.#active, taken: 'no' });
      else if (branch === undefined) throw tangled(line);
      else if (word === 'then') {
        this.#active = both(branch.outer, both(opposite(branch.taken), this.#status));
        branch.taken = either(branch.taken, this.#status);
      } else if (word === 'fi') {
        this.#branches.pop();
        this.#active = branch.outer;
        this.#status = 'unsure';
      } else this.#active = both(branch.outer, opposite(branch.taken));
      words.shift();
    }
  }

  #execute(words: readonly Word[], { line, redirected }: Command): Certainty {
    const first = words.findIndex((word) => !ASSIGNMENT.test(unquotedStart(word)));
    if (first === -1) {
      for (const word of words) this.#assign(word);
      return 'yes';
    }
    // NAME=VALUE before a command is for that command alone.
    const [head, ...rest] = words.slice(first);
    const name = head === undefined ? undefined : literal(head);
    if (name === undefined || OPAQUE.has(name) || (name === 'printf' && rest[0] !== undefined && startOf(rest[0]).startsWith('-v'))) {
      throw new OpenRcError(say('openrc.opaque', { line, what: name ?? '$…' }), [say('openrc.downloadAgain', {})]);
    }
    if (name === '[' || name === '[[' || name === 'test') return judgeTest(name, this.#arguments(rest, name === '[['));
    if (DECLARING.has(name)) for (const word of rest) this.#declare(word);
    else if (name === 'unset') this.#unset(rest);
    else if (name === 'read') this.#prompt(rest, redirected);
    // "${A:=b}" sets A even where it is an argument of another command.
    else for (const word of rest) this.#expand(word.parts);
    if (name === 'false') return 'no';
    return SUCCEEDING.has(name) ? 'yes' : 'unsure';
  }

  #assign(word: Word): void {
    const match = ASSIGNMENT.exec(unquotedStart(word));
    const [first, ...rest] = word.parts;
    if (!match || first?.kind !== 'text') return;
    const [all, name = '', operator] = match;
    const added = this.#expand([{ ...first, text: first.text.slice(all.length) }, ...rest]);
    const before = operator === '+=' ? (this.variables.get(name)?.value ?? EMPTY) : EMPTY;
    this.#set(name, concatenate(before, added), word.line);
  }

  /** An argument of export and its like: NAME=VALUE in any quotes, or NAME. */
  #declare(word: Word): void {
    // export is a command: there, {a,b} makes several words, which it does not in a plain assignment.
    const braces = word.parts.some((part) => part.kind === 'text' && !part.quoted && part.text.includes('{'));
    const name = ASSIGNMENT.exec(unquotedStart(word))?.[1];
    if (name !== undefined) {
      if (braces) this.#set(name, { kind: 'refused', why: say('shell.expansion', {}) }, word.line);
      else this.#assign(word);
      return;
    }
    const loose = word.parts.some((part) => (part.kind === 'variable' && !part.quoted) || (part.kind === 'text' && !part.quoted && /[*?[{]/.test(part.text)));
    const value = this.#expand(word.parts);
    const match = value.kind === 'text' ? ASSIGNMENT.exec(value.text) : null;
    if (match?.[1] !== undefined && value.kind === 'text' && !loose && match[2] === '=') {
      this.#set(match[1], { kind: 'text', text: value.text.slice(match[0].length) }, word.line);
    } else if (value.kind !== 'text' || loose) {
      throw tangled(word.line);
    }
  }

  #unset(words: readonly Word[]): void {
    for (const word of words) {
      const name = literal(word);
      if (name === undefined) throw tangled(word.line);
      if (!name.startsWith('-')) this.#set(name, { kind: 'unset' }, word.line);
    }
  }

  /** `read -rsp "Password: " NAME`: somebody is asked. What comes from a file or a program is not known. */
  #prompt(words: readonly Word[], redirected: boolean): void {
    const texts = words.map((word) => literal(word));
    for (let at = 0; at < texts.length; at += 1) {
      const text = texts[at];
      if (text?.startsWith('-') === true) {
        // These take the next word where nothing follows them in their own.
        if (/^-[a-zA-Z]*[adinNptu]$/.test(text)) at += 1;
      } else if (text !== undefined) {
        this.#set(text, redirected ? { kind: 'refused', why: say('shell.command', {}) } : { kind: 'prompted' }, this.#line);
      }
    }
  }

  #set(name: string, value: Value, line: number): void {
    const known: Value = this.#runs === 'yes' ? value : { kind: 'refused', why: say('shell.condition', {}) };
    if (known.kind === 'refused' && name.startsWith('OS_')) {
      throw new OpenRcError(say('openrc.refused', { line, name, why: known.why }), [say('openrc.writeValue', { name })]);
    }
    this.variables.set(name, { value: known, line });
  }

  #expand(parts: readonly Part[]): Value {
    return parts.reduce<Value>((so, part) => concatenate(so, this.#valueOf(part)), EMPTY);
  }

  #valueOf(part: Part): Value {
    if (part.kind !== 'variable') return part;
    const { name, operator, fallback = [] } = part;
    const found = this.variables.get(name)?.value;
    const value: Value = found ?? { kind: 'unset' };
    if (operator === undefined) {
      if (found === undefined && !name.startsWith('OS_')) return { kind: 'refused', why: say('shell.environment', { variable: name }) };
      return value.kind === 'unset' ? EMPTY : value;
    }
    if (value.kind === 'refused') return value;
    const missing = value.kind === 'unset' || (operator.startsWith(':') && value.kind === 'text' && value.text === '');
    if (operator.endsWith('+')) return missing ? EMPTY : this.#expand(fallback);
    if (!missing) return value;
    if (operator.endsWith('?')) return { kind: 'refused', why: say('shell.environment', { variable: name }) };
    const instead = this.#expand(fallback);
    if (operator.endsWith('=')) this.#set(name, instead, this.#line);
    return instead;
  }

  /** The arguments of a test; undefined where their number depends on more than is known. */
  #arguments(words: readonly Word[], keepsWords: boolean): readonly Argument[] | undefined {
    const found: Argument[] = [];
    for (const { parts } of words) {
      const value = this.#expand(parts);
      const splits = !keepsWords && parts.some((part) => part.kind === 'variable' && !part.quoted);
      if (value.kind !== 'text') found.push(value.kind === 'prompted' ? 'prompted' : 'unknown');
      else if (splits && /[\s*?[]/.test(value.text)) return undefined;
      else if (!splits || value.text !== '') found.push({ text: value.text });
    }
    return found;
  }
}

function tangled(line: number): OpenRcError {
  return new OpenRcError(say('openrc.tangled', { line }), [say('openrc.downloadAgain', {})]);
}

const EMPTY: Value = { kind: 'text', text: '' };

function concatenate(one: Value, other: Value): Value {
  for (const kind of ['refused', 'prompted'] as const) {
    if (one.kind === kind) return one;
    if (other.kind === kind) return other;
  }
  return { kind: 'text', text: (one.kind === 'text' ? one.text : '') + (other.kind === 'text' ? other.text : '') };
}
