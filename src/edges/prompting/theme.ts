import { styleText } from 'node:util';
import { say } from './words.js';

/** The sentences of the prompts themselves. */
export const promptWords = {
  noTerminal: () => say('prompt.noTerminal'),
  noTerminalFix: () => say('prompt.noTerminalFix'),
  read: () => say('prompt.read'),
  paste: () => say('prompt.paste'),
  manyLines: () => say('prompt.manyLines'),
};

/** The help line below a choice or a password, in the present language. */
export function helpLine(keys: [key: string, does: string][]): string {
  return keys.map(([key, does]) => `${styleText('bold', key)} ${styleText('dim', inOurWords(does))}`).join(styleText('dim', ' • '));
}

/** The library accepts "y" and "n" whatever these words are. */
export function yesAndNo() {
  return {
    yes: say('prompt.yes'),
    no: say('prompt.no'),
    error: (keywords: { yes: string; no: string }) => say('prompt.yesOrNo', keywords),
  };
}

function inOurWords(does: string): string {
  switch (does) {
    case 'navigate':
      return say('prompt.navigate');
    case 'select':
      return say('prompt.select');
    case 'toggle visibility':
      return say('prompt.toggle');
    default:
      return does;
  }
}
