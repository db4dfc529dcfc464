import { describe, expect, it } from 'vitest';
import { NotAState, parseState, relate } from '../../src/terraform/state-format.js';
import { stateBytes, type StateParts } from '../fixtures/memory-terraform-state.js';

describe('a state', () => {
  it('is read for what it may replace', () => {
    const bytes = stateBytes({ serial: 7, resources: ['a', 'b'] });
    expect(parseState(bytes)).toEqual({ bytes, serial: 7, lineage: 'one-lineage', managed: 2 });
  });

  it('does not count what is only looked up', () => {
    expect(parseState(Buffer.from('{"version":4,"serial":0,"lineage":"x","resources":[{"mode":"data"},{}]}')).managed).toBe(1);
  });

  it.each(['', 'planted-secret', '[]', '"planted-secret"', '{"version":4,"serial":1}', '{"version":4,"serial":-1,"lineage":"x"}', '{"version":4,"serial":1.5,"lineage":"x"}', '{"version":"planted-secret","serial":1,"lineage":"x"}', '{"version":4,"serial":1,"lineage":""}', '{"version":4,"serial":1,"lineage":"x","resources":{}}'])(
    'is not %j, which is not quoted',
    (text) => {
      expect(() => parseState(Buffer.from(text))).toThrow(NotAState);
      expect(() => parseState(Buffer.from(text))).not.toThrow(/planted/);
    },
  );

  it('is UTF-8 throughout, so that a store of texts gives it back unchanged', () => {
    const bytes = Buffer.concat([Buffer.from('{"version":4,"serial":1,"lineage":"'), Buffer.of(0xff), Buffer.from('"}')]);
    expect(() => parseState(bytes)).toThrow(NotAState);
  });
});

describe('the relation to the stored state', () => {
  const relation = (stored: StateParts | undefined, next: StateParts, destroying = false) => relate(stored && parseState(stateBytes(stored)), parseState(stateBytes(next)), { destroying });

  it.each<[StateParts | undefined, StateParts, string]>([
    [undefined, { serial: 0, resources: [] }, 'newer'],
    [{ serial: 3 }, { serial: 4 }, 'newer'],
    [{ serial: 3 }, { serial: 3 }, 'same'],
    [{ serial: 3 }, { serial: 3, mark: 'x' }, 'forked'],
    [{ serial: 3 }, { serial: 2 }, 'older'],
    [{ serial: 3 }, { serial: 4, lineage: 'another' }, 'stranger'],
    [{ serial: 3, resources: [] }, { serial: 0, lineage: 'another' }, 'newer'],
    [{ serial: 3 }, { serial: 4, resources: [] }, 'emptied'],
    [{ serial: 3, resources: [] }, { serial: 4, resources: [] }, 'newer'],
  ])('%j, then %j: %s', (stored, next, expected) => {
    expect(relation(stored, next)).toBe(expected);
  });

  it('takes an empty state from a run that destroys', () => {
    expect(relation({ serial: 3 }, { serial: 4, resources: [] }, true)).toBe('newer');
  });
});
