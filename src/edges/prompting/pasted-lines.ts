import { StringDecoder } from 'node:string_decoder';
import { Interrupted } from '../../interrupt.js';
import { MOST_PASTED } from './typed-input.js';

const CTRL_C = '\u0003';
const CTRL_D = '\u0004';
const BACKSPACE = /[\u007f\b]/;
/** What a terminal puts around a paste, and arrow keys. */
const ESCAPES = /\u001b(\[[0-9;]*[A-Za-z~])?/g;

/**
 * Lines from the keyboard, up to one that holds only a dot, or Ctrl-D. They are not shown: a password may be among
 * them. At most one character more than MOST_PASTED is returned. Throws Interrupted.
 */
export function readPastedLines(keyboard: NodeJS.ReadStream, first = ''): Promise<string> {
  const decoder = new StringDecoder('utf8');
  let text = first;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void) => {
      keyboard.off('data', take);
      keyboard.off('end', ended);
      keyboard.setRawMode(false);
      keyboard.pause();
      settle();
    };
    const ended = () => {
      finish(() => {
        resolve(text);
      });
    };
    const take = (chunk: Buffer) => {
      const typed = decoder.write(chunk).replace(ESCAPES, '');
      if (typed.includes(CTRL_C)) {
        finish(() => {
          reject(new Interrupted());
        });
        return;
      }
      for (const character of typed.replaceAll(/\r\n?/g, '\n')) {
        if (character === '\n' && /(^|\n)\.$/.test(text)) {
          text = text.slice(0, -1);
          ended();
          return;
        }
        if (character === CTRL_D) {
          ended();
          return;
        }
        if (BACKSPACE.test(character)) text = text.slice(0, -1);
        else if (text.length <= MOST_PASTED) text += character;
      }
    };
    keyboard.setRawMode(true);
    keyboard.on('data', take);
    keyboard.on('end', ended);
    keyboard.resume();
  });
}
