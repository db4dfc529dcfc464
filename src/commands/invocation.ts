import { InputError } from '../errors.js';
import { say } from './option-words.js';

/** What the command line said. Options are commander's, by camel-cased name; each command validates its own. */
export interface Invocation {
  arguments: readonly string[];
  options: Readonly<Record<string, unknown>>;
}

export function textOption({ options }: Invocation, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}

/** The URL of a state that an option named. Throws InputError for a password in it: everybody on this computer sees the command line. */
export function placeOption({ options }: Pick<Invocation, 'options'>, name: string): string | undefined {
  const url = options[name];
  if (typeof url !== 'string') return undefined;
  if (/^[a-z0-9]+:\/\/[^/@]*:[^/@]*@/i.test(url)) {
    throw new InputError(say('option.noPassword', { option: name }), {
      hints: [say('option.stateFile')],
    });
  }
  return url;
}

export function flag({ options }: Invocation, name: string): boolean {
  return options[name] === true;
}

export function listOption({ options }: Invocation, name: string): string[] {
  const value = options[name];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}
