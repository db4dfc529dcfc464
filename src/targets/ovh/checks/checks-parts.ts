import { type CheckResult, failed, looking, ok, warning } from './check-result.js';
import type { Flavor } from '../openstack/compute.js';
import { nearest } from './near.js';
import type { Region } from '../openstack/openstack-client.js';
import { fitFlavors, LEAST_DISK_GIB, LEAST_MEMORY_MIB, RECOMMENDED_MEMORY_MIB } from './pick.js';
import { say } from '../words.js';

const gib = (mib: number) => mib / 1024;

/** Whether the flavor is there and large enough. `flavors`: those of the region. */
export function checkFlavor(flavors: Promise<readonly Flavor[]>, name: string): Promise<CheckResult> {
  const what = say('check.flavor', { flavor: name });
  return looking('flavor', what, async () => {
    const all = await flavors;
    const fit = fitFlavors(all);
    const recommended = fit.find((one) => one.recommended) ?? fit[0];
    const other = recommended === undefined ? [] : [say('flavor.recommend', { flavor: recommended.name, memory: gib(recommended.memory), cores: recommended.vcpus, disk: recommended.disk })];
    const flavor = all.find((one) => one.name === name);
    if (flavor === undefined) {
      const near = nearest(name, all.map((one) => one.name));
      return failed('flavor', what, say('flavor.unknown', { flavor: name }), ...(near.length > 0 ? [say('choose.near', { names: near.join(', ') })] : []), ...other);
    }
    const { memory, disk } = flavor;
    if (memory < LEAST_MEMORY_MIB) return failed('flavor', what, say('flavor.memory', { flavor: name, memory: gib(memory), least: gib(LEAST_MEMORY_MIB) }), ...other);
    if (disk < LEAST_DISK_GIB) return failed('flavor', what, say('flavor.disk', { flavor: name, disk, least: LEAST_DISK_GIB }), ...other);
    if (memory < RECOMMENDED_MEMORY_MIB) return warning('flavor', what, say('flavor.tight', { flavor: name, memory: gib(memory) }), ...other);
    return ok('flavor', what);
  });
}

/** Whether there is exactly one such image, ready, and fit for the flavor. */
export function checkImage(region: Region, name: string, flavor: Promise<Flavor | undefined>): Promise<CheckResult> {
  const what = say('check.image', { image: name });
  return looking('image', what, async () => {
    const found = await region.images(name);
    const active = found.filter(({ status }) => status === 'active');
    const [image] = active;
    if (image === undefined) {
      if (found.length > 0) return failed('image', what, say('image.notReady', { image: name }), say('api.later', {}));
      const all = (await region.images()).map((one) => one.name);
      const near = nearest(name, [...new Set(all)]);
      return failed('image', what, say('image.unknown', { image: name, region: region.name }), near.length > 0 ? say('choose.near', { names: near.join(', ') }) : say('image.fix', {}));
    }
    // Terraform finds it by name, and refuses when there are two.
    if (active.length > 1) return failed('image', what, say('image.several', { image: name, count: active.length }), say('image.severalFix', {}));
    const size = await flavorOrNothing(flavor);
    if (size !== undefined && (image.minDisk > size.disk || image.minMemory > size.memory)) {
      return failed('image', what, say('image.tooLarge', { image: name, flavor: size.name, disk: image.minDisk, memory: gib(image.minMemory) }), say('image.tooLargeFix', {}));
    }
    return ok('image', what);
  });
}

/** Whether there is one such network, and servers can be on it and reach the internet. */
export function checkNetwork(region: Region, name: string): Promise<CheckResult> {
  const what = say('check.network', { network: name });
  return looking('network', what, async () => {
    const [network, second] = await region.networks(name);
    if (network === undefined) return failed('network', what, say('network.unknown', { network: name, region: region.name }), say('network.fix', {}));
    if (second !== undefined) return failed('network', what, say('network.several', { network: name }), say('network.severalFix', { network: name }));
    if (network.status !== 'ACTIVE') return failed('network', what, say('network.down', { network: name, status: network.status }), say('api.statusPage', {}));
    return network.external ? ok('network', what) : warning('network', what, say('network.internal', { network: name }), say('network.fix', {}));
  });
}

/** Whether the name is still free. OpenStack itself would make a second server of the same name. */
export function checkServerName(region: Region, name: string): Promise<CheckResult> {
  const what = say('check.serverName', { name });
  return looking('serverName', what, async () => {
    const [server] = await region.servers(name);
    if (server === undefined) return ok('serverName', what);
    return failed('serverName', what, say('serverName.taken', { name, id: server.id, status: server.status }), say('serverName.fix', {}));
  });
}

/** What is wrong with the flavor is the flavor's own result. */
async function flavorOrNothing(flavor: Promise<Flavor | undefined>): Promise<Flavor | undefined> {
  try {
    return await flavor;
  } catch {
    return undefined;
  }
}
