import { InputError } from '../../../errors.js';
import { inWords, type Said } from '../words.js';

/** What was given is not an OpenRC file that can be used. `said` and `fix` are for whoever speaks another language. */
export class OpenRcError extends InputError {
  readonly said: Said;
  readonly fix: readonly Said[];

  constructor(said: Said, fix: readonly Said[] = [], cause?: unknown) {
    super(inWords(said, 'en'), { hints: fix.map((one) => inWords(one, 'en')), ...(cause === undefined ? {} : { cause }) });
    this.said = said;
    this.fix = fix;
  }
}
