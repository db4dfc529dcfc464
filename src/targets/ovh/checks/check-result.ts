import { OpenStackFailed } from '../openstack/openstack-failed.js';
import type { Said } from '../words.js';

export type CheckId =
  | 'login'
  | 'clock'
  | 'roles'
  | 'region'
  | 'flavor'
  | 'image'
  | 'network'
  | 'serverName'
  | 'zone'
  | 'volumeType'
  | 'instances'
  | 'cores'
  | 'memory'
  | 'volumes'
  | 'gigabytes';

/** What one look at the cloud gave, as data: the words for it are in words.ts. */
export interface CheckResult {
  id: CheckId;
  state: 'ok' | 'warning' | 'failed';
  /** What was looked at. */
  what: Said;
  /** Why it is not well. */
  cause?: Said;
  /** What to do, the likeliest first. */
  fix: readonly Said[];
}

export const ok = (id: CheckId, what: Said): CheckResult => ({ id, state: 'ok', what, fix: [] });
export const warning = (id: CheckId, what: Said, cause: Said, ...fix: readonly Said[]): CheckResult => ({ id, state: 'warning', what, cause, fix });
export const failed = (id: CheckId, what: Said, cause: Said, ...fix: readonly Said[]): CheckResult => ({ id, state: 'failed', what, cause, fix });

/** The result for a refusal of the cloud. Anything else that was thrown is thrown on. */
export function failedBy(error: unknown, id: CheckId, what: Said): CheckResult {
  if (!(error instanceof OpenStackFailed)) throw error;
  return failed(id, what, error.said, ...error.fix);
}

/** Runs a look at the cloud. */
export async function looking(id: CheckId, what: Said, look: () => Promise<CheckResult>): Promise<CheckResult> {
  try {
    return await look();
  } catch (error) {
    return failedBy(error, id, what);
  }
}
