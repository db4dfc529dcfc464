import { type Certainty, opposite } from '../openstack/certainty.js';

/** An argument of a test: known, typed by somebody (so not empty), or not known. */
export type Argument = { text: string } | 'prompted' | 'unknown';

/** What `[`, `[[` or `test` answers, where its arguments alone decide it; files and other commands are not looked at. */
export function judgeTest(command: '[' | '[[' | 'test', given: readonly Argument[] | undefined): Certainty {
  if (given === undefined) return 'unsure';
  const closing = { '[': ']', '[[': ']]', test: undefined }[command];
  if (closing !== undefined && textOf(given.at(-1)) !== closing) return 'unsure';
  return judge(closing === undefined ? given : given.slice(0, -1), command === '[[');
}

function judge(args: readonly Argument[], patterns: boolean): Certainty {
  const [one, two, three] = args;
  if (one === undefined) return 'no';
  if (args.length === 1) return filled(one);
  const operator = textOf(two);
  if (args.length === 2 && two !== undefined) {
    if (textOf(one) === '!') return opposite(filled(two));
    if (textOf(one) === '-n') return filled(two);
    return textOf(one) === '-z' ? opposite(filled(two)) : 'unsure';
  }
  if (args.length === 3 && (operator === '=' || operator === '==' || operator === '!=')) {
    const [left, right] = [textOf(one), textOf(three)];
    if (left === undefined || right === undefined || (patterns && /[*?[\\(]/.test(right))) return 'unsure';
    return (left === right) === (operator !== '!=') ? 'yes' : 'no';
  }
  if (textOf(one) === '!' && args.length === 3) return opposite(judge(args.slice(1), patterns));
  return 'unsure';
}

function filled(argument: Argument): Certainty {
  if (argument === 'unknown') return 'unsure';
  return argument === 'prompted' || argument.text !== '' ? 'yes' : 'no';
}

function textOf(argument: Argument | undefined): string | undefined {
  return typeof argument === 'object' ? argument.text : undefined;
}
