/** What is known of a condition without executing anything. */
export type Certainty = 'yes' | 'no' | 'unsure';

export const opposite = (one: Certainty): Certainty => (one === 'yes' ? 'no' : one === 'no' ? 'yes' : 'unsure');

export function both(one: Certainty, other: Certainty): Certainty {
  if (one === 'no' || other === 'no') return 'no';
  return one === 'yes' && other === 'yes' ? 'yes' : 'unsure';
}

export const either = (one: Certainty, other: Certainty): Certainty => opposite(both(opposite(one), opposite(other)));
