import { InputError } from '../../../errors.js';
import { language } from '../../../words.js';
import { inWords, type Said } from '../words.js';

/** What was given is not an OpenRC file that can be used. `said` and `fix` are what it says, by id. */
export class OpenRcError extends InputError {
  readonly said: Said;
  readonly fix: readonly Said[];

  constructor(said: Said, fix: readonly Said[] = [], cause?: unknown) {
    super(inWords(said, language()), { hints: fix.map((one) => inWords(one, language())), ...(cause === undefined ? {} : { cause }) });
    this.said = said;
    this.fix = fix;
  }
}
