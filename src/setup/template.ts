import { InputError } from '../errors.js';
import { folded } from '../ui/format.js';
import { fillIn } from '../words.js';
import { explanationOf, type Question } from './question.js';
import { mayApply, QUESTIONS } from './questions.js';
import { SCHEMAS } from './schemas.js';
import { say } from './words.js';

const COLUMNS = 100;

/**
 * An answers file to fill in: YAML, every line of it a comment but `target`, with what each question is, its flag and
 * variable, what may be answered, and what is proposed. For one target, or for all. Throws InputError for an unknown one.
 */
export function answersTemplate(target?: string): string {
  if (target !== undefined && !SCHEMAS.target.safeParse(target).success) throw new InputError(say('template.target', { target: JSON.stringify(target) }));
  const all = QUESTIONS.filter((question) => target === undefined || mayApply(question, target));
  // In YAML what has a name in common stands together, wherever it is asked for.
  const places = all.map(({ key }) => key.split('.')[0]);
  const questions = all.toSorted((one, other) => places.indexOf(one.key.split('.')[0]) - places.indexOf(other.key.split('.')[0]));
  const lines = comment(say('template.head'));
  let group = '';
  for (const question of questions) {
    const [head = '', tail] = question.key.split('.');
    lines.push('');
    if (tail !== undefined && head !== group) lines.push(`${head}:`);
    group = tail === undefined ? '' : head;
    const indent = tail === undefined ? '' : '  ';
    for (const line of about(question, target)) lines.push(`${indent}${line}`);
  }
  return `${lines.join('\n')}\n`;
}

function about(question: Question, target: string | undefined): string[] {
  const { key, flag, variable, ask, choices, secret, optional, when } = question;
  const lines = comment(fillIn(ask));
  const explain = explanationOf(question, { ...(target !== undefined && { target }) });
  if (explain) lines.push(...comment(fillIn(explain)));
  for (const { name } of choices ?? []) lines.push(...comment(`  - ${fillIn(name)}`));
  const where = target === undefined && when ? SCHEMAS.target.options.filter((one) => mayApply(question, one)).join(', ') : '';
  if (where !== '') lines.push(...comment(say('template.only', { where })));
  if (secret) return [...lines, ...comment(say('template.secret', { variable, flag }))];
  lines.push(...comment(say(optional ? 'template.optional' : 'template.from', { variable, flag })));
  const name = key.split('.').at(-1) ?? key;
  if (key === 'target' && target !== undefined) return [...lines, `${name}: ${target}`];
  const fallback = question.fallback?.({ target: target ?? 'sandbox' });
  return [...lines, fallback === undefined ? `# ${name}:` : `# ${name}: ${fallback}`];
}

function comment(text: string): string[] {
  return folded(text, COLUMNS - 2).split('\n').map((line) => `# ${line}`);
}
