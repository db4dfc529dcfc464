import { PassThrough } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Asks the terminal to mark what is pasted; those that do not know it pass over it. */
const MARK_PASTES = '\u001b[?2004h';
const MARK_NO_LONGER = '\u001b[?2004l';
const BEGIN = '\u001b[200~';
const END = '\u001b[201~';
const CTRL_C = '\u0003';
/** Nobody types so soon after Enter: what comes then belongs to the same paste. */
const AFTER_ENTER_MS = 50;
/** A paste without marks is over when nothing came for this long; one with marks, when its end was lost. */
const QUIET_MS = { unmarked: 150, marked: 2000 };
/** More is not kept. It is also what a pasted file may have. */
export const MOST_PASTED = 64 * 1024;

/**
 * The keyboard for one prompt. A prompt takes what comes after an Enter for its successor's answer; so several lines
 * that are pasted never reach it, and go to `pasted` as one text. One pasted line is as if it had been typed, without its Enter.
 */
export class TypedInput extends PassThrough {
  readonly #keyboard: NodeJS.ReadStream;
  readonly #pasted: (text: string) => void;
  readonly #decoder = new StringDecoder('utf8');
  /** On the line that is being typed: a paste without marks may have begun there. */
  #line = '';
  /** Typed, but not passed on yet: it ends in Enter, or in the beginning of a mark. */
  #held = '';
  #paste: { text: string; marked: boolean } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(keyboard: NodeJS.ReadStream, pasted: (text: string) => void) {
    super();
    this.#keyboard = keyboard;
    this.#pasted = pasted;
    keyboard.on('data', this.#take);
    keyboard.on('end', this.#over);
    keyboard.resume();
    markPastes(true);
  }

  /** What readline asks of a terminal. */
  setRawMode(raw: boolean): this {
    this.#keyboard.setRawMode(raw);
    return this;
  }

  get isRaw(): boolean {
    return this.#keyboard.isRaw;
  }

  /** Leaves the keyboard to the next prompt, or to nobody: this process can end. */
  release(): void {
    clearTimeout(this.#timer);
    this.#keyboard.off('data', this.#take);
    this.#keyboard.off('end', this.#over);
    this.#keyboard.pause();
    markPastes(false);
  }

  readonly #over = (): void => {
    this.end();
  };

  readonly #take = (chunk: Buffer | string): void => {
    clearTimeout(this.#timer);
    const text = typeof chunk === 'string' ? chunk : this.#decoder.write(chunk);
    if (this.#paste === undefined) this.#typed(text);
    else if (text === CTRL_C) this.#pass(text);
    else this.#collect(text);
  };

  #typed(more: string): void {
    const text = this.#held + more;
    this.#held = '';
    const begin = text.indexOf(BEGIN);
    if (begin >= 0) {
      this.#pass(text.slice(0, begin));
      this.#paste = { text: '', marked: true };
      this.#collect(text.slice(begin + BEGIN.length));
    } else if (/(\r\n|\r|\n)(?!$)/.test(text)) {
      this.#paste = { text: this.#line, marked: false };
      this.#collect(text);
    } else if (/[\r\n]$/.test(text)) {
      this.#held = text;
      this.#timer = setTimeout(() => {
        this.#held = '';
        this.#pass(text);
      }, AFTER_ENTER_MS);
    } else if (BEGIN.startsWith(text.slice(text.lastIndexOf('\u001b[2')))) {
      this.#held = text;
    } else this.#pass(text);
  }

  #collect(more: string): void {
    const paste = this.#paste;
    if (paste === undefined) return;
    const from = Math.max(0, paste.text.length - END.length);
    paste.text += more;
    const end = paste.marked ? paste.text.indexOf(END, from) : -1;
    if (end >= 0) {
      const rest = paste.text.slice(end + END.length);
      this.#finish(paste.text.slice(0, end));
      if (rest !== '') this.#typed(rest);
      return;
    }
    if (paste.text.length > 2 * MOST_PASTED) paste.text = paste.text.slice(0, MOST_PASTED + 1) + paste.text.slice(-END.length);
    this.#timer = setTimeout(() => {
      this.#finish(paste.text);
    }, QUIET_MS[paste.marked ? 'marked' : 'unmarked']);
  }

  #finish(text: string): void {
    this.#paste = undefined;
    const lines = text.replaceAll(/\r\n?/g, '\n');
    if (lines.trim().includes('\n')) this.#pasted(lines.slice(0, MOST_PASTED + 1));
    else this.#pass(lines.trim().replaceAll(/\p{C}/gu, ' '));
  }

  #pass(text: string): void {
    if (text === '') return;
    for (const character of text) {
      if (character === '\r' || character === '\n') this.#line = '';
      else if (character === '\u007f' || character === '\b') this.#line = this.#line.slice(0, -1);
      else if (character >= ' ') this.#line += character;
    }
    this.write(text);
  }
}

let marking = false;

function markPastes(wanted: boolean): void {
  if (process.env['TERM'] === 'dumb') return;
  // Whatever ends this process, the shell gets its terminal back as it was.
  if (wanted && process.listenerCount('exit', atExit) === 0) process.on('exit', atExit);
  marking = wanted;
  process.stderr.write(wanted ? MARK_PASTES : MARK_NO_LONGER);
}

function atExit(): void {
  if (marking) markPastes(false);
}
