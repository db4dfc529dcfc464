import { type CheckResult, failed, ok, warning } from './check-result.js';
import { say } from '../words.js';

/** The roles that the OVH manager offers, by Keystone's names; the first of a line counts, the others are its names elsewhere. */
const ROLES: readonly (readonly [string, ...string[]])[] = [
  ['administrator', 'admin'],
  ['compute_operator'],
  ['network_operator'],
  ['network_security_operator'],
  ['image_operator'],
  ['volume_operator'],
  ['objectstore_operator'],
  ['load-balancer_member', 'load-balancer_operator'],
  ['backup_operator'],
  ['infrastructure_supervisor'],
  ['key-manager_operator'],
  ['key-manager_read'],
];

/** Without these, and without the administrator's, a server with volumes, a firewall group and a bucket cannot be made. */
const NEEDED: readonly (readonly string[])[] = [['compute_operator'], ['network_security_operator', 'network_operator'], ['volume_operator'], ['objectstore_operator']];

/** Names of the twelve roles that are not among a user's own. */
export function missingRoles(own: readonly string[]): string[] {
  // "admin" is the role of a cloud's own operator, who needs no other.
  if (own.includes('admin')) return [];
  return ROLES.filter((names) => !names.some((name) => own.includes(name))).map(([name]) => name);
}

/** `roles` are the names in the token: a user may not read them anywhere else. */
export function checkRoles(roles: readonly string[]): CheckResult {
  const what = say('check.roles', {});
  const missing = missingRoles(roles);
  if (missing.length === 0) return ok('roles', what);
  const cause = say('roles.missing', { roles: missing.join(', ') });
  const able = roles.includes('administrator') || NEEDED.every((some) => some.some((role) => roles.includes(role)));
  return able ? warning('roles', what, cause, say('roles.fix', {})) : failed('roles', what, cause, say('roles.fix', {}));
}

const CLOCK_WARNING_S = 60;
/** Signed requests to S3 and the OVH API are refused beyond some minutes; AWS says 15, Keystone's tokens may look expired before. */
const CLOCK_FAILURE_S = 300;

/** `ahead`: how far this computer's clock is ahead of the cloud's, in seconds; undefined where the cloud does not say the time. */
export function checkClock(ahead: number | undefined): CheckResult {
  const what = say('check.clock', {});
  if (ahead === undefined) return warning('clock', what, say('clock.unknown', {}), say('clock.look', {}));
  const off = Math.abs(ahead);
  if (off <= CLOCK_WARNING_S) return ok('clock', what);
  const cause = ahead > 0 ? say('clock.ahead', { minutes: off / 60 }) : say('clock.behind', { minutes: off / 60 });
  return off > CLOCK_FAILURE_S ? failed('clock', what, cause, say('clock.fix', {})) : warning('clock', what, cause, say('clock.fix', {}));
}
