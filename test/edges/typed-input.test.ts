import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { readPastedLines } from '../../src/edges/prompting/pasted-lines.js';
import { MOST_PASTED, TypedInput } from '../../src/edges/prompting/typed-input.js';
import { Interrupted } from '../../src/interrupt.js';

/** A terminal that remembers whether it was left raw. */
class Keyboard extends PassThrough {
  isRaw = false;
  setRawMode(raw: boolean): this {
    this.isRaw = raw;
    return this;
  }
}
const asStdin = (keyboard: Keyboard) => keyboard as unknown as NodeJS.ReadStream;

let keyboard: Keyboard;
let written: string;
beforeEach(() => {
  keyboard = new Keyboard();
  written = '';
  vi.stubEnv('TERM', 'xterm');
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

describe('TypedInput', () => {
  let typed: string;
  let pasted: string[];
  let input: TypedInput;
  beforeEach(() => {
    [typed, pasted] = ['', []];
    input = new TypedInput(asStdin(keyboard), (text) => pasted.push(text));
    input.on('data', (chunk: Buffer) => (typed += chunk.toString()));
  });
  afterEach(() => {
    input.release();
  });
  /** What arrives at once, one after the other with a pause too short for a person. */
  const arrives = async (...chunks: string[]) => {
    for (const chunk of chunks) {
      keyboard.write(chunk);
      await sleep(10);
    }
    await sleep(300);
  };

  it('passes on what is typed, arrows, Enter and Ctrl-C too', async () => {
    await arrives('a');
    await arrives('é\u001b[B', '\u007f', 'b\r');
    await arrives('\u0003');
    expect([typed, pasted]).toEqual(['aé\u001b[B\u007fb\r\u0003', []]);
  });

  it.each([
    ['in one piece', ['one\rtwo\rthree']],
    ['in pieces that end with a line', ['one\r', 'two\r', 'three\r']],
    ['in pieces that begin with a line end', ['one', '\rtwo\r\nthree']],
    ['between marks', ['\u001b[200~one\rtwo\nthree\r\u001b[201~']],
    ['between marks that are torn', ['\u001b[2', '00~one\rtwo\rth', 'ree\u001b[20', '1~']],
  ])('keeps several lines, %s, from the prompt', async (_how, chunks) => {
    await arrives(...chunks);
    expect(pasted.map((text) => text.trim())).toEqual(['one\ntwo\nthree']);
    expect(typed).not.toMatch(/[\r\n]|two|three/);
    await arrives('answer\r');
    expect(typed).toMatch(/answer\r$/);
  });

  it('takes one pasted line as if it were typed, without its Enter and without what steers a terminal', async () => {
    await arrives('\u001b[200~a.example.be\u001b[31m\r\u001b[201~');
    expect([typed, pasted]).toEqual(['a.example.be [31m', []]);
  });

  it('keeps no more than a file may have, and can be broken off in the middle', async () => {
    await arrives('\u001b[200~\n', ...Array.from({ length: 40 }, () => `${'x'.repeat(8000)}\n`), '\u001b[201~');
    expect(pasted[0]).toHaveLength(MOST_PASTED + 1);
    await arrives('\u001b[200~one\r', '\u0003');
    expect(typed).toBe('\u0003');
  });

  it('asks the terminal to mark pastes, and no longer afterwards', () => {
    input.release();
    expect(written).toBe('\u001b[?2004h\u001b[?2004l');
    expect(keyboard.isPaused()).toBe(true);
  });
});

describe('readPastedLines', () => {
  const reads = async (...chunks: string[]) => {
    const reading = readPastedLines(asStdin(keyboard));
    expect(keyboard.isRaw).toBe(true);
    for (const chunk of chunks) keyboard.write(chunk);
    return reading.finally(() => {
      expect(keyboard.isRaw).toBe(false);
    });
  };

  it('ends with a line of one dot, or Ctrl-D; marks and arrows are no text', async () => {
    expect(await reads('\u001b[200~export A=b.\r', 'export C="d\u001b[A\r.e"\u001b[201~\r', 'f\u007f.\rrest')).toBe('export A=b.\nexport C="d\n.e"\n');
    keyboard = new Keyboard();
    expect(await reads('a\rb', '\u0004')).toBe('a\nb');
    expect(written).toBe('');
  });

  it('ends at Ctrl-C, and keeps no more than a file may have', async () => {
    await expect(reads('a\r', 'b\u0003')).rejects.toThrow(Interrupted);
    keyboard = new Keyboard();
    expect(await reads('x'.repeat(200_000), '\u0004')).toHaveLength(MOST_PASTED + 1);
  });
});
