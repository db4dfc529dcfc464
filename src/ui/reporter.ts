import { Chalk, type ChalkInstance, chalkStderr } from 'chalk';
import type { InfraError } from '../errors.js';
import type { Progress } from '../progress.js';
import { amount, duration, folded } from './format.js';
import { say } from './words.js';

/** What happened to a step of the set-up. */
export type StepEvent =
  | { state: 'checking' | 'applying' }
  | { state: 'unchanged' | 'changed'; detail?: string }
  | { state: 'failed' };

/** Everything a person sees while work goes on. Goes to standard error; results go to standard output. */
export interface Reporter extends Progress {
  heading(text: string): void;
  step(title: string, event: StepEvent): void;
  failure(error: InfraError): void;
  /** Takes the waiting line off the screen, before a prompt or the end. */
  clear(): void;
}

interface Screen {
  write(text: string): void;
  isTTY: boolean;
  columns: number;
}

const REDRAW_MS = 120;
const CLEAR_LINE = '\r\x1b[2K';
/** Without a terminal a wait is written once it has lasted this long, and then so often, so that a log shows that something lives. */
const LOG_AFTER_MS = 3000;
const LOG_AGAIN_MS = 20_000;
const LOG_LOOK_MS = 500;

export class TextReporter implements Reporter {
  readonly #screen: Screen;
  readonly #paint: ChalkInstance;
  readonly #marks: { done: string; changed: string; failed: string; warn: string; wait: readonly string[] };
  #wait: { label: string; since: number; text: string; logged: number | undefined } | undefined;
  #stepSince = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  constructor(screen: Screen = stderrScreen(), environment: NodeJS.ProcessEnv = process.env) {
    this.#screen = screen;
    const plain = !screen.isTTY || Boolean(environment['NO_COLOR']) || environment['TERM'] === 'dumb';
    this.#paint = new Chalk({ level: plain ? 0 : chalkStderr.level });
    const unicode = /utf-?8/i.test(environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || '');
    this.#marks = unicode
      ? { done: '✔', changed: '✚', failed: '✖', warn: '▲', wait: ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇'] }
      : { done: 'ok', changed: '+', failed: 'x', warn: '!', wait: ['-', '\\', '|', '/'] };
  }

  heading(text: string): void {
    this.#line(`\n${this.#paint.bold(text)}`);
  }

  step(title: string, event: StepEvent): void {
    const { green, cyan, red } = this.#paint;
    switch (event.state) {
      case 'checking':
        this.update(say('step.looking', { title }));
        // Mostly over in a moment: worth a line in a log only when it is not.
        if (this.#wait) this.#wait.logged = Date.now();
        return;
      case 'applying':
        this.#stepSince = Date.now();
        this.#wait = undefined;
        this.update(title);
        if (!this.#screen.isTTY) this.#log();
        return;
      case 'unchanged':
        this.#settle(green(this.#marks.done), title, event.detail);
        return;
      case 'changed':
        this.#settle(cyan(this.#marks.changed), title, event.detail, this.#elapsed());
        return;
      case 'failed':
        this.#settle(red(this.#marks.failed), title);
    }
  }

  note(text: string): void {
    this.#line(this.#fitted(text));
  }

  warn(text: string): void {
    this.#line(this.#fitted(text).replace(/^/, `${this.#paint.yellow(this.#marks.warn)} `));
  }

  update(label: string, progress?: { done: number; total?: number; unit?: 'bytes' | 'items' }): void {
    const now = Date.now();
    if (this.#wait?.label !== label) this.#wait = { label, since: now, text: label, logged: undefined };
    this.#wait.text = progress ? `${label} ${amount(progress, (now - this.#wait.since) / 1000)}` : label;
    this.#timer ??= this.#screen.isTTY
      ? setInterval(() => {
          this.#draw();
        }, REDRAW_MS).unref()
      : setInterval(() => {
          this.#logWhenDue();
        }, LOG_LOOK_MS).unref();
  }

  /** A secret on a screen is read by who sits there; in a pipe it would be kept in somebody's log. */
  showOnce(title: string, lines: readonly string[]): void {
    if (!this.#screen.isTTY) {
      this.#line(say('once.hidden', { title }));
      return;
    }
    this.#line(`\n${this.#paint.bold(title)}\n${lines.map((line) => `  ${line}`).join('\n')}\n`);
  }

  failure(error: InfraError): void {
    this.clear();
    // Another reporter may have left its waiting line.
    if (this.#screen.isTTY) this.#screen.write(CLEAR_LINE);
    const hints = error.hints.map((hint) => `  ${this.#paint.cyan('→')} ${hint}`);
    this.#screen.write(`${[`${this.#paint.red(this.#marks.failed)} ${error.message}`, ...hints].join('\n')}\n`);
  }

  clear(): void {
    if (!this.#timer) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#screen.isTTY) this.#screen.write(CLEAR_LINE);
  }

  /** The detail and the time stand back behind the title. */
  #settle(mark: string, title: string, detail?: string, elapsed = ''): void {
    this.clear();
    const [first = '', ...more] = this.#fitted(`${title}${detail ? ` · ${detail}` : ''}${elapsed}`).split('\n');
    const { dim } = this.#paint;
    const lines = [`${mark} ${first.slice(0, title.length)}${dim(first.slice(title.length))}`, ...more.map((line) => `  ${dim(line)}`)];
    this.#screen.write(`${lines.join('\n')}\n`);
    this.#wait = undefined;
  }

  /** Broken between words where a terminal would break inside one; each line keeps its indent. A log gets whole lines. */
  #fitted(text: string): string {
    return this.#screen.isTTY ? folded(text, this.#screen.columns - 3) : text;
  }

  #line(text: string): void {
    const drawing = this.#timer !== undefined;
    this.clear();
    this.#screen.write(`${text}\n`);
    if (drawing && this.#wait) this.update(this.#wait.label);
  }

  #elapsed(): string {
    const seconds = (Date.now() - this.#stepSince) / 1000;
    return seconds < 3 ? '' : ` (${duration(seconds)})`;
  }

  #logWhenDue(): void {
    if (!this.#wait) return;
    const { since, logged } = this.#wait;
    if (Date.now() - (logged ?? since) >= (logged === undefined ? LOG_AFTER_MS : LOG_AGAIN_MS)) this.#log();
  }

  #log(): void {
    if (!this.#wait) return;
    this.#wait.logged = Date.now();
    const seconds = (this.#wait.logged - this.#wait.since) / 1000;
    this.#screen.write(`  … ${this.#wait.text}${seconds < LOG_AFTER_MS / 1000 + 1 ? '' : ` ${duration(seconds)}`}\n`);
  }

  #draw(): void {
    if (!this.#wait) return;
    this.#frame += 1;
    const mark = this.#marks.wait[this.#frame % this.#marks.wait.length] ?? '';
    const seconds = (Date.now() - this.#wait.since) / 1000;
    const text = `${this.#wait.text} ${duration(seconds)}`.slice(0, Math.max(10, this.#screen.columns - 4));
    this.#screen.write(`${CLEAR_LINE}${this.#paint.cyan(mark)} ${text}`);
  }
}

function stderrScreen(): Screen {
  return {
    write: (text) => process.stderr.write(text),
    isTTY: process.stderr.isTTY,
    get columns() {
      return process.stderr.columns || 80;
    },
  };
}
