import { checkCores, checkGigabytes, checkInstances, checkMemory, checkVolumes } from './checks-quota.js';
import { checkFlavor, checkImage, checkNetwork, checkServerName } from './checks-parts.js';
import { checkRegion, checkVolumeType, checkZones } from './checks-region.js';
import { checkClock, checkRoles } from './checks-user.js';
import { type CheckResult, failedBy, ok } from './check-result.js';
import type { Credentials } from '../openstack/keystone.js';
import { OpenStack, type Region } from '../openstack/openstack-client.js';
import type { Timing } from '../openstack/openstack-http.js';
import { say } from '../words.js';

/** The server that is going to be made. */
export interface ServerPlan {
  region: string;
  serverName: string;
  flavor: string;
  image: string;
  /** With a public address for the server. Default "Ext-Net". */
  network?: string;
  /** Sizes of its volumes in GiB. */
  volumes: readonly number[];
  volumeType: string;
  /** Undefined: the cloud chooses, where it has only one. */
  availabilityZone?: string;
}

export const DEFAULT_NETWORK = 'Ext-Net';

/** Logs in; the cloud is there when the result is not a failure. */
export async function checkLogin(credentials: Credentials, timing: Timing = {}): Promise<{ result: CheckResult; cloud?: OpenStack }> {
  const what = say('check.login', { username: credentials.username });
  try {
    return { result: ok('login', what), cloud: await OpenStack.login(credentials, timing) };
  } catch (error) {
    return { result: failedBy(error, 'login', what) };
  }
}

/**
 * Looks at everything that can be known before Terraform runs, and changes nothing. What cannot be looked at because of an
 * earlier failure is left out: without a login there is one result, without the region those of the user.
 */
export async function checkOpenStack(credentials: Credentials, plan: ServerPlan, timing: Timing = {}): Promise<CheckResult[]> {
  const { result: login, cloud } = await checkLogin(credentials, timing);
  if (cloud === undefined) return [login];
  const results = [login, checkClock(cloud.session.clockAhead), checkRoles(cloud.session.roles), checkRegion(cloud.catalog, plan.region)];
  if (results.at(-1)?.state === 'failed') return results;
  let region: Region;
  try {
    region = cloud.at(plan.region);
  } catch (error) {
    return [...results.slice(0, -1), failedBy(error, 'region', say('check.region', { region: plan.region }))];
  }
  return [...results, ...(await checkParts(region, plan))];
}

/** Everything in the region, side by side. */
export async function checkParts(region: Region, plan: ServerPlan): Promise<CheckResult[]> {
  // Several checks need the same lists: each is asked for once.
  const flavors = shared(region.flavors());
  const flavor = shared(flavors.then((all) => all.find(({ name }) => name === plan.flavor)));
  const compute = shared(region.computeLimits());
  const volume = shared(region.volumeLimits());
  return Promise.all([
    checkFlavor(flavors, plan.flavor),
    checkImage(region, plan.image, flavor),
    checkNetwork(region, plan.network ?? DEFAULT_NETWORK),
    checkServerName(region, plan.serverName),
    checkZones(region, plan.availabilityZone),
    checkVolumeType(region, plan.volumeType),
    checkInstances(compute),
    checkCores(compute, flavor),
    checkMemory(compute, flavor),
    checkVolumes(volume, plan.volumes),
    checkGigabytes(volume, plan.volumes),
  ]);
}

/** A failure is told by each check that awaits the promise, which may be later than Node.js calls it unhandled. */
function shared<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
