import { OpenRcError } from './openrc-error.js';
import type { Token, Word } from './shell-words.js';
import { say } from '../words.js';

/** One command with its words; `after` is the operator that ends it. */
export interface Command {
  words: Word[];
  line: number;
  redirected: boolean;
  after: string;
  /** A process of its own, as part of a pipeline or in the background: what it sets does not come back. */
  apart: boolean;
}

const PIPES = ['|', '|&'];
/** What joins commands to a list, which a `&` at its end sends into the background as a whole. */
export const JOINING = ['&&', '||', ...PIPES];

/** NAME= or NAME+= at the beginning of a word. */
export const ASSIGNMENT = /^([A-Za-z_][A-Za-z0-9_]*)(\+?=)/;

/** Puts words together to commands; redirections are noted and left out. Throws OpenRcError for lists, functions and here-documents. */
export function commandsOf(tokens: readonly Token[]): Command[] {
  const commands: Command[] = [];
  const fresh = (): Command => ({ words: [], line: 1, redirected: false, after: '\n', apart: false });
  let command = fresh();
  for (let at = 0; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token === undefined) break;
    if (token.kind === 'word') {
      if (command.words.length === 0) command.line = token.word.line;
      command.words.push(token.word);
    } else if (token.text.startsWith('<<') && token.text !== '<<<') {
      throw new OpenRcError(say('openrc.tangled', { line: token.line }));
    } else if (/[<>]/.test(token.text)) {
      command.redirected = true;
      if (tokens[at + 1]?.kind !== 'word') throw new OpenRcError(say('openrc.tangled', { line: token.line }));
      at += 1;
    } else if ('();;'.includes(token.text) && token.text !== ';') {
      throw bracket(command.words, token.line);
    } else {
      commands.push({ ...command, after: token.text });
      command = fresh();
    }
  }
  if (command.words.length > 0) commands.push(command);
  setApart(commands);
  return commands;
}

function setApart(commands: readonly Command[]): void {
  let after = '\n';
  for (const command of [...commands].reverse()) {
    const blank = command.words.length === 0 && command.after === '\n';
    if (blank) continue;
    // From the end: `after` is what is known of the rest of the list that this command begins.
    const background = command.after === '&' || (JOINING.includes(command.after) && after === '&');
    command.apart = background || PIPES.includes(command.after);
    after = background ? '&' : command.after;
  }
  let before = '\n';
  for (const command of commands) {
    if (command.words.length === 0 && command.after === '\n') continue;
    if (PIPES.includes(before)) command.apart = true;
    before = command.after;
  }
}

/** `A=(…)` is a list, `name()` a function; neither belongs into an OpenRC file. Only what must be a name is shown: the rest may be a password. */
function bracket(words: readonly Word[], line: number): OpenRcError {
  const [first, last] = [words[0], words.at(-1)];
  const name = last === undefined ? undefined : ASSIGNMENT.exec(unquotedStart(last))?.[1];
  if (name !== undefined) return new OpenRcError(say('openrc.refused', { line, name, why: say('shell.list', {}) }), [say('openrc.writeValue', { name })]);
  const called = words.length === 1 && first !== undefined ? plain(first)?.slice(0, 40) : undefined;
  return new OpenRcError(say('openrc.compound', { line, what: called === undefined ? '(' : `${called}()` }), [say('openrc.downloadAgain', {})]);
}

/** The text up to the first quote or expansion: where a keyword and the name of an assignment must stand. */
export function unquotedStart({ parts: [first] }: Word): string {
  return first?.kind === 'text' && !first.quoted ? first.text : '';
}

export function startOf({ parts: [first] }: Word): string {
  return first?.kind === 'text' ? first.text : '';
}

/** The whole word where nothing in it is quoted or expanded. */
export function plain({ parts }: Word): string | undefined {
  return parts.length === 1 && parts[0]?.kind === 'text' && !parts[0].quoted ? parts[0].text : undefined;
}

/** The whole word where nothing in it is expanded. */
export function literal({ parts }: Word): string | undefined {
  return parts.every((part) => part.kind === 'text') ? parts.map(({ text }) => text).join('') : undefined;
}
