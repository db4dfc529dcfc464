import { language } from '../../words.js';
import { inWords, say, type WordId } from './words.js';

/** The sentence in the language of this process. */
export function told<Id extends WordId>(...said: Parameters<typeof say<Id>>): string {
  return inWords(say<Id>(...said), language());
}
