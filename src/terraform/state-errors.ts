import { EXIT, InfraError, type InfraErrorOptions, messageOf } from '../errors.js';
import type { Relation, TerraformState } from './state-format.js';
import type { TerraformStateStore } from './state-store.js';
import { say } from './words.js';

/** Terraform's newest state is not in the store, but (if at all) on this computer only. */
export class StateNotStored extends InfraError {
  override readonly name = 'StateNotStored';

  /** The same, said at the end of a run that had failed besides: this matters more, and that is not to be lost. */
  after(failure: unknown): StateNotStored {
    return new StateNotStored(say('unstored.before', { message: this.message, failure: messageOf(failure) }), { hints: this.hints, exitCode: this.exitCode, cause: this.cause } satisfies InfraErrorOptions);
  }
}

/** Where the state is instead; `notKept` is what kept it from the spool, if anything did. */
function whereItIs({ spool: { place } }: TerraformStateStore, notKept: unknown): string {
  return notKept === undefined ? say('unstored.kept', { place }) : say('unstored.lost', { place, why: messageOf(notKept) });
}

/** The store did not take the state, for a reason of its own. */
export function storeFailed(store: TerraformStateStore, { serial }: TerraformState, cause: unknown, notKept: unknown): StateNotStored {
  const own = cause instanceof InfraError ? cause.hints : [];
  const hints = notKept === undefined ? [say('unstored.again'), say('unstored.leave')] : [];
  const instead = whereItIs(store, notKept);
  return new StateNotStored(say('unstored.failed', { serial: String(serial), where: store.where, why: messageOf(cause), instead }), { hints: [...own, ...hints], cause });
}

/** The state may not take the place of the stored one. */
export function refused(store: TerraformStateStore, { serial }: TerraformState, relation: Exclude<Relation, 'newer' | 'same'>, notKept: unknown): StateNotStored {
  const { place } = store.spool;
  const why = {
    older: say('refused.older'),
    forked: say('refused.forked'),
    stranger: say('refused.stranger'),
    emptied: say('refused.emptied'),
  }[relation];
  return new StateNotStored(say('refused', { serial: String(serial), where: store.where, why, instead: whereItIs(store, notKept) }), {
    exitCode: EXIT.refused,
    hints: [
      ...(relation === 'emptied' ? [say('refused.destroy')] : []),
      ...(notKept === undefined ? [say('refused.goOn', { place })] : []),
    ],
  });
}
