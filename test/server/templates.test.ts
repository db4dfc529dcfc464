import { describe, expect, it } from 'vitest';
import { fillTemplate } from '../../src/server/templates.js';

describe('fillTemplate', () => {
  it('fills every place of a name', () => {
    expect(fillTemplate('{{a}} {{ b }} {{a}}', { a: '1', b: '$& $1 $$' })).toBe('1 $& $1 $$ 1');
  });

  it.each([
    ['a name without a value', '{{a}}', {}],
    ['a name of every object', '{{constructor}}', {}],
    ['an empty name', '{{}}', {}],
    ['a value without a place', 'text', { a: '1' }],
    ['a line break', '{{a}}', { a: '1\n2' }],
    ['another template in a value', '{{a}}', { a: '{{b}}' }],
  ])('refuses %s', (_, text, values) => {
    expect(() => fillTemplate(text, values)).toThrow(/template/);
  });
});
