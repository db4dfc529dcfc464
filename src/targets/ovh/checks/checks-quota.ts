import { type CheckId, type CheckResult, failed, looking, ok } from './check-result.js';
import type { ComputeLimits, Flavor, Quota } from '../openstack/compute.js';
import type { VolumeLimits } from '../openstack/volumes.js';
import { say, type Said } from '../words.js';

/** One more server. */
export const checkInstances = (limits: Promise<ComputeLimits>): Promise<CheckResult> => check('instances', say('check.instances', {}), async () => [(await limits).instances, 1]);

export const checkCores = (limits: Promise<ComputeLimits>, flavor: Promise<Flavor | undefined>): Promise<CheckResult> =>
  check('cores', say('check.cores', {}), async () => [(await limits).cores, (await flavor)?.vcpus ?? 0]);

/** In GiB, as everywhere before a person. */
export const checkMemory = (limits: Promise<ComputeLimits>, flavor: Promise<Flavor | undefined>): Promise<CheckResult> =>
  check('memory', say('check.memory', {}), async () => [inGib((await limits).memory), ((await flavor)?.memory ?? 0) / 1024]);

/** `sizes`: of the volumes that will be made, in GiB. */
export const checkVolumes = (limits: Promise<VolumeLimits>, sizes: readonly number[]): Promise<CheckResult> =>
  check('volumes', say('check.volumes', {}), async () => [(await limits).volumes, sizes.length]);

export const checkGigabytes = (limits: Promise<VolumeLimits>, sizes: readonly number[]): Promise<CheckResult> =>
  check('gigabytes', say('check.gigabytes', {}), async () => [(await limits).gigabytes, sizes.reduce((sum, size) => sum + size, 0)]);

function check(id: CheckId, what: Said, look: () => Promise<[Quota, number]>): Promise<CheckResult> {
  return looking(id, what, async () => {
    const [{ limit, used }, wanted] = await look();
    if (limit === undefined || used + wanted <= limit) return ok(id, what);
    return failed(id, what, say('quota.short', { wanted, left: Math.max(0, limit - used), limit, used }), say('quota.remove', {}), say('quota.raise', {}));
  });
}

function inGib({ limit, used }: Quota): Quota {
  return { limit: limit === undefined ? undefined : limit / 1024, used: used / 1024 };
}
