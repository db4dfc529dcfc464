import { EXIT, InfraError, type InfraErrorOptions, messageOf } from '../errors.js';
import type { Relation, TerraformState } from './state-format.js';
import type { TerraformStateStore } from './state-store.js';

/** Terraform's newest state is not in the store, but (if at all) on this computer only. */
export class StateNotStored extends InfraError {
  override readonly name = 'StateNotStored';

  /** The same, said at the end of a run that had failed besides: this matters more, and that is not to be lost. */
  after(failure: unknown): StateNotStored {
    return new StateNotStored(`${this.message}\nBefore that: ${messageOf(failure)}`, { hints: this.hints, exitCode: this.exitCode, cause: this.cause } satisfies InfraErrorOptions);
  }
}

/** Where the state is instead; `notKept` is what kept it from the spool, if anything did. */
function whereItIs({ spool: { place } }: TerraformStateStore, notKept: unknown): string {
  return notKept === undefined ? `It is kept, encrypted, in ${place}.` : `It could not be kept in ${place} either (${messageOf(notKept)}) and is lost.`;
}

/** The store did not take the state, for a reason of its own. */
export function storeFailed(store: TerraformStateStore, { serial }: TerraformState, cause: unknown, notKept: unknown): StateNotStored {
  const own = cause instanceof InfraError ? cause.hints : [];
  const hints = notKept === undefined ? ['type the same command again when the store answers: it stores that state first', 'until then nothing else knows what was built: leave that file where it is'] : [];
  return new StateNotStored(`Terraform's newest state (serial ${serial}) could not be stored in ${store.where}: ${messageOf(cause)}\n${whereItIs(store, notKept)}`, { hints: [...own, ...hints], cause });
}

/** The state may not take the place of the stored one. */
export function refused(store: TerraformStateStore, { serial }: TerraformState, relation: Exclude<Relation, 'newer' | 'same'>, notKept: unknown): StateNotStored {
  const { place } = store.spool;
  const why = {
    older: 'its serial is lower than that of the stored one: somebody else has built since',
    forked: 'somebody else has stored another state meanwhile',
    stranger: 'it belongs to another history (lineage) than the stored one',
    emptied: 'it has no resources any more, the stored one has some, and nothing was to be destroyed',
  }[relation];
  return new StateNotStored(`Terraform's newest state (serial ${serial}) was not put in the place of the one in ${store.where}: ${why}\n${whereItIs(store, notKept)}`, {
    exitCode: EXIT.refused,
    hints: [
      ...(relation === 'emptied' ? ['if everything is to go: koprogo-infra destroy'] : []),
      ...(notKept === undefined ? [`to go on with the stored state, after a look at what really exists: mv ${place} ${place}.refused`] : []),
    ],
  });
}
